"""`POST /v1/subscriptions/test` with `since`: a filter tried on what is stored, as an operation."""

from __future__ import annotations

from functions.manage.contract import SubscriptionTest
from functions.manage.desks import Wired
from functions.manage.operation_shapes import operation_view
from functions.manage.reading import selection_of
from hooktrace.api.http import Request, Response
from hooktrace.domain.errors import Fault, InvalidInput, NotFound
from hooktrace.domain.ids import ProjectId, is_id
from hooktrace.domain.listing import Filters
from hooktrace.domain.new_event import check_idempotency_key
from hooktrace.domain.operations import Candidate
from hooktrace.domain.registry import Subscription
from hooktrace.domain.strict_json import ParsedObject
from hooktrace.usecases.manage_operations import Order
from hooktrace.usecases.manage_subscriptions import get_subscription


def try_on_history(
    wired: Wired, request: Request, parsed: ParsedObject, given: SubscriptionTest
) -> Response:
    """202 with the operation that tries it; the operation shows what it finds."""
    key = check_idempotency_key(request.headers.get("idempotency-key"))
    order = Order(
        action="test",
        filters=Filters("events"),
        given=given.model_dump(exclude_unset=True, mode="json"),
        since=given.since,
        until=given.until,
        candidate=_candidate(wired, request.project_id, parsed, given),
        pointer="",
    )
    operation = wired().operations.start(
        ProjectId(request.project_id), order, request.caller.key_id, idempotency_key=key
    )
    request.log["operation"] = operation.id
    return Response(202, operation_view(operation))


def _candidate(
    wired: Wired, project_id: str, parsed: ParsedObject, given: SubscriptionTest
) -> Candidate:
    against = None
    if given.against is not None:
        against = named_subscription(wired, project_id, given.against, pointer="/against")
    if given.subscription_id is not None:
        chosen = named_subscription(
            wired, project_id, given.subscription_id, pointer="/subscription_id"
        )
        types, text = chosen.event_types, chosen.filter_text
    else:
        chosen, selection = None, selection_of(parsed)
        patterns = selection.event_types.patterns if selection.event_types else ("*",)
        types = tuple(patterns)
        text = selection.selected.filter_text if selection.selected else None
    named = against or chosen
    return Candidate(
        event_types=types,
        filter_text=text,
        subscription_id=named.id if named else None,
        endpoint_id=named.endpoint_id if named else None,
        against_types=against.event_types if against else None,
        against_text=against.filter_text if against else None,
    )


def named_subscription(
    wired: Wired, project_id: str, identifier: str, *, pointer: str
) -> Subscription:
    """The subscription that a member of the body names. Raises InvalidInput."""
    try:
        if not is_id(identifier, "sub"):
            raise NotFound
        return get_subscription(project_id, identifier, desk=wired().subscriptions)
    except NotFound:
        message = "There is no such subscription in this project."
        raise unknown_reference(pointer, message) from None


def unknown_reference(pointer: str, message: str) -> InvalidInput:
    """The refusal of a member that names what is not there."""
    fault = Fault(pointer, "unknown_reference", message)
    return InvalidInput("unknown_reference", message, (fault,))
