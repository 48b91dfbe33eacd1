"""Events of API Gateway's payload format 2.0, for tests of the edge."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hooktrace.api.edge import GatewayHandler
from hooktrace.api.http import ApiKeyIdentity, Request, Response, Route, Shape, make_handler
from hooktrace.domain.errors import Unauthorized
from hooktrace.domain.keys import Scope

LIMIT = 1 << 20


def gateway_event(
    method: str = "POST",
    path: str = "/v1/things",
    *,
    body: bytes | str | None = None,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    route_key: str = "$default",
    params: Mapping[str, str] | None = None,
    stage: str = "$default",
) -> dict[str, Any]:
    """An event; a body of bytes comes in base64, as the gateway sends what is not text."""
    encoded = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": dict(headers or {}),
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": "192.0.2.7"},
            "requestId": "req-1",
            "stage": stage,
        },
        "isBase64Encoded": isinstance(body, bytes),
    }
    if encoded is not None:
        event["body"] = encoded
    if params is not None:
        event["pathParameters"] = dict(params)
    return event


def request(body: bytes = b"", *, query: Iterable[tuple[str, str]] = (), **headers: str) -> Request:
    """A decoded request; in header names `_` stands for `-`."""
    return Request(
        method="POST",
        route_key="POST /v1/things",
        path="/v1/things",
        path_params={},
        query=tuple(query),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=body,
        key=None,
        request_id="req-1",
        source_ip="192.0.2.7",
    )


def caller(*scopes: Scope) -> ApiKeyIdentity:
    """Somebody of project `prj_1` with these scopes."""
    return ApiKeyIdentity("key_1", "prj_1", frozenset(scopes))


def known_token(authorization: str | None) -> ApiKeyIdentity:
    """Authenticates `Bearer reader` and `Bearer admin`."""
    match authorization:
        case "Bearer reader":
            return caller("read")
        case "Bearer admin":
            return caller("admin")
    raise Unauthorized


def route(
    handler: Callable[[Request], Response],
    method: str = "POST",
    path: str = "/v1/things",
    **more: Any,
) -> Route:
    """A route without scope, unless `scope` is given."""
    fields = {"scope": None, "operation_id": f"{method}{path}", "summary": "A test."} | more
    return Route(method=method, path=path, handler=handler, **fields)


def open_route(handler: Callable[[Request], Response], *where: str, **more: Any) -> Route:
    """A route that takes any query and body, unless `more` says otherwise."""
    return route(handler, *where, **({"query": Shape, "body": Shape} | more))


class Edge:
    """A handler of routes with the lines it logged."""

    def __init__(self, *routes: Route, **more: Any) -> None:
        self.lines: list[Mapping[str, object]] = []
        fields = {"room": "test", "max_body_bytes": LIMIT, "authenticate": known_token} | more
        log = lambda line: self.lines.append(dict(line))  # noqa: E731 - one statement
        self.handler: GatewayHandler = make_handler(routes, log=log, **fields)

    def __call__(self, event: Mapping[str, Any]) -> tuple[int, Any, dict[str, str]]:
        """Status, body as values, headers."""
        answer: Any = self.handler(event, None)
        body = json.loads(answer["body"]) if answer.get("body") else None
        return answer["statusCode"], body, answer["headers"]
