"""May the worker that holds a message send now? Pure; the answer is written before the request."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hooktrace.domain.admission import Wait
from hooktrace.domain.deliveries import Attempt, DeliveryRecord
from hooktrace.domain.delivery_steps import close_lost, due_ms
from hooktrace.domain.states import DELIVERY_ENDS, DeliveryStatus, Trigger, check_delivery

EARLY_MS = 1_000
"""A message up to this much early counts as due (queue delays are whole seconds)."""
EARLY_FOR_SLOT_MS = 2_000
"""One that has a slot of a rate limit comes early on purpose: its worker waits for the slot."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Another worker holds a live lease until `until_ms`; the message must come back."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class NotYet:
    """The attempt is due at `at_ms`; the message goes back with a delay."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing to do for this message."""


@dataclass(frozen=True, slots=True)
class Resume:
    """The attempt of this message was made, but its follow-up may never have been queued."""

    at_ms: int


Refusal = Busy | NotYet | Over | Resume


def refusal(current: DeliveryRecord, *, attempt: int, now_ms: int) -> Refusal | None:
    """Why a message for `attempt` may not begin it now; None when it may.

    `current` has version 0 if unborn. A live lease is Busy, also that of an attempt which was in
    flight when a late success ended the delivery: its message must close it. A message for an
    attempt already made is Over, or Resume when the retry that must follow it is still ahead.
    """
    lease_ms = current.lease_until_ms
    if lease_ms is not None and lease_ms > now_ms:
        return Busy(lease_ms)
    if current.status in DELIVERY_ENDS:
        return Over()
    if current.status is DeliveryStatus.DELIVERING:
        return None
    at = current.next_attempt_ms or now_ms
    made = current.attempts_total
    if current.status is DeliveryStatus.RETRYING and attempt <= made:
        return Resume(at) if attempt == made else Over()
    early = EARLY_FOR_SLOT_MS if current.waiting_for == "rate_limit" else EARLY_MS
    return NotYet(at) if at - early > now_ms else None


def claim(
    current: DeliveryRecord, *, start_ms: int, now_ms: int, lease_ms: int, url: str, token: str
) -> DeliveryRecord:
    """The record with its next attempt open, to begin at `start_ms`; send it once it is written.

    An expired lease closes its attempt as `worker_lost` (it takes a number, but no step of the
    schedule). Only for a record whose `refusal` is None.
    """
    record = close_lost(current) if current.lease_until_ms is not None else current
    by_hand = current.by_hand
    begun = Attempt(
        number=record.attempts_total + 1,
        trigger=Trigger.MANUAL if by_hand else Trigger.AUTOMATIC,
        requested_by=by_hand,
        started_ms=start_ms,
        url=url,
        lease_until_ms=start_ms + lease_ms,
        operation_id=current.operation_id if by_hand else None,
    )
    return replace(
        record,
        status=check_delivery(current.status, DeliveryStatus.DELIVERING),
        version=current.version + 1,
        updated_ms=now_ms,
        attempts=(*record.attempts, begun),
        attempts_total=begun.number,
        next_attempt_ms=None,
        lease_until_ms=start_ms + lease_ms,
        by_hand=None,
        requested_by=None,
        reason=None,
        waiting_for=None,
        write_token=token,
    )


def hold(current: DeliveryRecord, wait: Wait, *, now_ms: int, token: str) -> DeliveryRecord:
    """The record while our own brake holds it: no attempt is made, no step of the schedule used.

    One that was never begun is pending, also when it was cancelled before and is asked for by
    hand; any other retries. What was asked for by hand stays so. An expired lease closes its
    attempt as `worker_lost` first.
    """
    record = close_lost(current) if current.lease_until_ms is not None else current
    status = DeliveryStatus.RETRYING if record.attempts_total else DeliveryStatus.PENDING
    if status is not current.status:
        check_delivery(current.status, status)
    return replace(
        record,
        status=status,
        next_attempt_ms=wait.until_ms,
        due_ms=due_ms(record, wait.until_ms, now_ms),
        lease_until_ms=None,
        waiting_for=wait.why,
    ).written(now_ms=now_ms, token=token)
