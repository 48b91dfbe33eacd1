"""Walk through the ledger until a page is full: read candidates, hold them against the filters.

An index is a hint (it may be some moments late): every record is read strongly consistent and
checked before it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.events import EventRecord, PlannedDelivery
from hooktrace.domain.ids import (
    DeliveryId,
    EventId,
    ProjectId,
    bare,
    delivery_id,
    ulid_ms,
)
from hooktrace.domain.listing import Filters, Source, Stretch
from hooktrace.domain.shown_size import shown_bytes
from hooktrace.domain.states import EVENT_ENDS
from hooktrace.ports import Ledger, Payloads, Record
from hooktrace.reading_ports import Entry
from hooktrace.usecases.delivery_jobs import unborn_record
from hooktrace.usecases.match_events import planned
from hooktrace.usecases.merge_lanes import MergedLanes

CHUNK = 100
MOST_AT_ONCE = 400

Planned = tuple[str, EventRecord, PlannedDelivery]


class Walk:
    """One page's way through the ledger; `run` fills `found` and moves `edge`."""

    def __init__(
        self,
        *,
        project: ProjectId,
        filters: Filters,
        source: Source,
        stretch: Stretch,
        lanes: MergedLanes,
        most_bytes: int,
        ledger: Ledger,
        payloads: Payloads,
        now_ms: int,
        oldest_ms: int,
    ) -> None:
        """`oldest_ms`: deliveries of events accepted before it may have outlived their event."""
        self._project = project
        self._filters = filters
        self._source = source
        self._stretch = stretch
        self._lanes = lanes
        self._bytes_left = most_bytes
        self._ledger = ledger
        self._payloads = payloads
        self._now_ms = now_ms
        self._oldest_ms = oldest_ms
        self._limit = 0
        self._is_cut = False
        self._passed = ""
        self.found: list[Record] = []
        self.edge = stretch.edge

    def run(self, limit: int) -> None:
        """Looks until `limit` records are found, all is seen, or the page's work is done."""
        self._limit = limit
        looked = 0
        while not self._is_cut and len(self.found) < limit:
            missing = limit - len(self.found)
            eager = looked > len(self.found)
            count = max(missing, min(looked, MOST_AT_ONCE)) if eager else missing
            if self._source.expand:
                count = min(count, CHUNK)
            entries = self._lanes.take(count, eager=eager)
            if entries:
                self._look_at(entries)
            looked += len(entries)
            if not self._is_cut and len(entries) < count:
                self._move(self._lanes.edge)
                return

    @property
    def is_over(self) -> bool:
        """Whether everything there is has been looked at."""
        return not self._is_cut and self._lanes.has_ended

    def _look_at(self, entries: Sequence[Entry]) -> None:
        if self._source.expand:
            self._look_into_plans(self._events_at(entries), entries[-1].place)
        elif self._source.kind == "E":
            for place, event in self._events_at(entries):
                self._pass(place, event)
            self._move_past(entries[-1].place)
        else:
            self._look_at_deliveries(entries)
            self._move_past(entries[-1].place)

    # -- what is found, and how far that is ------------------------------------------------

    def _move(self, edge: str) -> None:
        if self._is_cut:
            return
        further = min(self.edge, edge) if self._stretch.descending else max(self.edge, edge)
        self.edge = further

    def _move_past(self, place: str) -> None:
        self._move(self._stretch.after(place))

    def _pass(self, place: str, record: Record) -> None:
        """The record is on the page, unless that is full: then the rest is for the next page.

        A page is full by number, or by size. It has one record at least, whatever its size.
        """
        size = shown_bytes(record)
        is_full = len(self.found) == self._limit or (self.found and size > self._bytes_left)
        if self._is_cut or is_full:
            self._is_cut = True
            return
        self._bytes_left -= size
        self.found.append(record)
        if isinstance(record, EventRecord):
            self._passed = record.ulid
            self._move(self._stretch.after_event(place))
        else:
            self._move_past(place)

    # -- events ----------------------------------------------------------------------------

    def _events_at(self, entries: Sequence[Entry]) -> list[tuple[str, EventRecord]]:
        """The living events of these entries that the filters take."""
        known = [e.record for e in entries if isinstance(e.record, EventRecord)]
        events = {event.ulid: event for event in known}
        missing = [EventId(f"evt_{e.place}") for e in entries if e.record is None]
        if missing:
            found = self._ledger.events((self._project, i) for i in missing)
            events |= {event.ulid: event for event in found.values()}
        return [(e.place, events[e.place]) for e in entries if self._takes(events.get(e.place))]

    def _takes(self, event: EventRecord | None) -> bool:
        return (
            event is not None
            and not self._expired(event.expires_s)
            and self._filters.takes_event(event)
        )

    def _expired(self, expires_s: int | None) -> bool:
        return expires_s is not None and expires_s * 1000 <= self._now_ms

    # -- deliveries, found by themselves ---------------------------------------------------

    def _look_at_deliveries(self, entries: Sequence[Entry]) -> None:
        records = self._deliveries_at(entries)
        if self._filters.kind == "deliveries" and not self._filters.asks_events:
            for place, record in self._with_event(records):
                self._pass(place, record)
            return
        refs = dict.fromkeys((self._project, r.event_id) for _, r in records)
        events = self._ledger.events(refs) if refs else {}
        for place, record in records:
            event = events.get(record.event_id)
            if event is None or not self._takes(event):
                continue
            if self._filters.kind == "deliveries":
                self._pass(place, record)
            elif event.ulid != self._passed:
                self._pass(place, event)

    def _with_event(
        self, records: Sequence[tuple[str, DeliveryRecord]]
    ) -> list[tuple[str, DeliveryRecord]]:
        """Those whose event lives; it is read only when it may have gone before them."""
        old = {r.event_id for _, r in records if ulid_ms(r.event_id) < self._oldest_ms}
        found = self._ledger.events((self._project, one) for one in old) if old else {}
        living = {one for one, event in found.items() if not self._expired(event.expires_s)}
        return [(p, r) for p, r in records if r.event_id not in old or r.event_id in living]

    def _deliveries_at(self, entries: Sequence[Entry]) -> list[tuple[str, DeliveryRecord]]:
        """The living deliveries of these entries that the filters take."""
        ids = {entry.place: _delivery_at(entry.place) for entry in entries if entry.record is None}
        found = self._ledger.deliveries((self._project, i) for i in ids.values()) if ids else {}
        records = [
            (e.place, found.get(ids[e.place]) if e.place in ids else e.record) for e in entries
        ]
        return [
            (place, record)
            for place, record in records
            if isinstance(record, DeliveryRecord)
            and not self._expired(record.expires_s)
            and self._filters.takes_delivery(record)
        ]

    # -- deliveries, found through the plans of their events -------------------------------

    def _look_into_plans(self, events: Sequence[tuple[str, EventRecord]], last: str) -> None:
        plans = self._plans(events)
        while chunk := list(islice(plans, CHUNK)):
            self._look_at_planned(chunk)
            self._move_past(chunk[-1][0])
            self._lanes.rows += len(chunk)
            if len(chunk) == CHUNK and self._lanes.is_spent:
                self._is_cut = True  # within the plans: the next page goes on from here
            if self._is_cut:
                return
        self._move(self._stretch.after_event(last))

    def _plans(self, events: Sequence[tuple[str, EventRecord]]) -> Iterator[Planned]:
        """The planned deliveries that the filters could take, in the walk's order."""
        unborn_only = self._filters.kind == "deliveries" and self._filters.status == {"pending"}
        for _, event in events:
            if unborn_only and event.status in EVENT_ENDS:
                continue
            places = [
                (f"{event.ulid}#{bare(plan.endpoint_id)}#{plan.replay}", event, plan)
                for plan in planned(event, self._payloads)
                if self._filters.takes_plan(plan)
            ]
            inside = [one for one in places if self._stretch.holds(one[0])]
            inside.sort(key=lambda one: one[0], reverse=self._stretch.descending)
            yield from inside if self._reads_planned else inside[:1]

    @property
    def _reads_planned(self) -> bool:
        """Whether the plan alone does not decide."""
        return self._filters.kind == "deliveries" or self._filters.asks_attempts

    def _look_at_planned(self, chunk: Sequence[Planned]) -> None:
        found: dict[DeliveryId, DeliveryRecord] = {}
        if self._reads_planned:
            found = self._ledger.deliveries((self._project, _delivery_at(p)) for p, _, _ in chunk)
        for place, event, plan in chunk:
            record = found.get(_delivery_at(place)) or unborn_record(event, plan)
            if self._expired(record.expires_s) or not self._filters.takes_delivery(record):
                continue
            if self._filters.kind == "deliveries":
                self._pass(place, record)
            elif event.ulid != self._passed:
                self._pass(place, event)


def _delivery_at(place: str) -> DeliveryId:
    event, endpoint, replay = place.split("#")
    return delivery_id(event, endpoint, int(replay))
