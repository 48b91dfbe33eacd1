"""The routes of bulk operations."""

from __future__ import annotations

import re
from functools import partial

from functions.manage.cursors import next_cursor, read_cursor
from functions.manage.desks import Wired
from functions.manage.operation_shapes import (
    ItemPageQuery,
    OperationCreate,
    OperationFilter,
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
from hooktrace.api.wording import listed
from hooktrace.domain.errors import Fault, InvalidInput
from hooktrace.domain.ids import OperationId, ProjectId, is_id
from hooktrace.domain.listing import Filters
from hooktrace.domain.new_event import check_idempotency_key
from hooktrace.domain.operations import REPLAYABLE, RETRYABLE, RETRYABLE_BY_DEFAULT
from hooktrace.usecases.manage_operations import Order

TAGS = ("Operations",)
SINCE_WHEN = (
    "Say since when events are taken: an RFC 3339 time with its zone, or a time back from now, "
    "such as -24h."
)
DISCARDED = frozenset({"discarded"})
_A_PLACE = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}")


def operation_routes(wired: Wired) -> tuple[Route, ...]:
    """Start, look at, cancel and resume."""
    return (
        Route(
            method="POST",
            path="/v1/operations",
            handler=partial(_create, wired),
            scope="write",
            operation_id="createOperation",
            summary="Retry many deliveries, or replay or match again many events",
            description=(
                "First the records are counted and remembered, then they are worked through at a "
                "bounded pace. Each is done once, whatever crashes on the way. An item that may "
                "not be done any more is skipped with a reason. What is listed in an index (by "
                "status or endpoint) may come to it a moment late."
            ),
            tags=TAGS,
            body=OperationCreate,
            responses={202: OperationView},
            problems=(
                "invalid_idempotency_key",
                "idempotency_key_reused",
                "idempotency_in_progress",
                "unknown_reference",
                "conflict",
            ),
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
    key = check_idempotency_key(request.headers.get("idempotency-key"))
    given = read_json(request, OperationCreate)
    desk = wired().operations
    operation = desk.start(
        ProjectId(request.project_id), _order(given), request.caller.key_id, idempotency_key=key
    )
    request.log["operation"] = operation.id
    return Response(202, operation_view(operation))


def _order(given: OperationCreate) -> Order:
    filters = given.filter
    _check_choice(given)
    if filters is None:
        chosen = Filters("deliveries" if given.action == "retry" else "events")
    elif given.action == "retry":
        status = _statuses(filters, RETRYABLE, "retried") or RETRYABLE_BY_DEFAULT
        chosen = filters_of(filters, "deliveries", status)
    else:
        allowed = REPLAYABLE if given.action == "replay" else DISCARDED
        status = _statuses(filters, allowed, f"taken by {given.action}")
        status = status or (DISCARDED if given.action == "rematch" else status)
        chosen = filters_of(filters, "events", status)
    return Order(
        action=given.action,
        filters=chosen,
        given=given.model_dump(exclude_unset=True),
        since=filters.since if filters else None,
        until=filters.until if filters else None,
        dry_run=given.dry_run,
        force=given.force,
        from_operation=OperationId(given.from_operation) if given.from_operation else None,
        only_endpoint=given.to_endpoint_id,
    )


def _check_choice(given: OperationCreate) -> None:
    if (given.filter is None) == (given.from_operation is None):
        raise _refused("/filter", "Give either filter or from_operation.")
    if given.from_operation is not None and not is_id(given.from_operation, "op"):
        raise _refused("/from_operation", "There is no such operation.", "unknown_reference")
    if given.action == "retry" and given.to_endpoint_id is not None:
        raise _refused("/to_endpoint_id", "A retry goes where its deliveries go. Leave it out.")
    if given.to_endpoint_id is not None and not is_id(given.to_endpoint_id, "ep"):
        raise _refused("/to_endpoint_id", "This cannot be the id of an endpoint.")
    if given.action != "retry" and given.filter is not None and given.filter.since is None:
        raise _refused("/filter/since", SINCE_WHEN, "missing_field")


def _statuses(filters: OperationFilter, allowed: frozenset[str], verb: str) -> frozenset[str]:
    asked = frozenset(filters.status)
    if asked - allowed:
        raise _refused("/filter/status", f"What is {listed(sorted(allowed), 'or')} can be {verb}.")
    return asked


def _list(wired: Wired, request: Request) -> Response:
    asked = read_query(request, OperationPageQuery)
    scope = ("operations", request.project_id)
    found = wired().operations.newest(
        ProjectId(request.project_id),
        before=read_cursor(asked.cursor, *scope),
        limit=asked.limit + 1,
    )
    shown = [operation_view(one) for one in found[: asked.limit]]
    after = shown[-1].id if len(found) > asked.limit else None
    return Response(200, {"items": shown, "next_cursor": next_cursor(after, *scope)})


def _get(wired: Wired, request: Request) -> Response:
    operation = wired().operations.get(ProjectId(request.project_id), _id(request))
    return Response(200, operation_view(operation))


def _items(wired: Wired, request: Request) -> Response:
    asked, identifier = read_query(request, ItemPageQuery), _id(request)
    results = sorted(set(asked.result))
    scope = ("operation items", request.project_id, identifier, *results)
    after = read_cursor(asked.cursor, *scope, shape=_A_PLACE) or "0.0"
    page, _, position = after.partition(".")
    found = wired().operations.items(
        ProjectId(request.project_id),
        identifier,
        results=frozenset(results),
        start=(int(page), int(position)),
        limit=asked.limit,
    )
    goes_on = None if found.next_place is None else "{}.{}".format(*found.next_place)
    shown = [item_view(one) for one in found.items]
    return Response(200, {"items": shown, "next_cursor": next_cursor(goes_on, *scope)})


def _change(wired: Wired, verb: str, request: Request) -> Response:
    desk, project = wired().operations, ProjectId(request.project_id)
    change = desk.cancel if verb == "cancel" else desk.resume
    return Response(200, operation_view(change(project, _id(request))))


def _id(request: Request) -> OperationId:
    return OperationId(path_id(request, "op"))


def _refused(pointer: str, message: str, code: str = "invalid_field") -> InvalidInput:
    return InvalidInput(code, message, (Fault(pointer, code, message),))
