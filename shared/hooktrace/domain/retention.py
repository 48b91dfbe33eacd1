"""How long events are kept: those that succeeded, and those that failed, apart.

Days count from the event's arrival. What is under way expires as if it were to fail, the later of
the two; its end sets the expiry that belongs to it. So the payload beside an event, stored on
arrival, never goes before its event, and a delivery goes with its event.
"""

from __future__ import annotations

from typing import Protocol

from hooktrace.domain.states import EventStatus

DAY_SECONDS = 86_400
OPEN_DAYS = 4
"""What is under way is kept at least so long: the default schedule takes up to 3.5 days."""
SEEN_SECONDS = DAY_SECONDS
"""An end can be seen for so long, if it came when the days were over."""
SOON_MS = 25 * 60_000
"""What succeeds later than this, sweep's last audit of its event may not see."""
FAILURES = frozenset({EventStatus.PARTIAL, EventStatus.FAILED})


class Keeping(Protocol):
    """What a project says of it."""

    @property
    def retention_days(self) -> int: ...

    @property
    def failure_days(self) -> int: ...


class DefaultKeeping:
    """Of a project that is gone."""

    retention_days = 30
    failure_days = 30


def expires_open_s(accepted_ms: int, keeping: Keeping | None) -> int:
    """When something under way expires (epoch seconds)."""
    days = max((keeping or DefaultKeeping()).failure_days, OPEN_DAYS)
    return accepted_ms // 1000 + days * DAY_SECONDS


def over_ms(accepted_ms: int, keeping: Keeping | None, stored_s: int | None) -> int:
    """From when on nothing more is attempted: the end of the longest that the event is kept.

    `stored_s` is the expiry on record, which may be of longer days that have been shortened since.
    """
    return max(stored_s or 0, expires_open_s(accepted_ms, keeping)) * 1000


def expires_ended_s(accepted_ms: int, keeping: Keeping | None, *, failed: bool, now_ms: int) -> int:
    """When something expires that has come to its end now."""
    kept = keeping or DefaultKeeping()
    days = kept.failure_days if failed else kept.retention_days
    seen = min(now_ms // 1000 + SEEN_SECONDS, expires_open_s(accepted_ms, kept))
    return max(accepted_ms // 1000 + days * DAY_SECONDS, seen)


def expires_success_s(accepted_ms: int, keeping: Keeping | None, now_ms: int) -> int:
    """When a delivery expires that has succeeded now (epoch seconds).

    Soon after the event's arrival: as if the event ended with it, which costs no further write.
    Later its event may be under way for long; the roll-up sets the expiry when it ends.
    """
    if now_ms - accepted_ms > SOON_MS:
        return expires_open_s(accepted_ms, keeping)
    return expires_ended_s(accepted_ms, keeping, failed=False, now_ms=now_ms)


def is_open_longer(keeping: Keeping | None) -> bool:
    """Whether what is under way may be kept longer than what succeeded."""
    kept = keeping or DefaultKeeping()
    return kept.retention_days < max(kept.failure_days, OPEN_DAYS)


def expires_event_s(
    accepted_ms: int,
    keeping: Keeping | None,
    status: EventStatus,
    now_ms: int,
    *,
    stored_s: int | None = None,
) -> int:
    """When an event expires that has come to this status now.

    Of days that were shortened since, `stored_s` is what was promised: it holds while something
    is under way, and the end can be seen.
    """
    if status in {EventStatus.ACCEPTED, EventStatus.DELIVERING}:
        return max(stored_s or 0, expires_open_s(accepted_ms, keeping))
    ended_s = expires_ended_s(accepted_ms, keeping, failed=status in FAILURES, now_ms=now_ms)
    return max(ended_s, min(now_ms // 1000 + SEEN_SECONDS, stored_s or 0))
