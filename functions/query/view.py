"""Records as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.query import contract
from hooktrace.api.http import RawJson
from hooktrace.domain.deliveries import Attempt, DeliveryRecord
from hooktrace.domain.events import EventRecord
from hooktrace.domain.next_step import NextStep, of_delivery, of_event
from hooktrace.domain.times import rfc3339
from hooktrace.usecases.read_trace import SHOWN_DELIVERIES, Trace


def event_trace(trace: Trace, *, match: Mapping[str, Any] | None) -> dict[str, Any]:
    """The body of `GET /v1/events/{id}`; `data` goes in as the raw text it came as.

    `match` is the event's report with its suggestions.
    """
    event, payload = trace.event, trace.payload
    return {
        "id": event.id,
        "project_id": event.project_id,
        "type": event.type,
        "status": event.status,
        "version": event.version,
        "accepted_at": rfc3339(event.accepted_ms),
        "updated_at": rfc3339(event.updated_ms),
        "time": payload.time if payload else None,
        "headers": dict(payload.headers) if payload else {},
        "data": RawJson(payload.data) if payload else None,
        "size_bytes": event.size_bytes,
        "idempotency_key": event.idempotency_key,
        "traceparent": event.traceparent,
        "tracestate": event.tracestate,
        "reason": event.reason,
        "match": match,
        "deliveries_total": event.plan_total,
        "deliveries": [delivery(record) for record in trace.deliveries],
        "next": _next(of_event(event, trace.deliveries)),
        "expires_at": _time(event.expires_s * 1000 if event.expires_s else None),
        "data_expunged_at": _time(event.expunged_ms),
        "data_expunged_by": event.expunged_by,
        "links": _trace_links(trace),
    }


def _trace_links(trace: Trace) -> dict[str, str]:
    links = {"self": f"/v1/events/{trace.event.id}"}
    shown = trace.start + SHOWN_DELIVERIES
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
        "id": record.id,
        "event_id": record.event_id,
        "endpoint_id": record.endpoint_id,
        "status": record.status,
        "version": record.version,
        "replay": record.replay,
        "matched_by": list(record.matched_by),
        "reason": record.reason,
        "requested_by": record.requested_by,
        "waiting_for": record.waiting_for,
        "updated_at": _time(record.updated_ms or None),
        "next_attempt_at": _time(record.next_attempt_ms),
        "operation_id": record.operation_id,
        "attempts_total": record.attempts_total,
        "attempts": [attempt(one) for one in record.attempts],
        "next": _next(of_delivery(record)),
        "links": {
            "self": f"/v1/deliveries/{record.id}",
            "event": f"/v1/events/{record.event_id}",
        },
    }


def attempt(one: Attempt) -> dict[str, Any]:
    """One attempt."""
    answered = one.status is not None
    return {
        "number": one.number,
        "trigger": one.trigger,
        "requested_by": one.requested_by,
        "started_at": rfc3339(one.started_ms),
        "duration_ms": one.duration_ms,
        "parts_ms": dict(one.parts_ms),
        "outcome": one.outcome,
        "phase": one.phase,
        "status": one.status,
        "reason": one.reason,
        "url": one.url,
        "address": one.address,
        "response": {
            "headers": [list(pair) for pair in one.response_headers],
            "body": one.response_body,
            "body_bytes": one.response_bytes,
            "truncated": one.response_truncated,
        }
        if answered
        else None,
        "lease_until": _time(one.lease_until_ms),
        "next_attempt_at": _time(one.next_attempt_ms),
        "operation_id": one.operation_id,
    }


def _next(step: NextStep | None) -> dict[str, Any] | None:
    if step is None:
        return None
    shown = contract.Next(
        action=step.action, text=step.text, at=_time(step.at_ms), delivery_id=step.delivery_id
    )
    return shown.model_dump()


def _time(clock_ms: int | None) -> str | None:
    return None if clock_ms is None else rfc3339(clock_ms)
