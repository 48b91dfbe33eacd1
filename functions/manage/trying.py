"""`POST /v1/subscriptions/test`."""

from __future__ import annotations

from functions.manage.audit import recorded
from functions.manage.contract import SubscriptionTest
from functions.manage.desks import Desks, Wired
from functions.manage.reading import read_selecting, selection_of
from functions.manage.time_machine import named_subscription, try_on_history, unknown_reference
from hooktrace.api.http import Request, Response, validate
from hooktrace.domain.errors import Fault, InvalidInput, NotFound
from hooktrace.domain.event_types import check_event_type
from hooktrace.domain.filters import FilterEvent
from hooktrace.domain.ids import parse_event_id
from hooktrace.domain.strict_json import ParsedObject
from hooktrace.usecases.select_events import MEMBERS
from hooktrace.usecases.try_subscription import (
    Verdict,
    stored_event,
    try_selection,
    try_subscription,
    without_actual,
)


def try_it(wired: Wired, request: Request) -> Response:
    """The verdict on an event, and every clause that says no."""
    parsed = read_selecting(request)
    given = validate(parsed, SubscriptionTest)
    _check_choice(parsed, given)
    if given.since is not None:
        request.caller.require("write")  # it makes an operation
        return recorded(
            wired,
            "testSubscription",
            SubscriptionTest,
            request,
            lambda asked: try_on_history(wired, asked, parsed, given),
        )
    event = _event(given, request.project_id, wired)
    verdict = _verdict(parsed, given, event, request.project_id, wired)
    if given.event_id is not None and _redacts(request.project_id, wired()):
        verdict = without_actual(verdict)
    body: dict[str, object] = {
        "matched": verdict.matched,
        "type_matched": verdict.type_matched,
        "clauses": list(verdict.clauses),
    }
    if given.subscription_id is not None:
        body["held_back_by"] = verdict.held_back_by
    return Response(200, body)


def _check_choice(parsed: ParsedObject, given: SubscriptionTest) -> None:
    if [given.event, given.event_id, given.since].count(None) != 2:
        raise _invalid("/event", "Give one of event, event_id and since.")
    for name in ("until", "against"):
        if getattr(given, name) is not None and given.since is None:
            raise _invalid(f"/{name}", "This goes with since only.")
    if given.subscription_id is not None and any(name in parsed.members for name in MEMBERS):
        raise _invalid(
            "/subscription_id", "Give either subscription_id or the selection itself, not both."
        )


def _event(given: SubscriptionTest, project_id: str, wired: Wired) -> FilterEvent:
    if given.event is not None:
        sample = given.event
        try:
            check_event_type(sample.type)
        except InvalidInput as error:
            fault = Fault("/event/type", "invalid_event_type", error.message)
            raise InvalidInput("invalid_event_type", error.message, (fault,)) from None
        return FilterEvent(sample.type, sample.headers, sample.data)
    event_id = given.event_id or ""
    try:
        if parse_event_id(event_id) is None:
            raise NotFound
        return stored_event(project_id, event_id, events=wired().events)
    except NotFound:
        raise unknown_reference("/event_id", "There is no such event in this project.") from None


def _verdict(
    parsed: ParsedObject,
    given: SubscriptionTest,
    event: FilterEvent,
    project_id: str,
    wired: Wired,
) -> Verdict:
    if given.subscription_id is None:
        return try_selection(selection_of(parsed), event)
    subscription = named_subscription(
        wired, project_id, given.subscription_id, pointer="/subscription_id"
    )
    endpoints = wired().endpoints.endpoints
    endpoint = endpoints.get_endpoint(project_id, subscription.endpoint_id)
    return try_subscription(subscription, endpoint, event)


def _redacts(project_id: str, desks: Desks) -> bool:
    project = desks.projects.projects.get_project(project_id)
    return project is None or project.redact_actual


def _invalid(pointer: str, message: str) -> InvalidInput:
    return InvalidInput("invalid_field", message, (Fault(pointer, "invalid_field", message),))
