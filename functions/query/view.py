"""Records as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.query import contract
from hooktrace.api.http import RawJson
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.events import EventRecord
from hooktrace.domain.next_step import NextStep, of_delivery, of_event
from hooktrace.domain.record_facts import delivery_facts, event_facts, time_fact
from hooktrace.domain.times import rfc3339
from hooktrace.usecases.read_trace import Trace


def event_trace(trace: Trace, *, match: Mapping[str, Any] | None) -> dict[str, Any]:
    """The body of `GET /v1/events/{id}`; `data` goes in as the raw text it came as.

    `match` is the event's report with its suggestions.
    """
    event, payload = trace.event, trace.payload
    return {
        **event_facts(event),
        "time": payload.time if payload else None,
        "headers": dict(payload.headers) if payload else {},
        "data": RawJson(payload.data) if payload else None,
        "match": match,
        "deliveries": [delivery(record) for record in trace.deliveries],
        "next": _next(of_event(event, trace.deliveries)),
        "links": _trace_links(trace),
    }


def _trace_links(trace: Trace) -> dict[str, str]:
    links = {"self": f"/v1/events/{trace.event.id}"}
    shown = trace.start + len(trace.deliveries)
    if trace.event.plan_total > shown:
        links["more_deliveries"] = f"{links['self']}?deliveries_from={shown}"
    return links


def event_summary(event: EventRecord) -> dict[str, Any]:
    """An event in a list: what happened to it, without its data."""
    return {
        "id": event.id,
        "type": event.type,
        "status": event.status,
        "accepted_at": rfc3339(event.accepted_ms),
        "updated_at": rfc3339(event.updated_ms),
        "size_bytes": event.size_bytes,
        "idempotency_key": event.idempotency_key,
        "reason": event.reason,
        "deliveries_total": event.plan_total,
        "match": event.report,
        "links": {"self": f"/v1/events/{event.id}"},
    }


def delivery(record: DeliveryRecord) -> dict[str, Any]:
    """A delivery with the attempts that its record holds."""
    return {
        **delivery_facts(record),
        "next": _next(of_delivery(record)),
        "links": {
            "self": f"/v1/deliveries/{record.id}",
            "event": f"/v1/events/{record.event_id}",
        },
    }


def _next(step: NextStep | None) -> dict[str, Any] | None:
    if step is None:
        return None
    shown = contract.Next(
        action=step.action, text=step.text, at=time_fact(step.at_ms), delivery_id=step.delivery_id
    )
    return shown.model_dump()
