"""The routes of endpoints."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from functions.manage.contract import EndpointCreate, EndpointPage, EndpointPatch, GivenSecrets
from functions.manage.cursors import next_cursor, read_cursor
from functions.manage.desks import Wired
from functions.manage.endpoint_answers import (
    EnabledEndpoint,
    EndpointDetail,
    EndpointList,
    EndpointView,
    EndpointWithSecret,
    brake_view,
    enabled_view,
    endpoint_view,
    health_view,
    secret_view,
)
from functions.manage.reading import created, if_match, not_modified, path_id, tagged
from hooktrace.api.http import Request, Response, Route, read_json, read_query
from hooktrace.domain.endpoint_auth import BasicAuth, ClientCredentials, EndpointAuth
from hooktrace.domain.registry import Endpoint, RateLimit
from hooktrace.usecases import manage_endpoints as use
from hooktrace.usecases.signing_keys import GivenKeys

TAGS = ("Endpoints",)
URL_PROBLEMS = ("invalid_url", "blocked_address", "http_not_allowed")
CHANGE_PROBLEMS = ("not_found", "precondition_failed", "invalid_header")


def endpoint_routes(wired: Wired) -> tuple[Route, ...]:
    """Endpoints: read with any key, changed with an admin key."""
    return (
        Route(
            method="POST",
            path="/v1/endpoints",
            handler=partial(_create, wired),
            scope="admin",
            operation_id="createEndpoint",
            summary="Create an endpoint",
            description="The answer holds its signing secret; it is shown this once.",
            tags=TAGS,
            body=EndpointCreate,
            responses={201: EndpointWithSecret},
            problems=(*URL_PROBLEMS, "invalid_secret"),
        ),
        Route(
            method="GET",
            path="/v1/endpoints",
            handler=partial(_list, wired),
            scope="read",
            operation_id="listEndpoints",
            summary="List endpoints, oldest first",
            tags=TAGS,
            query=EndpointPage,
            responses={200: EndpointList},
            problems=("invalid_cursor",),
        ),
        Route(
            method="GET",
            path="/v1/endpoints/{id}",
            handler=partial(_get, wired),
            scope="read",
            operation_id="getEndpoint",
            summary="Read an endpoint, and how it fares",
            description=(
                "`ETag` is that of the settings: a change of `health`, `lane` or `brake` alone "
                "answers `If-None-Match` with 304."
            ),
            tags=TAGS,
            responses={200: EndpointDetail, 304: None},
            problems=("not_found",),
            headers=("If-None-Match",),
        ),
        Route(
            method="PATCH",
            path="/v1/endpoints/{id}",
            handler=partial(_update, wired),
            scope="admin",
            operation_id="updateEndpoint",
            summary="Change settings of an endpoint",
            tags=TAGS,
            body=EndpointPatch,
            responses={200: EndpointView},
            problems=CHANGE_PROBLEMS + URL_PROBLEMS,
            headers=("If-Match",),
        ),
        Route(
            method="DELETE",
            path="/v1/endpoints/{id}",
            handler=partial(_delete, wired),
            scope="admin",
            operation_id="deleteEndpoint",
            summary="Delete an endpoint and its subscriptions",
            description="What is pending is cancelled; its deliveries stay readable.",
            tags=TAGS,
            responses={204: None},
            problems=CHANGE_PROBLEMS,
            headers=("If-Match",),
        ),
        _action(
            wired,
            "enable",
            "Enable an endpoint; the answer says how to retry what was cancelled meanwhile",
            _enable,
            EnabledEndpoint,
        ),
        _action(
            wired,
            "disable",
            "Disable an endpoint; what is pending is cancelled",
            _disable,
            EndpointView,
        ),
        _action(
            wired,
            "rotate-secret",
            "Give an endpoint new secrets; those before sign too for 24 hours",
            _rotate,
            EndpointWithSecret,
            "too_many_secrets",
            "invalid_secret",
            body=GivenSecrets,
        ),
    )


def _action(
    wired: Wired,
    verb: str,
    summary: str,
    handler: Callable[[Wired, Request], Response],
    answer: type[EndpointView],
    *problems: str,
    body: type[GivenSecrets] | None = None,
) -> Route:
    name = "".join(word.capitalize() for word in verb.split("-"))
    return Route(
        method="POST",
        path=f"/v1/endpoints/{{id}}/{verb}",
        handler=partial(handler, wired),
        scope="admin",
        operation_id=f"{name[0].lower()}{name[1:]}{'' if 'Secret' in name else 'Endpoint'}",
        summary=summary,
        tags=TAGS,
        body=body,
        responses={200: answer},
        problems=CHANGE_PROBLEMS + problems,
        headers=("If-Match",),
    )


def _create(wired: Wired, request: Request) -> Response:
    given = _given(read_json(request, EndpointCreate))
    made = use.create_endpoint(request.project_id, given, desk=wired().endpoints)
    endpoint = made.endpoint
    request.log["created"] = endpoint.id
    return created(f"/v1/endpoints/{endpoint.id}", endpoint.version, secret_view(made))


def _list(wired: Wired, request: Request) -> Response:
    asked = read_query(request, EndpointPage)
    scope = ("endpoints", request.project_id)
    page = use.list_endpoints(
        request.project_id,
        limit=asked.limit,
        after=read_cursor(asked.cursor, *scope),
        desk=wired().endpoints,
    )
    items = [endpoint_view(endpoint) for endpoint in page.items]
    return Response(200, {"items": items, "next_cursor": next_cursor(page.next_after, *scope)})


def _get(wired: Wired, request: Request) -> Response:
    desk = wired().endpoints
    endpoint = use.get_endpoint(request.project_id, path_id(request, "ep"), desk=desk)
    if (same := not_modified(request, endpoint.version)) is not None:
        return same
    fares = {"health": health_view(use.read_health(endpoint, desk=desk))}
    held = brake_view(use.read_brake(endpoint, desk=desk))
    return tagged(request, endpoint.version, endpoint_view(endpoint) | fares | held)


def _update(wired: Wired, request: Request) -> Response:
    endpoint_id = path_id(request, "ep")
    given = _given(read_json(request, EndpointPatch))
    endpoint = use.update_endpoint(
        request.project_id,
        endpoint_id,
        given,
        check=if_match(request),
        desk=wired().endpoints,
    )
    return _answer(request, endpoint)


def _delete(wired: Wired, request: Request) -> Response:
    use.delete_endpoint(
        request.project_id,
        path_id(request, "ep"),
        check=if_match(request),
        desk=wired().endpoints,
    )
    return Response(204)


def _enable(wired: Wired, request: Request) -> Response:
    enabled = use.enable_endpoint(
        request.project_id,
        path_id(request, "ep"),
        check=if_match(request),
        desk=wired().endpoints,
    )
    return tagged(request, enabled.endpoint.version, enabled_view(enabled))


def _disable(wired: Wired, request: Request) -> Response:
    endpoint = use.disable_endpoint(
        request.project_id,
        path_id(request, "ep"),
        "manual",
        check=if_match(request),
        desk=wired().endpoints,
    )
    return _answer(request, endpoint)


def _rotate(wired: Wired, request: Request) -> Response:
    endpoint_id = path_id(request, "ep")
    given = read_json(request, GivenSecrets) if request.body.strip() else GivenSecrets()
    rotated = use.rotate_secret(
        request.project_id,
        endpoint_id,
        GivenKeys(given.secret, given.private_key),
        check=if_match(request),
        desk=wired().endpoints,
    )
    return tagged(request, rotated.endpoint.version, secret_view(rotated))


def _answer(request: Request, endpoint: Endpoint) -> Response:
    return tagged(request, endpoint.version, endpoint_view(endpoint))


def _given(shape: EndpointPatch) -> use.EndpointInput:
    """The members that the caller wrote, as fields of an endpoint."""
    fields: dict[str, Any] = shape.model_dump(exclude_unset=True)
    url = fields.pop("url", None)
    keys = GivenKeys(fields.pop("secret", None), fields.pop("private_key", None))
    for name in ("retry_schedule", "permanent_statuses", "signatures"):
        if fields.get(name) is not None:
            fields[name] = tuple(fields[name])
    if shape.rate_limit is not None:
        fields["rate_limit"] = RateLimit(**shape.rate_limit.model_dump())
    if "headers" in fields:
        fields["headers"] = tuple(fields["headers"].items())
    if "auth" in fields:
        fields["auth"] = None if shape.auth is None else _auth(shape.auth.model_dump())
    return use.EndpointInput(url, fields, keys)


def _auth(given: dict[str, Any]) -> EndpointAuth:
    kind = given.pop("type")
    return BasicAuth(**given) if kind == "basic" else ClientCredentials(**given)
