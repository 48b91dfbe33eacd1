"""What one page of each list costs, at a thousand events and at a million.

    PYTHONPATH=.:shared python bench/listing.py [1000 100000 1000000]

Read units by the rules of DynamoDB, counted on the table in memory; the mean of up to ten full
pages from the newest on. A read is a Query or one item of a BatchGetItem.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from hooktrace.adapters.items import Item, delivery_item, delivery_key, event_item, event_key
from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.lists import TableLists
from hooktrace.adapters.memory.table import MemoryBlobs, MemoryTable
from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.deliveries import Attempt, DeliveryRecord
from hooktrace.domain.events import EventRecord, PlannedDelivery
from hooktrace.domain.ids import (
    EndpointId,
    EventId,
    ProjectId,
    SubscriptionId,
    bare,
    delivery_id,
    new_event_id,
    ulid,
)
from hooktrace.domain.listing import Filters
from hooktrace.domain.registry import Project
from hooktrace.domain.states import DeliveryStatus, EventStatus, Trigger
from hooktrace.usecases.list_records import Listing, ListRecords

START_MS = 1_790_000_000_000
PROJECT = Project(id=f"prj_{ulid(START_MS, bytes(10))}", name="bench", created_ms=START_MS)
ENDPOINTS = [EndpointId(f"ep_{ulid(START_MS, bytes([n] * 10))}") for n in range(10)]
SUBSCRIPTION = SubscriptionId(f"sub_{ulid(START_MS, bytes(10))}")
PAGES = 10

QUERIES = {
    "events": Filters("events"),
    "events by status": Filters("events", status=frozenset({"failed"})),
    "events by endpoint": Filters("events", endpoint_id=frozenset(ENDPOINTS[:1])),
    "events by trigger": Filters("events", trigger=frozenset({"manual"})),
    "deliveries": Filters("deliveries"),
    "deliveries by status": Filters("deliveries", status=frozenset({"failed"})),
    "deliveries by endpoint": Filters("deliveries", endpoint_id=frozenset(ENDPOINTS[:1])),
    "deliveries by trigger": Filters("deliveries", trigger=frozenset({"manual"})),
}


class At:
    """Fulfils `Clock` and `Projects`."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def get_project(self, project_id: str) -> Project | None:
        return PROJECT if project_id == PROJECT.id else None


def history(count: int, seed: int = 7) -> Iterator[Item]:
    """Events of half a KB with a delivery each: two of three fail, half of all tried by hand."""
    chance = random.Random(seed)
    for number in range(count):
        event_id = new_event_id(START_MS + number * 3, chance.randbytes(10), PROJECT.shards)
        endpoint = chance.choice(ENDPOINTS)
        fails, by_hand = chance.random() < 0.66, chance.random() < 0.5
        for item in templates(endpoint, fails, by_hand):
            yield placed(item, event_id, endpoint)


def placed(item: Item, event_id: EventId, endpoint: EndpointId) -> Item:
    """A template as the item of this event."""
    project, event = ProjectId(PROJECT.id), bare(event_id)
    if item["SK"]["S"].startswith("E#"):
        key = event_key(project, event_id)
    else:
        identifier = delivery_id(event, bare(endpoint), 0)
        key = delivery_key(project, event, bare(endpoint), 0, identifier)
    own = item | {"PK": {"S": key[0]}, "SK": {"S": key[1]}}
    if "ul" in item:
        own["ul"] = {"S": event}
    if "ak" in item:
        listed, _ = item["ak"]["S"].rsplit("#", 1)
        own["ak"] = {"S": f"{listed}#{key[0].rsplit('#', 1)[1]}"}
    return own


@cache
def templates(endpoint: EndpointId, fails: bool, by_hand: bool) -> tuple[Item, Item]:
    """A delivery and its event, which differ from others of their sort in their keys only."""
    project = ProjectId(PROJECT.id)
    event_id = new_event_id(START_MS, bytes(10), PROJECT.shards)
    attempt = Attempt(
        number=1,
        trigger=Trigger.MANUAL if by_hand else Trigger.AUTOMATIC,
        started_ms=START_MS,
        outcome=AttemptOutcome.HTTP_ERROR if fails else AttemptOutcome.SUCCESS,
        duration_ms=12,
        status=500 if fails else 200,
        address="192.0.2.1:443",
        url="https://hooks.example.com/in",
    )
    delivery = DeliveryRecord(
        project_id=project,
        event_id=event_id,
        endpoint_id=endpoint,
        replay=0,
        status=DeliveryStatus.FAILED if fails else DeliveryStatus.SUCCEEDED,
        version=2,
        matched_by=(SUBSCRIPTION,),
        updated_ms=START_MS,
        attempts=(attempt,),
        attempts_total=1,
        write_token="token",
    )
    event = EventRecord(
        id=event_id,
        project_id=project,
        type="order.created",
        status=EventStatus.FAILED if fails else EventStatus.SUCCEEDED,
        version=3,
        updated_ms=START_MS,
        size_bytes=400,
        packed=bytes(300),
        report={"considered": 3, "matched": 1, "misses": {"type": 2}, "near_misses": []},
        plan=(PlannedDelivery(endpoint, (SUBSCRIPTION,)),),
        plan_total=1,
        write_token="token",
    )
    return delivery_item(delivery), event_item(event)


def stored(count: int) -> tuple[MemoryTable, ListRecords]:
    """A table with a history, and the lists on it."""
    table = MemoryTable()
    fill(table, history(count))
    ledger, lists = TableLedger(table, MemoryBlobs()), TableLists(table)
    at = At(START_MS + count * 3 + 1)
    lists.cursor_key()
    return table, ListRecords(
        ledger=ledger, payloads=ledger, lists=lists, projects=at, keys=lists, clock=at
    )


def fill(table: MemoryTable, items: Iterable[Item]) -> None:
    """Stores items and keeps no stream of them."""
    for item in items:
        table.store([item])
        table.stream.clear()


def cost(
    table: MemoryTable, lists: ListRecords, filters: Filters, pages: int = PAGES
) -> tuple[float, float, float]:
    """Read units, requests and milliseconds of a full page of 50, as a mean over the first."""
    table.meter.counts.clear()
    cursor, units, reads, full = None, 0.0, 0, 0
    began = time.perf_counter()
    while full < pages:
        page = lists.page(ProjectId(PROJECT.id), Listing(filters, limit=50, cursor=cursor))
        if len(page.records) < 50:
            break
        full += 1
        units, reads = table.meter.counts["rru_halves"] / 2, table.meter.counts["reads"]
        cursor = page.next_cursor
    took_ms = (time.perf_counter() - began) * 1000
    return units / full, reads / full, took_ms / full


def main(sizes: Sequence[int] = (1_000, 1_000_000)) -> None:
    """Prints a table."""
    print(f"{'list':24}{'events':>10}{'RRU/page':>10}{'reads/page':>12}{'ms/page':>9}")
    for size in sizes:
        table, lists = stored(size)
        for name, filters in QUERIES.items():
            units, reads, took_ms = cost(table, lists, filters)
            print(f"{name:24}{size:>10,}{units:>10.1f}{reads:>12.1f}{took_ms:>9.2f}")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or (1_000, 1_000_000))
