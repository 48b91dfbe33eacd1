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


def expires_ended_s(accepted_ms: int, keeping: Keeping | None, *, failed: bool, now_ms: int) -> int:
    """When something expires that has come to its end now."""
    kept = keeping or DefaultKeeping()
    days = kept.failure_days if failed else kept.retention_days
    seen = min(now_ms // 1000 + SEEN_SECONDS, expires_open_s(accepted_ms, kept))
    return max(accepted_ms // 1000 + days * DAY_SECONDS, seen)


def expires_event_s(
    accepted_ms: int, keeping: Keeping | None, status: EventStatus, now_ms: int
) -> int:
    """When an event expires that has come to this status now."""
    if status in {EventStatus.ACCEPTED, EventStatus.DELIVERING}:
        return expires_open_s(accepted_ms, keeping)
    return expires_ended_s(accepted_ms, keeping, failed=status in FAILURES, now_ms=now_ms)
