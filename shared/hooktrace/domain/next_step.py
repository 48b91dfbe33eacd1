"""What comes next for an event or a delivery, in a word, a time and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hooktrace.domain.deliveries import DeliveryRecord, next_number
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import DeliveryId
from hooktrace.domain.states import DeliveryStatus, EventStatus
from hooktrace.domain.times import rfc3339


@dataclass(frozen=True, slots=True)
class NextStep:
    """`action` is a stable word; `at_ms` when it is known; `text` says it for a person."""

    action: str
    text: str
    at_ms: int | None = None
    delivery_id: DeliveryId | None = None


def of_delivery(record: DeliveryRecord) -> NextStep | None:
    """The next step of a delivery, None at its end."""
    number = next_number(record)
    waits = record.status in {DeliveryStatus.PENDING, DeliveryStatus.RETRYING}
    if waits and record.waiting_for is not None:
        return _step(record, "wait", _waits(record, number), record.next_attempt_ms)
    if record.status is DeliveryStatus.PENDING:
        return _step(record, "attempt", "The first attempt is queued.", None)
    if record.status is DeliveryStatus.RETRYING:
        at = record.next_attempt_ms
        when = f" at {rfc3339(at)}" if at is not None else ""
        return _step(record, "attempt", f"Attempt {number} follows{when}.", at)
    if record.status is not DeliveryStatus.DELIVERING:
        return None
    if record.lease_until_ms is None:
        text = f"Attempt {number}, asked for by hand, is queued.{_promise(record, number)}"
        return _step(record, "attempt", text, None)
    until = record.lease_until_ms
    text = in_flight(record)
    if record.cancel_reason is not None:
        text += f" No attempt follows it ({record.cancel_reason})."
    else:
        text += _promise(record, record.attempts_total)
    return _step(record, "result", text, until)


def in_flight(record: DeliveryRecord) -> str:
    """Which attempt is under way, and until when."""
    until = rfc3339(record.lease_until_ms or 0)
    return f"Attempt {record.attempts_total} is in flight, until {until} at the latest."


def _promise(record: DeliveryRecord, number: int) -> str:
    """What follows attempt `number`, asked for by hand, by the schedule."""
    if record.promised_ms is None:
        return ""
    at = rfc3339(record.promised_ms)
    return f" If it fails, attempt {number + 1} follows at {at}, or at once if that is past."


def _waits(record: DeliveryRecord, number: int) -> str:
    """What of our own brake holds the delivery, and until when."""
    when = "" if record.next_attempt_ms is None else f" at {rfc3339(record.next_attempt_ms)}"
    if record.waiting_for == "rate_limit":
        return f"The endpoint's rate limit holds attempt {number}: its turn is{when or ' later'}."
    if record.waiting_for == "concurrency":
        return (
            f"Attempt {number} waits until fewer requests to the endpoint are under way; "
            f"the next look is{when or ' later'}."
        )
    if record.waiting_for == "slow_lane":
        return f"Attempt {number} is queued on the slow lane: the endpoint is slow to answer."
    return f"Attempt {number} waits for {record.waiting_for}{when}."


def _step(record: DeliveryRecord, action: str, text: str, at_ms: int | None) -> NextStep:
    return NextStep(action, text, at_ms, record.id)


def of_event(event: EventRecord, deliveries: Sequence[DeliveryRecord]) -> NextStep | None:
    """The next step of an event: that of its delivery which is due first; None at its end."""
    if event.status is EventStatus.ACCEPTED:
        return NextStep("match", "The event is queued for matching.")
    if event.status is not EventStatus.DELIVERING:
        return None
    steps = [step for step in map(of_delivery, deliveries) if step is not None]
    if not steps:
        return NextStep("roll_up", "All deliveries shown are over; the event's status follows.")
    return min(steps, key=lambda step: (step.at_ms is not None, step.at_ms or 0))
