"""Sorted reads for lists, and the key that signs their cursors, on the ledger's table."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from hooktrace.adapters import items
from hooktrace.adapters.items import Item, Key
from hooktrace.adapters.tables import Put, Table, write_one
from hooktrace.domain.ids import ULID_LENGTH
from hooktrace.domain.list_cursor import KEY_BYTES
from hooktrace.domain.listing import LAST
from hooktrace.ports import Record
from hooktrace.reading_ports import Entry, Lane, LaneRead, LaneRows

CURSOR_KEY: Key = ("LISTS", "cursor-key")


class TableLists:
    """Fulfils `LedgerLists` and `CursorKeys`. With a pool the reads of a call run side by side."""

    def __init__(
        self,
        table: Table,
        pool: Executor | None = None,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._table = table
        self._pool = pool
        self._random_bytes = random_bytes
        self._key: bytes | None = None

    def read(self, reads: Sequence[LaneRead]) -> list[LaneRows]:
        if self._pool is None or len(reads) == 1:
            return [self._read(one) for one in reads]
        return list(self._pool.map(self._read, reads))

    def _read(self, read: LaneRead) -> LaneRows:
        return self._shard(read) if read.lane.index is None else self._index(read)

    def _shard(self, read: LaneRead) -> LaneRows:
        lane = read.lane
        page = self._table.range(
            f"{lane.project_id}#{lane.shard}",
            f"{lane.kind}#{read.low}",
            f"{lane.kind}#{read.high}",
            limit=read.limit,
            descending=read.descending,
        )
        entries = [Entry(item["SK"]["S"][2:], _record(lane, item)) for item in page.items]
        edge = None
        if page.more and entries:
            edge = entries[-1].place if read.descending else entries[-1].place + "!"
        return LaneRows(entries, edge, len(entries))

    def _index(self, read: LaneRead) -> LaneRows:
        """One more row than asked for says whether the last event's rows are all there.

        Rows with the same ULID have no order of their own in an index, so an event's rows are
        taken together: an event cut off at the end is left to the next read, and read whole if it
        is the only one.
        """
        lane, partition = read.lane, _partition(read.lane)
        assert lane.index is not None
        low, high = _bounds(read)
        keys = self._table.index(
            lane.index, partition, low, high, limit=read.limit + 1, descending=read.descending
        )
        rows, edge = len(keys), None
        if len(keys) > read.limit:
            last = _ulid(keys[-1])
            whole = [key for key in keys if _ulid(key) != last]
            if not whole:
                whole = self._table.index_at(lane.index, partition, last)
                rows += len(whole)
            keys = [key for key in whole if _project(key) == lane.project_id]
            if not keys:  # somebody else's endpoint: as if it were not there
                return LaneRows([], None, rows)
            edge = _ulid(keys[-1]) + ("" if read.descending else LAST)
        places = sorted(
            (place for place in _places(keys, lane) if read.low <= place < read.high),
            reverse=read.descending,
        )
        return LaneRows([Entry(place, None) for place in places], edge, rows)

    def cursor_key(self) -> bytes:
        if self._key is None:
            self._key = self._stored_key() or self._new_key()
        return self._key

    def _stored_key(self) -> bytes | None:
        item = self._table.get([CURSOR_KEY]).get(CURSOR_KEY)
        return bytes(item["b"]["B"]) if item else None

    def _new_key(self) -> bytes:
        """Made once per deployment: of several instances that try, the first one wins."""
        item = items.blob_item(CURSOR_KEY, self._random_bytes(KEY_BYTES), None)
        refused = write_one(self._table, Put(item | {"v": {"N": "1"}}))
        if refused is not None and refused.current is not None:
            item = refused.current
        return bytes(item["b"]["B"])


def _bounds(read: LaneRead) -> tuple[str, str]:
    """The range of ULIDs, both ends included. A bound within an event includes that event."""
    low, _, _ = read.low.partition("#")
    high, within, _ = read.high.partition("#")
    if not within:
        high = high[:-1] + chr(ord(high[-1]) - 1) + LAST  # all that sorts before it
    return low, high


def _partition(lane: Lane) -> str:
    if lane.index == "by_endpoint":
        return lane.name
    return f"{lane.project_id}#{lane.name}#{lane.shard}"


def _record(lane: Lane, item: Item) -> Record:
    return items.event_record(item) if lane.kind == "E" else items.delivery_record(item)


def _places(keys: Sequence[Key], lane: Lane) -> list[str]:
    """Where the keys of the lane's kind and project stand."""
    return [
        key[1][2:]
        for key in keys
        if key[1].startswith(f"{lane.kind}#") and _project(key) == lane.project_id
    ]


def _project(key: Key) -> str:
    return key[0].rsplit("#", 1)[0]


def _ulid(key: Key) -> str:
    return key[1][2 : 2 + ULID_LENGTH]
