"""The audit trail: what wraps every call that changes something, and the route that lists it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from pydantic import BaseModel

from functions.manage.answers import AuditEntry, AuditList
from functions.manage.audit_shapes import AuditQuery
from functions.manage.cursors import next_cursor, read_cursor
from functions.manage.desks import Wired
from hooktrace.api.http import Request, Response, Route, read_query, refusal_status
from hooktrace.domain.audit import AuditFilter, AuditRecord, is_target, member_names
from hooktrace.domain.errors import HooktraceError
from hooktrace.domain.times import rfc3339
from hooktrace.usecases.keep_audit import (
    AuditPlace,
    Caller,
    begin,
    finish,
    first_place,
    list_audit,
)

_A_PLACE = re.compile(r"[0-9]{1,15}\.[0-9]{1,15}\.[0-7][0-9A-HJKMNP-TV-Z]{25}")


def audited(wired: Wired, route: Route) -> Route:
    """The route with a record of each call; a route that only reads stays as it is.

    The record is written before the change, so that none goes without one, and completed after
    it. Calls that lack a key or a scope never come here; the log has them.
    """
    if route.method == "GET" or route.scope in {None, "read"}:
        return route

    def handle(request: Request) -> Response:
        return recorded(wired, route.operation_id, route.body, request, route.handler)

    return replace(route, handler=handle)


def recorded(
    wired: Wired,
    action: str,
    body: type[BaseModel] | None,
    request: Request,
    call: Callable[[Request], Response],
) -> Response:
    """The answer of the call, with a record of it.

    Of the body the names of members that the call knows are kept: others are refused, and can be
    anything, a secret too. So can a path that holds no id.
    """
    desk, caller = wired().audit, request.caller
    target = request.path_params.get("id")
    known = frozenset(body.model_fields) if body else frozenset()
    record = begin(
        Caller(caller.project_id, caller.key_id, request.request_id, request.source_ip),
        action,
        target if target is not None and is_target(target) else None,
        tuple(name for name in member_names(request.body) if name in known),
        desk=desk,
    )
    try:
        response = call(request)
    except HooktraceError as error:
        finish(record, refusal_status(error), None, desk=desk)
        raise
    if not finish(record, response.status, _made(record, response), desk=desk):
        request.log["audit"] = "unfinished"
    return response


def _made(record: AuditRecord, response: Response) -> str | None:
    """The id of what the call made, when its path names nothing."""
    if record.target is not None or response.status >= 400:
        return None
    body = response.body
    made = body.get("id") if isinstance(body, Mapping) else getattr(body, "id", None)
    return made if isinstance(made, str) else None


def audit_routes(wired: Wired) -> tuple[Route, ...]:
    """The list, for admin keys."""
    return (
        Route(
            method="GET",
            path="/v1/audit",
            handler=partial(_list, wired),
            scope="admin",
            operation_id="listAudit",
            summary="Who changed what",
            description=(
                "A record for each call that changes something, newest first: its key, time, "
                "operationId and target, the names of the members sent (never their values), and "
                "the status answered. A test of a filter on stored events is among them: it makes "
                "an operation. Kept for 400 days. Calls without a living key or with too "
                "little scope are in the log, not here. `since` and `until` are fixed by the first "
                "page. A page may be short, even empty, and say "
                "with `next_cursor` that there is more."
            ),
            tags=("Audit",),
            query=AuditQuery,
            responses={200: AuditList},
            problems=("invalid_cursor",),
        ),
    )


def _list(wired: Wired, request: Request) -> Response:
    asked = read_query(request, AuditQuery)
    filters = (asked.key_id, asked.action, asked.target, asked.outcome)
    bound = (*filters, asked.since, asked.until, asked.order)
    scope = ("audit", request.project_id, *(value or "" for value in bound))
    descending, desk = asked.order == "desc", wired().audit
    after = read_cursor(asked.cursor, *scope, shape=_A_PLACE)
    if after is None:
        place = first_place(asked.since, asked.until, descending=descending, desk=desk)
    else:
        low, high, record = after.split(".")
        place = AuditPlace(int(low), int(high), record)
    page = list_audit(
        request.project_id,
        AuditFilter(*filters),
        place,
        descending=descending,
        limit=asked.limit,
        desk=desk,
    )
    goes_on = page.next_place
    text = None if goes_on is None else f"{goes_on.low_ms}.{goes_on.high_ms}.{goes_on.after}"
    items = [_entry(one) for one in page.items]
    return Response(200, {"items": items, "next_cursor": next_cursor(text, *scope)})


def _entry(record: AuditRecord) -> AuditEntry:
    return AuditEntry(
        id=record.id,
        time=rfc3339(record.at_ms),
        key_id=record.key_id,
        action=record.action,
        target=record.target,
        members=list(record.members),
        outcome=record.outcome,
        status=record.status,
        request_id=record.request_id,
        source_ip=record.source_ip,
    )
