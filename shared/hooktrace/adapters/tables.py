"""The few things that are asked of a DynamoDB table, and the rules of what they cost.

`DynamoTable` asks the service, `MemoryTable` a dictionary. Units follow the documented rules:
a write costs one unit per KB of the larger of old and new item, and as much again for each index
entry that is put, changed (two) or deleted; a read half a unit per 4 KB evaluated, twice that
when strongly consistent.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hooktrace.adapters.items import Item, Key, item_bytes
from hooktrace.domain.errors import Unavailable
from hooktrace.ports import Failed

INDEX_KEYS = {"by_endpoint": ("ek", "ul"), "attention": ("ak", "ul"), "due": ("dk", "da")}


@dataclass(frozen=True, slots=True)
class Put:
    """Store a whole item that must not exist yet."""

    item: Item


@dataclass(frozen=True, slots=True)
class Change:
    """Turn `before` into `after`, on the condition that its version still stands."""

    before: Item
    after: Item


@dataclass(frozen=True, slots=True)
class Refused:
    """The condition did not hold; `current` is the item that stands there, if any."""

    current: Item | None


Answer = Refused | Failed | None
"""What became of one conditional write; None: it was made."""


@dataclass(frozen=True, slots=True)
class Page:
    """Items of one range read, and whether the range goes on after the last of them."""

    items: list[Item]
    more: bool


class Table(Protocol):
    """A table with PK, SK and the three sparse indexes."""

    def write(self, ops: Sequence[Put | Change]) -> list[Answer]:
        """Each on its own; None for done. Raises nothing.

        Failed is what the table refused for another reason than the condition, throttled to the
        end, or did not answer: it may have been written all the same. A repeated write of one's
        own may be Refused by itself; `current` bears its token then.
        """
        ...

    def store(self, items: Sequence[Item]) -> None:
        """Puts items without a condition (same key, same content)."""
        ...

    def remove(self, keys: Sequence[Key]) -> None:
        """Deletes items without a condition; those that are not there are none the less gone."""
        ...

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """Those of the items that exist, strongly consistent."""
        ...

    def range(
        self, partition: str, low: str, high: str, *, limit: int, descending: bool = False
    ) -> Page:
        """Items of a partition with low <= SK < high."""
        ...

    def index(
        self, name: str, partition: str, low: str, high: str, *, limit: int, descending: bool
    ) -> list[Key]:
        """Keys of an index partition with low <= range key <= high, in its order."""
        ...

    def index_at(self, name: str, partition: str, value: str) -> list[Key]:
        """All keys of an index partition with this range key (a text), however many."""
        ...


def write_one(table: Table, op: Put | Change) -> Refused | None:
    """One conditional write; None for done. Raises Unavailable for one that failed."""
    (answer,) = table.write([op])
    if isinstance(answer, Failed):
        raise Unavailable(answer.why)
    return answer


@dataclass(slots=True)
class Meter:
    """Counts requests and capacity units. One per room in the bench, one per test."""

    counts: Counter[str] = field(default_factory=Counter)

    def write(self, old: Item | None, new: Item | None) -> None:
        """One write that turned `old` into `new` (None: was not there, is deleted)."""
        size = max(item_bytes(old) if old else 0, item_bytes(new) if new else 0)
        self.counts["writes"] += 1
        self.counts["wru"] += max(1, math.ceil(size / 1024))
        for names in INDEX_KEYS.values():
            self.counts["wru"] += _index_units(old, new, names)

    def read(self, size: int, *, consistent: bool) -> None:
        """One read that evaluated so many bytes; half units are counted as `rru_halves`."""
        self.counts["reads"] += 1
        self.counts["rru_halves"] += max(1, math.ceil(size / 4096)) * (2 if consistent else 1)


def _index_units(old: Item | None, new: Item | None, names: tuple[str, str]) -> int:
    before = _entry(old, names)
    after = _entry(new, names)
    if before == after:
        return 0
    return (before is not None) + (after is not None)


def _entry(item: Item | None, names: tuple[str, str]) -> tuple[str, ...] | None:
    if item is None or any(name not in item for name in names):
        return None
    return tuple(str(item[name]) for name in names)
