"""What lists, traces and those who wait for them read from: lanes, the trace cache, slots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.domain.listing import RecordKind
from hooktrace.ports import Record

FORGOTTEN_SECONDS = 60
"""Longer than a call of any room behind the API lasts (29 s), twice: see ADR 0008."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One sorted row of records: a shard of a project, or one partition of an index.

    `name` is the key of the index (a status or an endpoint id), `shard` None where it has none.
    """

    project_id: ProjectId
    kind: RecordKind
    shard: int | None
    index: Literal["attention", "by_endpoint"] | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class LaneRead:
    """Up to `limit` entries of a lane with low <= place < high (see `hooktrace.domain.listing`)."""

    lane: Lane
    low: str
    high: str
    limit: int
    descending: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A record in a lane. An index knows its place only; its record must be read."""

    place: str
    record: Record | None


@dataclass(frozen=True, slots=True)
class LaneRows:
    """What a read of a lane found, in its order.

    `entries` are all there are up to `edge`, where the next read goes on (None: the lane ended).
    `rows` counts what was looked at, also what was not of the kind asked for.
    """

    entries: list[Entry]
    edge: str | None
    rows: int


class LedgerLists(Protocol):
    """Sorted reads for lists: shards strongly consistent, indexes with some delay."""

    def read(self, reads: Sequence[LaneRead]) -> list[LaneRows]:
        """One Query for each, in any order or at the same time; answers in the order given."""
        ...


class CursorKeys(Protocol):
    """The key that signs the cursors of lists, the same for every instance."""

    def cursor_key(self) -> bytes:
        """32 secret bytes; made at the first use."""
        ...


@dataclass(frozen=True, slots=True)
class KeptTrace:
    """A trace that has come to its end: the event, its packed payload, all its deliveries."""

    event: EventRecord
    packed: bytes | None
    deliveries: tuple[DeliveryRecord, ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """This project has no such event."""


class TraceForgetter(Protocol):
    """Makes sure that nothing older of some events is shown any more."""

    def forget(self, refs: Iterable[tuple[ProjectId, EventId]]) -> None:
        """Nothing of these events is kept, nor will be for `FORGOTTEN_SECONDS`.

        Raises Unavailable when that is not certain.
        """
        ...


class TraceCache(TraceForgetter, Protocol):
    """Ended traces, and ids that lead nowhere. It may forget anything at any time.

    `get` and `keep` never raise: without the cache everything is read from the ledger.
    """

    def get(self, project: ProjectId, event: EventId) -> KeptTrace | Absent | None:
        """What is kept of an event; None when nothing is."""
        ...

    def keep(
        self, project: ProjectId, event: EventId, found: KeptTrace | Absent, *, seconds: int
    ) -> None:
        """Keeps what was read, unless something is kept or the event was forgotten of late."""
        ...


@dataclass(frozen=True, slots=True)
class WaiterSlot:
    """The right to hold a request open; `token` says whose it is."""

    project_id: ProjectId
    number: int
    token: str


class WaiterSlots(Protocol):
    """How many requests of a project may wait at once, over all instances. Raises Unavailable."""

    def take(self, project: ProjectId, *, now_ms: int, until_ms: int) -> WaiterSlot | None:
        """A slot until `until_ms`, or None when the project has none left."""
        ...

    def release(self, slot: WaiterSlot) -> None:
        """Gives a slot back. One that is not given back is free again after its time."""
        ...
