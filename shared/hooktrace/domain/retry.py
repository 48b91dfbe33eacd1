"""When the next attempt comes: the schedule, its jitter, and what the endpoint asks for.

The default schedule is that of the Standard Webhooks specification: at once, then 5 s, 5 min,
30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h, each after the attempt before.
`Retry-After` is read as RFC 9110 §10.2.3 defines it: whole seconds or an HTTP date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

DEFAULT_SCHEDULE: tuple[int, ...] = (
    5,
    300,
    1_800,
    7_200,
    18_000,
    36_000,
    50_400,
    72_000,
    86_400,
)
JITTER = 0.1
THROTTLING_STATUSES = frozenset({429, 502, 503, 504})
THROTTLED_MIN_SECONDS = 30.0
RETRY_AFTER_MAX_SECONDS = 86_400.0
GONE_STATUS = 410
QUEUE_DELAY_MAX_SECONDS = 900

RETURN_SECONDS = (10, 30)
"""When a message is seen again that could not be done, by how often it was received. All are less
than the shortest time for which a queue hides messages; after these the queue's own time counts."""

_WHOLE_SECONDS = re.compile(r"[0-9]+(?:[ \t]*,[ \t]*[0-9]+)*")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """An endpoint's wishes: seconds before each further attempt, statuses that end at once.

    `has_moved`: its URL was changed while the request was under way, so nothing that the old one
    answers is final.
    """

    schedule: tuple[int, ...] = DEFAULT_SCHEDULE
    permanent_statuses: frozenset[int] = frozenset()
    has_moved: bool = False

    def ends(self, status: int | None) -> bool:
        """Whether an answer with this status is final."""
        if self.has_moved:
            return False
        return status is not None and (status == GONE_STATUS or status in self.permanent_statuses)

    def delay_seconds(
        self, step: int, *, status: int | None, retry_after: str | None, now_ms: int, chance: float
    ) -> float | None:
        """Seconds from now to the attempt of this step (0 = the first retry), None after the last.

        `chance` in [0, 1) places the delay within ±10 %. A throttling answer waits for the later
        of the schedule and its `Retry-After` (at most 24 h), and at least 30 s without one.
        """
        if step >= len(self.schedule):
            return None
        delay = self.schedule[step] * (1 - JITTER + 2 * JITTER * chance)
        return max(delay, throttled_seconds(status, retry_after, now_ms=now_ms))


def throttled_seconds(status: int | None, retry_after: str | None, *, now_ms: int) -> float:
    """Seconds that a throttling answer wants us to wait at least; 0 after any other."""
    if status not in THROTTLING_STATUSES:
        return 0.0
    asked = parse_retry_after(retry_after, now_ms=now_ms)
    return THROTTLED_MIN_SECONDS if asked is None else asked


def parse_retry_after(value: str | None, *, now_ms: int) -> float | None:
    """Seconds that a `Retry-After` header asks to wait, within [0, 24 h]; None when unreadable.

    Of several headers with seconds, as an endpoint and the proxy before it make them, the longest.
    """
    text = (value or "").strip()
    if _WHOLE_SECONDS.fullmatch(text):
        asked = (float(one[:300]) for one in text.split(","))  # longer ones are far beyond
        return min(max(asked), RETRY_AFTER_MAX_SECONDS)
    if not text or not text[0].isascii() or not text[0].isalpha():
        return None
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    try:
        seconds = aware.timestamp() - now_ms / 1000
    except (OverflowError, ValueError):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_SECONDS)


def return_seconds(receives: int) -> int | None:
    """After how long a message that was received so often may come back; None: the queue's own."""
    return RETURN_SECONDS[receives - 1] if 0 < receives <= len(RETURN_SECONDS) else None
