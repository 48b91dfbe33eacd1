"""Statistics: how often something happened, by day, hour and five minutes.

They count *what happened* in a window, not what stands there now: an event that failed and was
then retried to a success within the hour counts once under `failed` and once under `succeeded`.

A *roll-up* holds the counts of one project, or of one of its endpoints, of one UTC day and one
shard of the ledger: for the whole day by hour, for its last 70 minutes by slots of five minutes.

**Exactly once.** The ledger's stream repeats batches, cuts them in two, and says nowhere which of
its shards a record comes from, so a mark of "everything up to here" cannot be kept. Instead a
roll-up remembers fingerprints of the records it took last (`SEEN_RECORDS` at least, and those of
the two latest writes in any case); a record that it has seen adds nothing. A stream shard moves
on only after a batch succeeded, so what it repeats is what it brought last.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.states import DeliveryStatus, EventStatus

SLOT_MS = 300_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SLOTS_KEPT = 14
"""13 slots cover any 60 minutes; one more for records that come late."""
SEEN_RECORDS = 100
FINGERPRINT_BYTES = 5

EVENT_COUNTS = (
    EventStatus.ACCEPTED,
    EventStatus.REJECTED,
    EventStatus.DISCARDED,
    EventStatus.SUCCEEDED,
    EventStatus.PARTIAL,
    EventStatus.FAILED,
)
"""What is counted of events. `delivering` is not: every event that matched passes it."""
DELIVERY_COUNTS = (
    DeliveryStatus.RETRYING,
    DeliveryStatus.SUCCEEDED,
    DeliveryStatus.FAILED,
    DeliveryStatus.CANCELLED,
)
"""What is counted of deliveries. `delivering` is not: the attempts say it."""

NAMES: tuple[str, ...] = (
    *(f"event.{status}" for status in EVENT_COUNTS),
    *(f"delivery.{status}" for status in DELIVERY_COUNTS),
    *(f"attempt.{outcome}" for outcome in AttemptOutcome),
)
"""The counters. Stored by their position: append only."""

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Happened:
    """What one record of the stream adds: `names` of counters, at a time (Unix milliseconds).

    `record` is the item's key and version: no other change has both.
    """

    project_id: ProjectId
    lane: int
    record: str
    at_ms: int
    names: tuple[str, ...]
    endpoint_id: EndpointId | None = None

    @property
    def fingerprint(self) -> bytes:
        digest = hashlib.blake2b(self.record.encode(), digest_size=FINGERPRINT_BYTES)
        return digest.digest()


@dataclass(frozen=True, slots=True)
class RollUpKey:
    """Which roll-up: `endpoint_id` is None for the whole project; `day` counts from 1970."""

    project_id: ProjectId
    lane: int
    endpoint_id: EndpointId | None
    day: int


@dataclass(frozen=True, slots=True)
class RollUp:
    """The counts of one key. Hours and slots are numbered within the day, from 0.

    `seen` has the fingerprints of each of the latest writes, the newest first.
    """

    key: RollUpKey
    hours: Mapping[int, Counts] = field(default_factory=dict)
    slots: Mapping[int, Counts] = field(default_factory=dict)
    seen: tuple[bytes, ...] = ()
    version: int = 0


def keys_of(one: Happened) -> list[RollUpKey]:
    """The roll-ups that a record adds to: its project's, and its endpoint's if it has one."""
    day = one.at_ms // DAY_MS
    whole = RollUpKey(one.project_id, one.lane, None, day)
    if one.endpoint_id is None:
        return [whole]
    return [whole, replace(whole, endpoint_id=one.endpoint_id)]


def add(before: RollUp, happened: Iterable[Happened]) -> RollUp | None:
    """`before` with what it has not seen yet, as its next version; None when it has seen all."""
    known = _split(b"".join(before.seen))
    fresh = {one.fingerprint: one for one in happened}
    fresh = {mark: one for mark, one in fresh.items() if mark not in known}
    if not fresh:
        return None
    hours = {hour: Counter(counts) for hour, counts in before.hours.items()}
    slots = {slot: Counter(counts) for slot, counts in before.slots.items()}
    for one in fresh.values():
        within = one.at_ms % DAY_MS
        hours.setdefault(within // HOUR_MS, Counter()).update(one.names)
        slots.setdefault(within // SLOT_MS, Counter()).update(one.names)
    oldest = max(slots) - SLOTS_KEPT + 1
    return RollUp(
        key=before.key,
        hours=hours,
        slots={slot: counts for slot, counts in slots.items() if slot >= oldest},
        seen=_remembered((b"".join(fresh), *before.seen)),
        version=before.version + 1,
    )


def _split(marks: bytes) -> set[bytes]:
    starts = range(0, len(marks), FINGERPRINT_BYTES)
    return {marks[start : start + FINGERPRINT_BYTES] for start in starts}


def _remembered(writes: Sequence[bytes]) -> tuple[bytes, ...]:
    """The newest two, and older ones as long as few records are remembered."""
    kept: list[bytes] = []
    size = 0
    for position, marks in enumerate(writes):
        if position >= 2 and size + len(marks) > SEEN_RECORDS * FINGERPRINT_BYTES:
            break
        kept.append(marks)
        size += len(marks)
    return tuple(kept)


@dataclass(frozen=True, slots=True)
class Window:
    """What happened from `from_ms` until now; the start is that of a whole slot, hour or day."""

    name: str
    from_ms: int
    counts: Counts


def windows(roll_ups: Sequence[RollUp], now_ms: int) -> tuple[Window, Window, Window]:
    """The last hour (60 to 65 minutes), day (24 to 25 hours) and 30 days (30 to 31 days)."""
    hour_from = (now_ms - HOUR_MS) // SLOT_MS * SLOT_MS
    day_from = (now_ms - DAY_MS) // HOUR_MS * HOUR_MS
    month_from = first_day(now_ms) * DAY_MS
    hour: Counter[str] = Counter()
    day: Counter[str] = Counter()
    month: Counter[str] = Counter()
    for one in roll_ups:
        start = one.key.day * DAY_MS
        for slot, counts in one.slots.items():
            if start + slot * SLOT_MS >= hour_from:
                hour.update(counts)
        for number, counts in one.hours.items():
            if start + number * HOUR_MS >= day_from:
                day.update(counts)
            if start >= month_from:
                month.update(counts)
    return (
        Window("hour", hour_from, hour),
        Window("day", day_from, day),
        Window("30d", month_from, month),
    )


def first_day(now_ms: int) -> int:
    """The oldest day that the windows look at, counted from 1970."""
    return now_ms // DAY_MS - 30
