"""Trying a selection on an event: does it match, and which clauses say no?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from hooktrace.domain.errors import Conflict, NotFound
from hooktrace.domain.event_types import EventTypes, parse_event_types
from hooktrace.domain.filters import Filter, FilterEvent, parse_filter
from hooktrace.domain.filters.lookalikes import Lookalikes
from hooktrace.domain.filters.suggest import with_suggestions
from hooktrace.domain.ids import ProjectId
from hooktrace.domain.registry import Endpoint, Subscription
from hooktrace.domain.strict_json import parse_value
from hooktrace.usecases.read_trace import ReadTrace
from hooktrace.usecases.select_events import Selection


class StoredEvents(Protocol):
    """Events that were ingested, for trying a subscription on them."""

    def get(self, project_id: str, event_id: str) -> FilterEvent | None:
        """The event as filters see it; None when this project has no such event.

        Raises Conflict `data_expunged` when it has, and its data is gone.
        """
        ...


class TracedEvents:
    """Fulfils `StoredEvents` with the traces of the ledger."""

    def __init__(self, traces: ReadTrace) -> None:
        self._traces = traces

    def get(self, project_id: str, event_id: str) -> FilterEvent | None:
        trace = self._traces.event(ProjectId(project_id), event_id)
        if trace is not None and trace.event.expunged_ms is not None:
            raise Conflict("The data of this event was expunged.", code="data_expunged")
        if trace is None or trace.payload is None:
            return None
        data = parse_value(trace.payload.data)
        return FilterEvent(trace.event.type, trace.payload.headers, data)


HeldBack = Literal["subscription_disabled", "endpoint_disabled"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer. `clauses` are all that say no; none when the filter says yes.

    `held_back_by`: what keeps a stored subscription from taking any event at present.
    """

    matched: bool
    type_matched: bool
    clauses: tuple[dict[str, Any], ...]
    held_back_by: HeldBack | None = None


def try_selection(selection: Selection, event: FilterEvent) -> Verdict:
    """Tries what a request names; what it does not name takes every event."""
    types = selection.event_types or parse_event_types(None)
    chosen = selection.selected.filter if selection.selected else None
    if chosen is None:
        return _verdict(types, "{}", event)
    return _verdict_of(types, chosen, event)


def try_subscription(
    subscription: Subscription, endpoint: Endpoint | None, event: FilterEvent
) -> Verdict:
    """Tries a stored subscription, as if it and its endpoint were enabled; says if one is not."""
    types = parse_event_types(list(subscription.event_types))
    verdict = _verdict(types, subscription.filter_text or "{}", event)
    held: HeldBack | None = None
    if subscription.state == "disabled":
        held = "subscription_disabled"
    elif endpoint is not None and endpoint.state == "disabled":
        held = "endpoint_disabled"
    return replace(verdict, held_back_by=held)


def stored_event(project_id: str, event_id: str, *, events: StoredEvents) -> FilterEvent:
    """The stored event. Raises NotFound, for other projects' events too."""
    event = events.get(project_id, event_id)
    if event is None:
        raise NotFound
    return event


def without_actual(verdict: Verdict) -> Verdict:
    """The verdict without the event's values, for projects that redact them."""
    clauses = tuple(_redacted(clause) for clause in verdict.clauses)
    return replace(verdict, clauses=clauses)


def _verdict(types: EventTypes, filter_text: str, event: FilterEvent) -> Verdict:
    return _verdict_of(types, parse_filter(filter_text), event)


def _verdict_of(types: EventTypes, chosen: Filter, event: FilterEvent) -> Verdict:
    clauses = [clause.to_json() for clause in chosen.explain(event)]
    suggested = with_suggestions(clauses, event, lookalikes=Lookalikes(event))
    type_matched = types.matches(event.type)
    return Verdict(type_matched and not clauses, type_matched, tuple(suggested))


def _redacted(clause: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in clause.items() if name not in ("actual", "suggestion")}
    if "reference" in kept:
        kept["expected"] = kept["reference"]
    return kept
