"""The outermost layer of a room behind the API: one event in, one answer out, one line logged."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from hooktrace.api.auth import ApiKeyIdentity
from hooktrace.api.exchange import Request, Response, Route
from hooktrace.api.log import LogLine, describe_error, print_line
from hooktrace.api.payload import body_of, headers_of, query_of, to_gateway
from hooktrace.api.problems import problem, problem_of
from hooktrace.api.routing import Found, Missed, RouteTable, method_and_path, methods_on
from hooktrace.domain.errors import Fault, InvalidInput, Refusal

Authenticate = Callable[[str | None], ApiKeyIdentity]
GatewayHandler = Callable[[Mapping[str, Any], Any], dict[str, object]]


def make_handler(
    routes: Iterable[Route],
    *,
    authenticate: Authenticate,
    room: str,
    max_body_bytes: int,
    api_methods: Callable[[], Mapping[str, Collection[str]]] | None = None,
    log: LogLine = print_line,
    timer: Callable[[], float] = time.perf_counter,
) -> GatewayHandler:
    """The Lambda handler of a room. It never raises: whatever happens is a problem document.

    `authenticate` gets the `Authorization` header, returns the caller or raises Unauthorized; it
    runs before the query and the body are looked at. `api_methods` is for the room that gets what
    no other takes: the path templates of the whole API with their methods, for 405 and `Allow`.
    """
    table = RouteTable(routes)

    def handler(event: Mapping[str, Any], context: Any) -> dict[str, object]:
        started = timer()
        request_id = _request_id(event, context)
        line: dict[str, object] = {"room": room}
        answer: dict[str, object]
        try:
            response = _respond(event, request_id, line)
            if isinstance(response.body, dict) and response.status >= 400:
                line["code"] = response.body.get("code")
            answer = to_gateway(response, request_id)
        except Exception as error:  # noqa: BLE001 - the outermost edge: a raise would show its text
            answer = to_gateway(problem_of(error, request_id), request_id)
            line.update(_error_fields(error))
        line["status"] = answer["statusCode"]
        line["ms"] = round((timer() - started) * 1000, 1)
        if not 200 <= int(str(line["status"])) < 400:
            line["request_id"] = request_id  # logs are billed by the byte: what went well is short
        log(line)
        return answer

    def _respond(event: Mapping[str, Any], request_id: str, line: dict[str, object]) -> Response:
        match table.find(event):
            case Missed(methods):
                return _missed(event, methods, request_id)
            case Found(route, params):
                line["route"] = route.key
        headers = headers_of(event)
        key = None
        if route.scope is not None:
            key = authenticate(headers.get("authorization"))
            line |= {"project": key.project_id, "key": key.key_id}
            key.require(route.scope)
        limit = max_body_bytes if route.max_body_bytes is None else route.max_body_bytes
        http = event["requestContext"]["http"]
        request = Request(
            method=route.method,
            route_key=route.key,
            path=str(event.get("rawPath", "")),
            path_params=params,
            query=query_of(event),
            headers=headers,
            body=body_of(event, headers, limit),
            key=key,
            request_id=request_id,
            source_ip=str(http.get("sourceIp", "")),
        )
        _check_takes(route, request)
        try:
            return route.handler(request)
        finally:
            line.update(request.log)

    def _missed(event: Mapping[str, Any], methods: tuple[str, ...], request_id: str) -> Response:
        method, path = method_and_path(event)
        if api_methods is not None:
            methods = tuple(sorted({*methods, *methods_on(path, api_methods())}))
        if not methods:
            return problem(request_id, "not_found", "There is no such path in this API.")
        allow = ", ".join(methods)
        detail = f"{method} does not exist on this path. Use {allow}."
        return problem(request_id, "method_not_allowed", detail, headers={"allow": allow})

    return handler


def _check_takes(route: Route, request: Request) -> None:
    """Parameters or a body that a call does not know are refused: no error passes unseen."""
    if route.query is None and request.query:
        name = request.query[0][0]
        message = f"This call takes no query parameters; `{name}` is not known."
        fault = Fault("", "unknown_parameter", message, parameter=name)
        raise InvalidInput("unknown_parameter", message, (fault,))
    if route.body is None and request.method != "GET" and request.body.strip() not in (b"", b"{}"):
        message = "This call takes no body; leave it out."
        raise InvalidInput("unknown_field", message, (Fault("", "unknown_field", message),))


def _request_id(event: Any, context: Any) -> str:
    shell = event.get("requestContext") if isinstance(event, Mapping) else None
    given = shell.get("requestId") if isinstance(shell, Mapping) else None
    return str(given or getattr(context, "aws_request_id", "") or "")


def _error_fields(error: Exception) -> dict[str, object]:
    if isinstance(error, InvalidInput | Refusal):
        return {"code": error.code}
    return {"level": "error", **describe_error(error)}
