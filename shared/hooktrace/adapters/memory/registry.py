"""The registry's table and blobs in memory: for tests, and for trying things out."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence

from hooktrace.adapters.registry.items import key_of, version_of
from hooktrace.adapters.registry.table import MAX_OPS, Check, Delete, Item, Key, Op, Put, Refusal


class MemoryRegistryTable:
    """Fulfils `RegistryTable`; safe for threads, one transaction at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._partitions: dict[str, dict[str, Item]] = {}
        self._order: dict[str, list[str]] = {}

    def transact(self, ops: Sequence[Op]) -> list[Refusal | None] | None:
        keys = [key_of(op.item) if isinstance(op, Put) else op.key for op in ops]
        if not ops or len(ops) > MAX_OPS or len(set(keys)) < len(keys):
            raise ValueError(f"a transaction has 1 to {MAX_OPS} ops, each on its own item")
        with self._lock:
            holds = [self._holds(op, key) for op, key in zip(ops, keys, strict=True)]
            if not all(holds):
                return [None if held else "condition" for held in holds]
            for op, key in zip(ops, keys, strict=True):
                self._apply(op, key)
        return None

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        with self._lock:
            found = {key: self._partitions.get(key[0], {}).get(key[1]) for key in keys}
        return {key: dict(item) for key, item in found.items() if item is not None}

    def query(
        self, pk: str, low: str, high: str, *, limit: int | None = None, descending: bool = False
    ) -> list[Item]:
        with self._lock:
            partition, order = self._partitions.get(pk, {}), self._order.get(pk, [])
            inside = order[bisect_left(order, low) : bisect_right(order, high)]
            if descending:
                inside.reverse()
            return [dict(partition[sk]) for sk in inside[:limit]]

    def each(self, pk: str, low: str, high: str) -> Iterator[Item]:
        return iter(self.query(pk, low, high))

    def remove(self, key: Key) -> None:
        """Takes an item away without a condition, as expiry does."""
        with self._lock:
            self._apply(Delete(key), key)

    def _holds(self, op: Op, key: Key) -> bool:
        item = self._partitions.get(key[0], {}).get(key[1])
        if isinstance(op, Check):
            return item is not None
        wanted = op.over if isinstance(op, Put) else op.version
        if wanted is None or wanted == "anything":
            return True
        if wanted == "nothing":
            return item is None
        return item is not None and version_of(item) == wanted

    def _apply(self, op: Op, key: Key) -> None:
        partition = self._partitions.setdefault(key[0], {})
        order = self._order.setdefault(key[0], [])
        if isinstance(op, Put):
            if key[1] not in partition:
                insort(order, key[1])
            partition[key[1]] = dict(op.item)
        elif isinstance(op, Delete) and partition.pop(key[1], None) is not None:
            del order[bisect_left(order, key[1])]


class MemoryBlobs:
    """Fulfils `Blobs` with a dictionary, which is open to be looked at."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}

    def put(self, name: str, content: bytes) -> None:
        self.stored[name] = content

    def get(self, name: str) -> bytes | None:
        return self.stored.get(name)
