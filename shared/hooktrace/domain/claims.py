"""May the worker that holds a message send now? Pure; the claim is written before the request."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hooktrace.domain.deliveries import Attempt, DeliveryRecord
from hooktrace.domain.delivery_steps import close_lost
from hooktrace.domain.states import DELIVERY_ENDS, DeliveryStatus, Trigger, check_delivery

EARLY_MS = 1_000
"""A message up to this much early counts as due (queue delays are whole seconds)."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The attempt is ours: write `record`, then send attempt `record.attempts[-1]`."""

    record: DeliveryRecord


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


Claim = Claimed | Busy | NotYet | Over | Resume


def claim(
    current: DeliveryRecord, *, attempt: int, now_ms: int, lease_ms: int, url: str, token: str
) -> Claim:
    """May a worker with a message for `attempt` send now? `current` has version 0 if unborn.

    A live lease is Busy. An expired one closes its attempt as `worker_lost` (it takes a number,
    but no step of the schedule) and the next attempt begins. A message for an attempt already
    made is Over, or Resume when the retry that must follow it is still ahead.
    """
    if current.status in DELIVERY_ENDS:
        return Over()
    made = current.attempts_total
    if current.status is DeliveryStatus.RETRYING:
        at = current.next_attempt_ms or now_ms
        if attempt <= made:
            return Resume(at) if attempt == made else Over()
        if at - EARLY_MS > now_ms:
            return NotYet(at)
    record = current
    if current.status is DeliveryStatus.DELIVERING and current.lease_until_ms is not None:
        if current.lease_until_ms > now_ms:
            return Busy(current.lease_until_ms)
        record = close_lost(current)
    by_hand = current.by_hand
    begun = Attempt(
        number=record.attempts_total + 1,
        trigger=Trigger.MANUAL if by_hand else Trigger.AUTOMATIC,
        requested_by=by_hand,
        started_ms=now_ms,
        url=url,
        lease_until_ms=now_ms + lease_ms,
        operation_id=current.operation_id if by_hand else None,
    )
    return Claimed(
        replace(
            record,
            status=check_delivery(current.status, DeliveryStatus.DELIVERING),
            version=current.version + 1,
            updated_ms=now_ms,
            attempts=(*record.attempts, begun),
            attempts_total=begun.number,
            next_attempt_ms=None,
            lease_until_ms=now_ms + lease_ms,
            by_hand=None,
            requested_by=None,
            reason=None,
            waiting_for=None,
            write_token=token,
        )
    )
