"""The ledger on a table: records in, records out, each write conditional on its version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from hooktrace.adapters import items
from hooktrace.adapters.attempt_rows import attempt_row, row_attempt
from hooktrace.adapters.items import Item, Key
from hooktrace.adapters.operation_items import operation_ref
from hooktrace.adapters.tables import Answer, Change, Put, Table
from hooktrace.domain.deliveries import Attempt, DeliveryRecord
from hooktrace.domain.errors import Unavailable, key_in_progress
from hooktrace.domain.events import ITEM_PAYLOAD_BYTES, EventRecord, PlannedDelivery
from hooktrace.domain.ids import (
    DeliveryId,
    EventId,
    ProjectId,
    bare,
    delivery_id,
    event_shard,
    lowest_ulid,
    split_delivery_id,
)
from hooktrace.ports import Contended, Due, Failed, KeyClaim, Lost, Record, Write, Written

PLAN_PAGE = 500
CLAIM_TRIES = 4
AFTER = "~"  # sorts behind every sign of an id


class Blobs(Protocol):
    """An object store for what is too large for an item."""

    def put(self, name: str, content: bytes) -> None: ...

    def get(self, name: str) -> bytes | None: ...

    def delete(self, name: str) -> None: ...


class TableLedger:
    """Most ports of `hooktrace.ports` on one table: Ledger, Payloads, PayloadEraser,
    AttemptShelf, IdempotencyKeys, LedgerScan; lists have their own adapter."""

    def __init__(self, table: Table, blobs: Blobs) -> None:
        self._table = table
        self._blobs = blobs

    def write(self, writes: Sequence[Write]) -> list[Written | Lost | Failed]:
        answers = self._table.write([_operation(w) for w in writes])
        return [_answer(write, answer) for write, answer in zip(writes, answers, strict=True)]

    def events(self, refs: Iterable[tuple[ProjectId, EventId]]) -> dict[EventId, EventRecord]:
        found = self._table.get([items.event_key(project, event) for project, event in refs])
        records = [items.event_record(item) for item in found.values()]
        return {record.id: record for record in records}

    def deliveries(
        self, refs: Iterable[tuple[ProjectId, DeliveryId]]
    ) -> dict[DeliveryId, DeliveryRecord]:
        found = self._table.get([_delivery_key(project, ref) for project, ref in refs])
        records = [items.delivery_record(item) for item in found.values()]
        return {record.id: record for record in records}

    def put_payload(self, project: ProjectId, event: EventId, packed: bytes, ttl: int) -> str:
        if len(packed) > ITEM_PAYLOAD_BYTES:
            self._blobs.put(payload_name(project, event), packed)
            return "s3"
        self._table.store([items.blob_item(_payload_key(project, event), packed, ttl)])
        return "item"

    def put_payloads(
        self, project: ProjectId, payloads: Sequence[tuple[EventId, bytes, int]]
    ) -> list[str | Failed]:
        small = {
            e: (packed, ttl) for e, packed, ttl in payloads if len(packed) <= ITEM_PAYLOAD_BYTES
        }
        found = [
            items.blob_item(_payload_key(project, event), *one) for event, one in small.items()
        ]
        try:
            self._table.store(found)
            done = set(small)
        except Unavailable:
            done = set()  # some are stored: each by itself, to know which
        return [
            "item" if event in done else self._put_alone(project, event, packed, ttl)
            for event, packed, ttl in payloads
        ]

    def _put_alone(
        self, project: ProjectId, event: EventId, packed: bytes, ttl: int
    ) -> str | Failed:
        try:
            return self.put_payload(project, event, packed, ttl)
        except Unavailable as error:
            return Failed(str(error))

    def payload(self, project: ProjectId, event: EventId) -> bytes | None:
        key = _payload_key(project, event)
        if item := self._table.get([key]).get(key):
            return bytes(item["b"]["B"])
        return self._blobs.get(payload_name(project, event))

    def erase_payload(self, project: ProjectId, event: EventId, place: str | None) -> None:
        self._table.remove([_payload_key(project, event)])
        if place == "s3":
            self._blobs.delete(payload_name(project, event))

    def put_plan(self, event: EventRecord, token: str, plan: Sequence[PlannedDelivery]) -> int:
        pages = [plan[start : start + PLAN_PAGE] for start in range(0, len(plan), PLAN_PAGE)]
        self._table.store(
            [
                items.blob_item(
                    _plan_key(event, token, number),
                    items.pack_rows(items.plan_rows(list(page))),
                    event.expires_s,
                )
                for number, page in enumerate(pages)
            ]
        )
        return len(pages)

    def plan_page(self, event: EventRecord, page: int) -> tuple[PlannedDelivery, ...]:
        if event.plan_token is None or page >= event.plan_pages:
            return ()
        key = _plan_key(event, event.plan_token, page)
        item = self._table.get([key]).get(key)
        return items.rows_plan(items.unpack_rows(bytes(item["b"]["B"]))) if item else ()

    def shelve(self, delivery: DeliveryRecord, attempts: Sequence[Attempt]) -> None:
        self._table.store(
            [
                items.blob_item(
                    _shelf_key(delivery, attempt.number),
                    items.pack_rows(attempt_row(attempt)),
                    delivery.expires_s,
                )
                for attempt in attempts
            ]
        )

    def shelved(
        self, delivery: DeliveryRecord, *, limit: int, before: int | None = None
    ) -> list[Attempt]:
        partition, low = _shelf_key(delivery, 0)
        high = low[:-6] + AFTER if before is None else _shelf_key(delivery, before)[1]
        found: list[Item] = []
        more = True
        while more and len(found) < limit:  # DynamoDB ends a page at 1 MB, whatever the limit
            page = self._table.range(
                partition, low, high, limit=limit - len(found), descending=True
            )
            found += page.items
            more = page.more and bool(page.items)
            high = found[-1]["SK"]["S"] if more else high
        rows = [items.unpack_rows(bytes(item["b"]["B"])) for item in found]
        return [row_attempt(row) for row in reversed(rows)]

    def events_in_shard(
        self,
        project: ProjectId,
        shard: int,
        since_ms: int,
        until_ms: int,
        after: EventId | None = None,
    ) -> Iterable[EventRecord]:
        low, high = f"E#{lowest_ulid(since_ms)}", f"E#{lowest_ulid(until_ms)}"
        low = low if after is None else f"E#{bare(after)}!"
        more = True
        while more:
            page = self._table.range(f"{project}#{shard}", low, high, limit=200)
            yield from (items.event_record(item) for item in page.items)
            more = page.more
            if more:
                low = page.items[-1]["SK"]["S"] + "!"

    def due(self, until_ms: int, *, limit: int) -> Due:
        keys: list[Key] = []
        share = max(1, limit // items.DUE_SHARDS)  # the same of each, so that none waits for others
        for shard in range(items.DUE_SHARDS):
            keys += self._table.index(
                "due", f"due#{shard}", "0", str(until_ms), limit=share, descending=False
            )
        return Due(
            deliveries=[_delivery_ref(key) for key in keys if key[1].startswith("D#")],
            events=[_event_ref(key) for key in keys if key[1].startswith("E#")],
            operations=[operation_ref(key) for key in keys if key[1].startswith("O#")],
        )

    def claim(self, project: ProjectId, key: str, mine: KeyClaim, *, now_s: int) -> KeyClaim:
        """The idempotency key's claim that stands; one conditional write, `mine` if it wins.

        Raises Conflict while others keep taking the key over: nothing is claimed then.
        """
        (stands,) = self.claim_all(project, [(key, mine)], now_s=now_s)
        if isinstance(stands, Failed):
            raise Unavailable(stands.why)
        if isinstance(stands, Contended):
            raise key_in_progress()
        return stands

    def claim_all(
        self, project: ProjectId, mine: Sequence[tuple[str, KeyClaim]], *, now_s: int
    ) -> list[KeyClaim | Contended | Failed]:
        """The claims that stand: one batch of conditional writes, and more for what has expired."""
        put = [
            items.claim_item(project, key, one.event_id, one.fingerprint, one.expires_s)
            for key, one in mine
        ]
        stands: list[KeyClaim | Contended | Failed] = [Contended() for _ in mine]
        ops: dict[int, Put | Change] = {n: Put(item) for n, item in enumerate(put)}
        for _ in range(CLAIM_TRIES + 1):
            answers = self._table.write(list(ops.values())) if ops else []
            again: dict[int, Put | Change] = {}
            for number, answer in zip(ops, answers, strict=True):
                if answer is None:
                    stands[number] = mine[number][1]
                elif isinstance(answer, Failed):
                    stands[number] = answer
                elif answer.current is None:
                    again[number] = Put(put[number])
                elif (found := KeyClaim(*items.claim_of(answer.current))).expires_s > now_s:
                    stands[number] = found
                else:
                    newer = items.next_version(put[number], answer.current)
                    again[number] = Change(answer.current, newer)
            ops = again
        return stands

    def claimed(self, project: ProjectId, key: str, *, now_s: int) -> bool:
        """Whether a claim on the idempotency key stands."""
        where = items.claim_key(project, key)
        found = self._table.get([where]).get(where)
        return found is not None and items.claim_of(found)[2] > now_s

    def mark(self, name: str) -> int | None:
        """How far the audit of this name has looked (Unix milliseconds), or None."""
        key = ("SWEEP", name)
        item = self._table.get([key]).get(key)
        return int(bytes(item["b"]["B"])) if item else None

    def set_mark(self, name: str, value: int) -> None:
        """Remembers how far the audit of this name has looked."""
        self._table.store([items.blob_item(("SWEEP", name), str(value).encode(), None)])

    def place(self, name: str) -> str:
        """Where inside its window the audit of this name ran out of time, or nothing."""
        key = ("SWEEP", f"{name}#place")
        item = self._table.get([key]).get(key)
        return bytes(item["b"]["B"]).decode() if item else ""

    def set_place(self, name: str, text: str) -> None:
        """Remembers that place; empty when the window is done."""
        self._table.store([items.blob_item(("SWEEP", f"{name}#place"), text.encode(), None)])


def _operation(write: Write) -> Put | Change:
    after = _item(write.after)
    return Put(after) if write.before is None else Change(_item(write.before), after)


def _item(record: Record) -> Item:
    if isinstance(record, EventRecord):
        return items.event_item(record)
    return items.delivery_item(record)


def _record(item: Item) -> Record:
    if item["SK"]["S"].startswith("E#"):
        return items.event_record(item)
    return items.delivery_record(item)


def _answer(write: Write, answer: Answer) -> Written | Lost | Failed:
    if answer is None:
        return Written()
    if isinstance(answer, Failed):
        return answer
    current = _record(answer.current) if answer.current else None
    if current is not None and current.write_token == write.after.write_token:
        return Written()
    return Lost(current)


def _delivery_key(project: ProjectId, ref: DeliveryId) -> Key:
    parts = split_delivery_id(ref)
    if parts is None:
        raise ValueError(f"{ref!r} is not a delivery id")
    event, endpoint, replay = parts
    return items.delivery_key(project, event, endpoint, replay, ref)


def _delivery_ref(key: Key) -> tuple[ProjectId, DeliveryId]:
    project, _ = key[0].rsplit("#", 1)
    _, event, endpoint, replay = key[1].split("#")
    return ProjectId(project), delivery_id(event, endpoint, int(replay))


def _event_ref(key: Key) -> tuple[ProjectId, EventId]:
    project, _ = key[0].rsplit("#", 1)
    return ProjectId(project), EventId(f"evt_{key[1][2:]}")


def _payload_key(project: ProjectId, event: EventId) -> Key:
    ulid = bare(event)
    return f"{project}#{event_shard(ulid)}", f"B#{ulid}"


def payload_name(project: ProjectId, event: EventId) -> str:
    return f"bodies/{project}/{event}"


def _plan_key(event: EventRecord, token: str, page: int) -> Key:
    return f"{event.project_id}#{event_shard(event.ulid)}", f"M#{event.ulid}#{token}#{page:04d}"


def _shelf_key(delivery: DeliveryRecord, number: int) -> Key:
    partition, key = _delivery_key(delivery.project_id, delivery.id)
    return partition, f"A{key[1:]}#{number:06d}"
