"""The routes of bulk operations."""

from __future__ import annotations

from functools import partial

from functions.manage.cursors import read_cursor, write_cursor
from functions.manage.desks import Wired
from functions.manage.operation_shapes import (
    ItemPageQuery,
    OperationCreate,
    OperationItemList,
    OperationList,
    OperationPageQuery,
    OperationView,
    item_view,
    operation_view,
)
from functions.manage.reading import path_id
from hooktrace.api.http import Request, Response, Route, read_json, read_query
from hooktrace.api.record_filters import filters_of
from hooktrace.domain.errors import Fault, InvalidInput
from hooktrace.domain.ids import OperationId, ProjectId
from hooktrace.domain.new_event import check_idempotency_key
from hooktrace.domain.operations import RETRYABLE, RETRYABLE_BY_DEFAULT
from hooktrace.usecases.manage_operations import Order

TAGS = ("operations",)


def operation_routes(wired: Wired) -> tuple[Route, ...]:
    """Start, look at, cancel and resume."""
    return (
        Route(
            method="POST",
            path="/v1/operations",
            handler=partial(_create, wired),
            scope="write",
            operation_id="createOperation",
            summary="Retry many deliveries",
            description=(
                "First the records are counted and remembered, then they are worked through at a "
                "bounded pace. Each is done once, whatever crashes on the way. An item that may "
                "not be done any more is skipped with a reason. What is listed in an index (by "
                "status or endpoint) may come to it a moment late."
            ),
            tags=TAGS,
            body=OperationCreate,
            responses={202: OperationView},
            problems=("invalid_idempotency_key", "idempotency_key_reused", "unknown_reference"),
            headers=("Idempotency-Key",),
        ),
        Route(
            method="GET",
            path="/v1/operations",
            handler=partial(_list, wired),
            scope="read",
            operation_id="listOperations",
            summary="Bulk operations, newest first",
            tags=TAGS,
            query=OperationPageQuery,
            responses={200: OperationList},
            problems=("invalid_cursor",),
        ),
        Route(
            method="GET",
            path="/v1/operations/{id}",
            handler=partial(_get, wired),
            scope="read",
            operation_id="getOperation",
            summary="How far an operation has come",
            tags=TAGS,
            responses={200: OperationView},
            problems=("not_found",),
        ),
        Route(
            method="GET",
            path="/v1/operations/{id}/items",
            handler=partial(_items, wired),
            scope="read",
            operation_id="listOperationItems",
            summary="The records it works on, and what came of each",
            description="In the order in which they are worked through, oldest first.",
            tags=TAGS,
            query=ItemPageQuery,
            responses={200: OperationItemList},
            problems=("not_found", "invalid_cursor"),
        ),
        _steer(wired, "cancel", "No further item", "Items under way are finished and counted."),
        _steer(wired, "resume", "Go on with a cancelled or failed one", "It goes on where it was."),
    )


def _steer(wired: Wired, verb: str, summary: str, description: str) -> Route:
    return Route(
        method="POST",
        path=f"/v1/operations/{{id}}/{verb}",
        handler=partial(_change, wired, verb),
        scope="write",
        operation_id=f"{verb}Operation",
        summary=summary,
        description=description,
        tags=TAGS,
        responses={200: OperationView},
        problems=("not_found", "conflict"),
    )


def _create(wired: Wired, request: Request) -> Response:
    key = request.headers.get("idempotency-key")
    if key is not None:
        check_idempotency_key(key)
    given = read_json(request, OperationCreate)
    desk = wired().operations
    operation = desk.start(
        ProjectId(request.project_id), _order(given), request.caller.key_id, idempotency_key=key
    )
    request.log["operation"] = operation.id
    return Response(202, operation_view(operation))


def _order(given: OperationCreate) -> Order:
    return Order(
        action=given.action,
        filters=filters_of(given.filter, "deliveries", _statuses(given)),
        given=given.model_dump(exclude_unset=True),
        since=given.filter.since,
        until=given.filter.until,
        dry_run=given.dry_run,
        force=given.force,
    )


def _statuses(given: OperationCreate) -> frozenset[str]:
    asked = frozenset(given.filter.status)
    if asked - RETRYABLE:
        raise _invalid(
            "/filter/status",
            f"Deliveries that are {', '.join(sorted(asked - RETRYABLE))} cannot be retried:"
            f" {', '.join(sorted(RETRYABLE))} can.",
        )
    return asked or RETRYABLE_BY_DEFAULT


def _list(wired: Wired, request: Request) -> Response:
    asked = read_query(request, OperationPageQuery)
    scope = ("operations", request.project_id)
    found = wired().operations.newest(
        ProjectId(request.project_id),
        before=read_cursor(asked.cursor, *scope),
        limit=asked.limit + 1,
    )
    body: dict[str, object] = {"items": [operation_view(one) for one in found[: asked.limit]]}
    if len(found) > asked.limit:
        body["next_cursor"] = write_cursor(found[asked.limit - 1].id, *scope)
    return Response(200, body)


def _get(wired: Wired, request: Request) -> Response:
    operation = wired().operations.get(ProjectId(request.project_id), _id(request))
    return Response(200, operation_view(operation))


def _items(wired: Wired, request: Request) -> Response:
    asked, identifier = read_query(request, ItemPageQuery), _id(request)
    results = sorted(set(asked.result))
    scope = ("operation items", request.project_id, identifier, *results)
    after = read_cursor(asked.cursor, *scope) or "0.0"
    page, _, position = after.partition(".")
    found = wired().operations.items(
        ProjectId(request.project_id),
        identifier,
        results=frozenset(results),
        start=(int(page), int(position)),
        limit=asked.limit,
    )
    body: dict[str, object] = {"items": [item_view(one) for one in found.items]}
    if found.next_place is not None:
        body["next_cursor"] = write_cursor("{}.{}".format(*found.next_place), *scope)
    return Response(200, body)


def _change(wired: Wired, verb: str, request: Request) -> Response:
    desk, project = wired().operations, ProjectId(request.project_id)
    change = desk.cancel if verb == "cancel" else desk.resume
    return Response(200, operation_view(change(project, _id(request))))


def _id(request: Request) -> OperationId:
    return OperationId(path_id(request, "op"))


def _invalid(pointer: str, message: str) -> InvalidInput:
    return InvalidInput("invalid_field", message, (Fault(pointer, "invalid_field", message),))
