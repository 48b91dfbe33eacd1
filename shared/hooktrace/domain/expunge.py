"""An event without its data: what is taken from its record and from its deliveries', and stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.delivery_steps import end_without_attempt
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import KeyId
from hooktrace.domain.states import EventStatus, check_event

REASON = "data_expunged"
CLAUSE_KEPT = ("path", "operator", "expected", "clause", "reason")
"""What a clause of the report says of the filter. All else may say something of the event."""


def expunge_event(event: EventRecord, key: KeyId, *, now_ms: int, token: str) -> EventRecord | None:
    """The event without data and the values in its report; None when it is so already.

    One that is not matched yet has failed: matching would need the data.
    """
    if event.expunged_ms is not None:
        return None
    waits = event.status is EventStatus.ACCEPTED
    return replace(
        event,
        status=check_event(event.status, EventStatus.FAILED) if waits else event.status,
        reason=REASON if waits else event.reason,
        version=event.version + 1,
        updated_ms=now_ms,
        packed=None,
        report=None if event.report is None else without_values(event.report),
        expunged_ms=now_ms,
        expunged_by=key,
        write_token=token,
    )


def without_values(report: Mapping[str, Any]) -> dict[str, Any]:
    """A match report that says of the filters only, not what the event had."""
    near = [
        {**one, "clauses": [_kept(clause) for clause in one["clauses"]]}
        for one in report["near_misses"]
    ]
    return {**report, "near_misses": near}


def _kept(clause: Mapping[str, Any]) -> dict[str, Any]:
    return {name: clause[name] for name in CLAUSE_KEPT if name in clause}


def expunge_delivery(record: DeliveryRecord, *, now_ms: int, token: str) -> DeliveryRecord | None:
    """The delivery without what endpoints answered, and cancelled unless it is at its end.

    An attempt in flight goes on; its result is recorded without the answer, and nothing follows
    it. None when the delivery is so already.
    """
    if record.expunged:
        return None
    ended = end_without_attempt(record, REASON, now_ms=now_ms, token=token)
    after = ended or record.written(now_ms=now_ms, token=token)
    attempts = tuple(attempt.without_answer() for attempt in after.attempts)
    return replace(after, attempts=attempts, by_hand=None, expunged=True)
