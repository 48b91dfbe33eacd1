"""What an operator wants to count of an attempt, beside what the trace keeps of it."""

from __future__ import annotations

from dataclasses import dataclass

from hooktrace.domain.attempts import AttemptOutcome, SendResult
from hooktrace.domain.deliveries import Attempt, DeliveryRecord
from hooktrace.domain.ids import ulid_ms
from hooktrace.domain.states import DELIVERY_ENDS, Trigger


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """Figures of one attempt; times in milliseconds.

    `until_first_ms`: from accepting the event to the start of its delivery's first attempt;
    `until_end_ms`: from accepting it to the end of the delivery. Both are None where they do not
    apply, and for replays and attempts by hand: those begin when somebody wishes.
    `after_lost`: the attempt before had lost its worker.
    """

    duration_ms: int
    http_status: int | None = None
    until_first_ms: int | None = None
    until_end_ms: int | None = None
    after_lost: bool = False


def facts_of(number: int, result: SendResult, record: DeliveryRecord) -> AttemptFacts:
    """The figures of attempt `number` from its result and its delivery as it was written."""
    position = next((i for i, a in enumerate(record.attempts) if a.number == number), None)
    plain = AttemptFacts(result.duration_ms, result.status)
    if position is None:
        return plain
    attempt = record.attempts[position]
    accepted_ms = ulid_ms(record.event_id)
    of_its_own = attempt.trigger is Trigger.AUTOMATIC and record.replay == 0
    first = of_its_own and number == 1
    ended = of_its_own and record.status in DELIVERY_ENDS and number == record.attempts_total
    return AttemptFacts(
        duration_ms=result.duration_ms,
        http_status=result.status,
        until_first_ms=max(0, attempt.started_ms - accepted_ms) if first else None,
        until_end_ms=max(0, record.updated_ms - accepted_ms) if ended else None,
        after_lost=position > 0 and _lost(record.attempts[position - 1]),
    )


def _lost(attempt: Attempt) -> bool:
    return attempt.outcome is AttemptOutcome.WORKER_LOST
