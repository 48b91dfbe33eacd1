"""Read the whole story of an event, or of one delivery."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.events import EventRecord, Payload
from hooktrace.domain.ids import (
    DeliveryId,
    EventId,
    ProjectId,
    parse_event_id,
    split_delivery_id,
)
from hooktrace.domain.shown_size import MOST_TRACE_BYTES, fitting
from hooktrace.ports import AttemptShelf, Clock, Ledger, Payloads
from hooktrace.usecases.delivery_jobs import unborn_record
from hooktrace.usecases.match_events import planned

SHOWN_DELIVERIES = 100
SHOWN_ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class Trace:
    """An event with its payload and its deliveries from `start` on: `SHOWN_DELIVERIES`, or as
    many as fit into an answer."""

    event: EventRecord
    payload: Payload | None
    deliveries: tuple[DeliveryRecord, ...]
    start: int


class ReadTrace:
    """Answers for the query room. Everything is read strongly consistent."""

    def __init__(
        self, *, ledger: Ledger, payloads: Payloads, shelf: AttemptShelf, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._payloads = payloads
        self._shelf = shelf
        self._clock = clock

    def event(self, project: ProjectId, text: str, *, start: int = 0) -> Trace | None:
        """The trace of an event id; None when this project has no such event (any more)."""
        event = self._living(project, parse_event_id(text))
        if event is None:
            return None
        plan = list(islice(planned(event, self._payloads), start, start + SHOWN_DELIVERIES))
        ids = [event.delivery_of(p) for p in plan]
        found = self._ledger.deliveries((project, i) for i in ids) if ids else {}
        records = [
            found.get(identifier) or unborn_record(event, one)
            for identifier, one in zip(ids, plan, strict=True)
        ]
        shown = tuple(fitting(records, MOST_TRACE_BYTES))
        return Trace(event=event, payload=self._payload(event), deliveries=shown, start=start)

    def stored(self, project: ProjectId, text: str) -> DeliveryRecord | None:
        """A delivery as its record holds it (version 0: planned, not begun), or None."""
        parts = split_delivery_id(text)
        event = self._living(project, parse_event_id(f"evt_{parts[0]}")) if parts else None
        if event is None:
            return None
        identifier = DeliveryId(text)
        record = self._ledger.deliveries([(project, identifier)]).get(identifier)
        if record is not None:
            return record
        every = planned(event, self._payloads)
        return next(
            (unborn_record(event, one) for one in every if event.delivery_of(one) == identifier),
            None,
        )

    def delivery(self, project: ProjectId, text: str) -> DeliveryRecord | None:
        """A delivery with its last 100 attempts; None when this project has no such delivery."""
        record = self.stored(project, text)
        if record is None or len(record.attempts) == record.attempts_total:
            return record
        numbers = {a.number for a in record.attempts}
        shelved = self._shelf.shelved(record, limit=SHOWN_ATTEMPTS)
        older = [a for a in shelved if a.number not in numbers]
        return replace(record, attempts=(*older, *record.attempts)[-SHOWN_ATTEMPTS:])

    def _living(self, project: ProjectId, identifier: EventId | None) -> EventRecord | None:
        if identifier is None:
            return None
        event = self._ledger.events([(project, identifier)]).get(identifier)
        if event is None or self._expired(event.expires_s):
            return None
        return event

    def _expired(self, expires_s: int | None) -> bool:
        return expires_s is not None and expires_s * 1000 <= self._clock.now_ms()

    def _payload(self, event: EventRecord) -> Payload | None:
        if event.expunged_ms is not None:
            return None
        packed = event.packed or self._payloads.payload(event.project_id, event.id)
        return Payload.unpack(packed) if packed is not None else None
