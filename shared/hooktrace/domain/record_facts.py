"""Records in the words of the API: its names, RFC 3339 times, nothing that JSON cannot say."""

from __future__ import annotations

from typing import Any

from hooktrace.domain.deliveries import Attempt, DeliveryRecord
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import ulid_ms
from hooktrace.domain.times import rfc3339


def event_facts(event: EventRecord) -> dict[str, Any]:
    """What an event's record says, without its data, its match report and its deliveries."""
    return {
        "id": event.id,
        "project_id": event.project_id,
        "type": event.type,
        "status": event.status,
        "version": event.version,
        "accepted_at": rfc3339(event.accepted_ms),
        "updated_at": rfc3339(event.updated_ms),
        "size_bytes": event.size_bytes,
        "idempotency_key": event.idempotency_key,
        "traceparent": event.traceparent,
        "tracestate": event.tracestate,
        "reason": event.reason,
        "deliveries_total": event.plan_total,
        "expires_at": time_fact(event.expires_s * 1000 if event.expires_s else None),
        "data_expunged_at": time_fact(event.expunged_ms),
        "data_expunged_by": event.expunged_by,
    }


def delivery_facts(record: DeliveryRecord) -> dict[str, Any]:
    """What a delivery's record says, with the attempts that it holds."""
    return {
        "id": record.id,
        "event_id": record.event_id,
        "endpoint_id": record.endpoint_id,
        "status": record.status,
        "version": record.version,
        "replay": record.replay,
        "matched_by": list(record.matched_by),
        "requested_by": record.requested_by or record.by_hand,
        "reason": record.reason,
        "waiting_for": record.waiting_for,
        "accepted_at": rfc3339(ulid_ms(record.event_id)),
        "updated_at": time_fact(record.updated_ms or None),
        "next_attempt_at": time_fact(record.next_attempt_ms),
        "operation_id": record.operation_id,
        "attempts_total": record.attempts_total,
        "attempts": [attempt_facts(one) for one in record.attempts],
    }


def attempt_facts(one: Attempt) -> dict[str, Any]:
    """One attempt; `response` is null unless the endpoint answered."""
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
        "lease_until": time_fact(one.lease_until_ms),
        "next_attempt_at": time_fact(one.next_attempt_ms),
        "operation_id": one.operation_id,
    }


def time_fact(clock_ms: int | None) -> str | None:
    """RFC 3339 of Unix milliseconds; None stays None."""
    return None if clock_ms is None else rfc3339(clock_ms)
