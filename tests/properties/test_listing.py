"""Whatever the history and the filters: all pages together are what a full look would find."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.lists import TableLists
from hooktrace.adapters.memory.table import MemoryBlobs, MemoryTable
from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.deliveries import Attempt, DeliveryRecord, born
from hooktrace.domain.events import EventRecord, PlannedDelivery
from hooktrace.domain.ids import EndpointId, ProjectId, SubscriptionId, bare, new_event_id, ulid
from hooktrace.domain.listing import Filters, choose_source
from hooktrace.domain.registry import Project
from hooktrace.domain.shown_size import MOST_SHOWN_BYTES
from hooktrace.domain.states import DeliveryStatus, EventStatus, Trigger
from hooktrace.ports import Record, Write
from hooktrace.usecases.list_records import Listing, ListRecords

NOW_MS = 1_790_000_000_000
ENDPOINTS = [EndpointId(f"ep_{ulid(1, bytes([n] * 10))}") for n in range(3)]
SUBSCRIPTIONS = [SubscriptionId(f"sub_{ulid(1, bytes([n] * 10))}") for n in range(3)]
FOREIGN = EndpointId(f"ep_{ulid(1, bytes([9] * 10))}")
PROJECTS = [ProjectId(f"prj_{ulid(1, bytes([n] * 10))}") for n in range(2)]
TYPES = ["a", "b"]
KEYS = ["k", None]
SHARDS = 4


class History:
    """A ledger full of records that a random generator made up, consistent or not."""

    def __init__(self, seed: int, count: int, **work: int) -> None:
        self.random = random.Random(seed)
        self.table = MemoryTable()
        self.ledger = TableLedger(self.table, MemoryBlobs())
        self.events: dict[str, EventRecord] = {}
        self.deliveries: dict[str, DeliveryRecord] = {}
        self.planned: dict[str, DeliveryRecord] = {}
        lists = TableLists(self.table)
        self.lists = ListRecords(
            ledger=self.ledger,
            payloads=self.ledger,
            lists=lists,
            projects=self,
            keys=lists,
            clock=self,
            **work,
        )
        for _ in range(count):
            self.add(self.random.randint(0, 20))

    def now_ms(self) -> int:
        return NOW_MS

    def get_project(self, project_id: str) -> Project:
        return Project(id=project_id, name="p", created_ms=1, shards=SHARDS)

    def add(self, age_ms: int) -> None:
        chance = self.random
        project = PROJECTS[chance.random() < 0.1]
        shards = chance.choice([1, 2, SHARDS])
        event_id = new_event_id(NOW_MS - age_ms, chance.randbytes(10), shards)
        endpoints = ENDPOINTS if project == PROJECTS[0] else [FOREIGN]
        pairs = [(e, r) for e in endpoints for r in range(6 // len(endpoints))]
        plan = tuple(
            PlannedDelivery(endpoint, (chance.choice(SUBSCRIPTIONS),), replay)
            for endpoint, replay in chance.sample(pairs, chance.choice([0, 1, 1, 2, 6]))
        )
        expires = NOW_MS // 1000 + chance.choice([-1, 100, 100, 100])
        event = EventRecord(
            id=event_id,
            project_id=project,
            type=chance.choice(TYPES),
            status=chance.choice(list(EventStatus)),
            version=1,
            updated_ms=NOW_MS,
            size_bytes=1,
            packed=b"",
            plan=plan,
            plan_total=len(plan),
            report={"considered": 0, "matched": 0, "misses": {}, "near_misses": []},
            idempotency_key=chance.choice(KEYS),
            expires_s=expires,
        )
        self.ledger.write([Write(event)])
        mine = project == PROJECTS[0] and expires > NOW_MS // 1000
        if mine:
            self.events[event_id] = event
        for one in plan:
            unborn = born(
                project_id=project,
                event_id=event_id,
                endpoint_id=one.endpoint_id,
                replay=one.replay,
                matched_by=one.matched_by,
                expires_s=expires,
            )
            record = self.delivery(unborn)
            ended = event.status in {"succeeded", "failed", "partial", "discarded", "rejected"}
            if ended or chance.random() < 0.7:
                self.ledger.write([Write(record)])
                if mine:
                    self.deliveries[record.id] = record
            elif mine:
                self.planned[unborn.id] = unborn

    def delivery(self, unborn: DeliveryRecord) -> DeliveryRecord:
        chance = self.random
        attempts = tuple(
            Attempt(
                number=number,
                trigger=chance.choice(list(Trigger)),
                started_ms=1,
                outcome=chance.choice([AttemptOutcome.SUCCESS, AttemptOutcome.HTTP_ERROR]),
                status=chance.choice([200, 418]),
            )
            for number in range(1, chance.randint(1, 4))
        )
        status = chance.choice([s for s in DeliveryStatus if s is not DeliveryStatus.PENDING])
        return replace(
            unborn,
            status=status,
            version=1,
            updated_ms=NOW_MS,
            attempts=attempts,
            attempts_total=len(attempts),
        )

    def expected(self, filters: Filters) -> set[str]:
        """What a look at every record finds."""
        shown = dict(self.deliveries)
        if choose_source(filters).expand:
            shown |= self.planned
        fitting = [d for d in shown.values() if fits_delivery(d, filters)]
        if filters.kind == "deliveries":
            return {d.id for d in fitting if fits_event(self.events[d.event_id], filters)}
        some = {d.event_id for d in fitting}
        return {
            e.id
            for e in self.events.values()
            if fits_event(e, filters) and (e.id in some or not filters.asks_deliveries)
        }


def fits_event(event: EventRecord, f: Filters) -> bool:
    by_status = f.kind == "deliveries" or not f.status or event.status in f.status
    by_key = not f.idempotency_key or event.idempotency_key in f.idempotency_key
    return by_status and by_key and (not f.type or event.type in f.type)


def fits_delivery(delivery: DeliveryRecord, f: Filters) -> bool:
    attempts: list[Any] = [
        a
        for a in delivery.attempts
        if (not f.trigger or a.trigger in f.trigger)
        and (not f.outcome or a.outcome in f.outcome)
        and (not f.response_status or a.status in f.response_status)
    ]
    return (
        (f.kind == "events" or not f.status or delivery.status in f.status)
        and (not f.endpoint_id or delivery.endpoint_id in f.endpoint_id)
        and (not f.subscription_id or bool(set(delivery.matched_by) & f.subscription_id))
        and (bool(attempts) or not (f.trigger or f.outcome or f.response_status))
    )


def some_of(values: list[Any], most: int = 2) -> st.SearchStrategy[frozenset[Any]]:
    return st.one_of(st.just(frozenset()), st.frozensets(st.sampled_from(values), max_size=most))


@st.composite
def any_filters(draw: st.DrawFn) -> Filters:
    kind = draw(st.sampled_from(["events", "deliveries"]))
    statuses = [str(s) for s in (EventStatus if kind == "events" else DeliveryStatus)]
    return Filters(
        kind=kind,
        status=draw(some_of(statuses, 3)),
        type=draw(some_of(TYPES)),
        endpoint_id=draw(some_of([str(e) for e in [*ENDPOINTS, FOREIGN]])),
        subscription_id=draw(some_of([str(s) for s in SUBSCRIPTIONS])),
        trigger=draw(some_of(["automatic", "manual"])),
        outcome=draw(some_of(["success", "http_error"])),
        response_status=draw(some_of([200, 418])),
        idempotency_key=draw(some_of(["k", "other"])),
    )


@dataclass(frozen=True)
class Work:
    """How much is looked at, and how much is shown, for one page."""

    most_rows: int
    more_reads: int
    most_bytes: int


WORKS = st.builds(
    Work,
    st.sampled_from([3, 20, 1000]),
    st.sampled_from([1, 5, 64]),
    st.sampled_from([1, 4_000, MOST_SHOWN_BYTES]),
)


def place(record: Record) -> str:
    if isinstance(record, EventRecord):
        return record.ulid
    return f"{bare(record.event_id)}#{bare(record.endpoint_id)}#{record.replay}"


@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(0, 60),
    filters=any_filters(),
    descending=st.booleans(),
    limit=st.sampled_from([1, 2, 7, 200]),
    work=WORKS,
)
def test_all_pages_are_what_a_full_look_finds(
    seed: int, count: int, filters: Filters, descending: bool, limit: int, work: Work
) -> None:
    history = History(seed, count, **asdict(work))
    expected = history.expected(filters)
    found: list[Record] = []
    cursor: str | None = None
    for _ in range(3_000):
        page = history.lists.page(
            PROJECTS[0], Listing(filters, descending=descending, limit=limit, cursor=cursor)
        )
        found += page.records
        assert len(page.records) <= limit
        cursor = page.next_cursor
        assert (cursor is None) == (page.looked_until_ms is None)
        if cursor is None:
            break
        history.add(-1 - history.random.randint(0, 3))  # newer than the walk
    assert cursor is None, "the walk never ended"
    places = [place(record) for record in found]
    assert places == sorted(places, reverse=descending)
    ids = [str(record.id) for record in found]
    assert len(set(ids)) == len(ids)
    assert set(ids) == expected
