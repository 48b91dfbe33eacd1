"""A table in memory, with the conditions, indexes and capacity rules of DynamoDB.

`before_write` and `after_write` are called around each batch of conditional writes, so that a
test can make it fail before it happened, or after (as a time-out does): with Unavailable all of
it answers Failed. `before_op` is called for each write of it, so that one alone can fail.
`stream` collects what a stream with both images would carry.
"""

from __future__ import annotations

import sys
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from hooktrace.adapters.items import Item, Key, item_bytes, key_of
from hooktrace.adapters.tables import INDEX_KEYS, Answer, Change, Meter, Page, Put, Refused
from hooktrace.domain.errors import Unavailable
from hooktrace.ports import Failed

MOST_BYTES = 400 * 1024
ENTRY_BYTES = 180  # an entry of an index: its two keys and those of the table, at their longest


class MemoryTable:
    """Fulfils `hooktrace.adapters.tables.Table`; safe for threads."""

    def __init__(self, meter: Meter | None = None) -> None:
        self.meter = meter or Meter()
        self.before_write: Callable[[Sequence[Put | Change]], None] = lambda _: None
        self.after_write: Callable[[Sequence[Put | Change]], None] = lambda _: None
        self.before_op: Callable[[Put | Change], None] = lambda _: None
        self.stream: list[dict[str, Any]] = []
        self._items: dict[Key, Item] = {}
        self._order: dict[str, list[str]] = {}
        self._index: dict[tuple[str, str], list[tuple[str, Key]]] = {}
        self._lock = threading.RLock()

    def write(self, ops: Sequence[Put | Change]) -> list[Answer]:
        try:
            self.before_write(ops)
            with self._lock:
                answers = [self._try(op) for op in ops]
            self.after_write(ops)
        except Unavailable as error:
            return [Failed(str(error))] * len(ops)
        return answers

    def _try(self, op: Put | Change) -> Answer:
        after = op.item if isinstance(op, Put) else op.after
        if item_bytes(after) > MOST_BYTES:
            return Failed("the ledger did not write it: ValidationError", is_final=True)
        try:
            self.before_op(op)
        except Unavailable as error:
            return Failed(str(error))
        return self._apply(op)

    def _apply(self, op: Put | Change) -> Refused | None:
        after = op.item if isinstance(op, Put) else op.after
        current = self._items.get(key_of(after))
        wanted = None if isinstance(op, Put) else op.before["v"]["N"]
        actual = current["v"]["N"] if current is not None else None
        if wanted != actual:
            self.meter.counts["refused"] += 1
            return Refused(dict(current) if current is not None else None)
        self._set(after if isinstance(op, Put) else _updated(current or {}, op))
        return None

    def store(self, items: Sequence[Item]) -> None:
        with self._lock:
            for item in items:
                self._set(item)

    def _set(self, item: Item) -> None:
        if item_bytes(item) > MOST_BYTES:
            raise Unavailable("the item is larger than 400 KB")
        key = key_of(item)
        old = self._items.get(key)
        self.meter.write(old, item)
        if old is None:
            insort(self._order.setdefault(key[0], []), key[1])
        self._unlist(old, key)
        self._items[key] = dict(item)
        images = {"NewImage": dict(item)} | ({"OldImage": dict(old)} if old else {})
        keys = {"PK": item["PK"], "SK": item["SK"]}
        self.stream.append({"dynamodb": {"Keys": keys, **images}})
        for name, (hash_name, range_name) in INDEX_KEYS.items():
            if hash_name in item and range_name in item:
                insort(
                    self._index.setdefault((name, item[hash_name]["S"]), []),
                    (_sortable(item[range_name]), key),
                )

    def _unlist(self, old: Item | None, key: Key) -> None:
        for name, (hash_name, range_name) in INDEX_KEYS.items():
            if old is not None and hash_name in old and range_name in old:
                entries = self._index[(name, old[hash_name]["S"])]
                entries.pop(bisect_left(entries, (_sortable(old[range_name]), key)))

    def remove(self, keys: Sequence[Key]) -> None:
        with self._lock:
            for key in dict.fromkeys(keys):
                self.meter.write(self._items.get(key), None)
                self.delete(key)

    def delete(self, key: Key) -> None:
        """Removes an item, as TTL would. For tests."""
        with self._lock:
            old = self._items.pop(key, None)
            if old is not None:
                order = self._order[key[0]]
                order.pop(bisect_left(order, key[1]))
                self._unlist(old, key)

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        with self._lock:
            found = {key: dict(self._items[key]) for key in keys if key in self._items}
        for key in dict.fromkeys(keys):
            self.meter.read(item_bytes(found[key]) if key in found else 0, consistent=True)
        return found

    def range(
        self, partition: str, low: str, high: str, *, limit: int, descending: bool = False
    ) -> Page:
        with self._lock:
            order = self._order.get(partition, [])
            start, end = bisect_left(order, low), bisect_left(order, high)
            total = max(0, end - start)
            if descending:
                names = order[max(start, end - limit) : end][::-1]
            else:
                names = order[start : min(end, start + limit)]
            found = [dict(self._items[(partition, name)]) for name in names]
        self.meter.read(sum(map(item_bytes, found)), consistent=True)
        return Page(found, more=total > len(found))

    def index(
        self, name: str, partition: str, low: str, high: str, *, limit: int, descending: bool
    ) -> list[Key]:
        numeric = INDEX_KEYS[name][1] == "da"
        low, high = (f"{int(v):020d}" if numeric else v for v in (low, high))
        with self._lock:
            entries = self._index.get((name, partition), [])
            start = bisect_left(entries, low, key=itemgetter(0))
            end = bisect_right(entries, high, key=itemgetter(0))
            if descending:
                found = entries[max(start, end - limit) : end][::-1]
            else:
                found = entries[start : min(end, start + limit)]
        self.meter.read(ENTRY_BYTES * len(found), consistent=False)
        return [key for _, key in found]

    def index_at(self, name: str, partition: str, value: str) -> list[Key]:
        return self.index(name, partition, value, value, limit=sys.maxsize, descending=False)


def _updated(current: Item, op: Change) -> Item:
    """What an update leaves: it sets and removes attributes, and touches no others."""
    kept = {n: value for n, value in current.items() if n in op.after or n not in op.before}
    return kept | {n: value for n, value in op.after.items() if op.before.get(n) != value}


def _sortable(value: dict[str, str]) -> str:
    return value["S"] if "S" in value else f"{int(value['N']):020d}"


class MemoryBlobs:
    """An object store in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, name: str, content: bytes) -> None:
        self.objects[name] = content

    def get(self, name: str) -> bytes | None:
        return self.objects.get(name)

    def delete(self, name: str) -> None:
        self.objects.pop(name, None)
