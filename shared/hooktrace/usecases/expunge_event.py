"""Take an event's data away for good; its trace stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.errors import NotFound, Unavailable
from hooktrace.domain.events import EventRecord, PlannedDelivery
from hooktrace.domain.expunge import expunge_delivery, expunge_event
from hooktrace.domain.ids import DeliveryId, EventId, KeyId, ProjectId
from hooktrace.domain.ids import parse_event_id as parse
from hooktrace.ports import (
    AttemptShelf,
    Chance,
    Clock,
    Ledger,
    Lost,
    PayloadEraser,
    Payloads,
    Write,
)
from hooktrace.usecases.delivery_jobs import unborn_record
from hooktrace.usecases.match_events import planned
from hooktrace.usecases.whole_writes import check_all, write_one

ROUNDS = 8
CHUNK = 100
SHELVED_AT_ONCE = 100


class ExpungeEvent:
    """The use case behind `DELETE /v1/events/{id}/data`; see `run`."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        payloads: Payloads,
        eraser: PayloadEraser,
        shelf: AttemptShelf,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._ledger = ledger
        self._payloads = payloads
        self._eraser = eraser
        self._shelf = shelf
        self._clock = clock
        self._chance = chance

    def run(self, project: ProjectId, text: str, key: KeyId) -> EventRecord:
        """Expunges; answers with the event, as it is after the first call that asked for it.

        Parts, in this order: (1) the event's record, without data and values, marked: from here
        on nothing reads or replays it, and match finds it at its end; (2) each planned delivery,
        marked, without answers, cancelled unless at its end: a message that carries the data and
        arrives later finds it so, one that was not born is born cancelled; (3) answers on the
        shelf; (4) the payload beside the event. A crash between them leaves the rest to the next
        call, which does again whatever is left. Every write is conditional on its version; a
        worker that loses to it reads the mark, and records its result without the answer.
        Raises NotFound, Unavailable.
        """
        event = self._mark(project, parse(text), key)
        plans = planned(event, self._payloads)
        while chunk := list(islice(plans, CHUNK)):
            for record in self._expunge_deliveries(event, chunk):
                self._expunge_shelf(record)
        self._eraser.erase_payload(project, event.id, event.payload_at)
        return event

    def _mark(self, project: ProjectId, identifier: EventId | None, key: KeyId) -> EventRecord:
        for _ in range(ROUNDS):
            found = self._ledger.events([(project, identifier)]) if identifier else {}
            event = found.get(identifier) if identifier else None
            now_ms = self._clock.now_ms()
            if event is None or event.has_expired(now_ms):
                raise NotFound
            after = expunge_event(event, key, now_ms=now_ms, token=self._chance.token())
            if after is None:
                return event
            if not isinstance(write_one(self._ledger, Write(after, event)), Lost):
                return after
        raise Unavailable("the event keeps changing")

    def _expunge_deliveries(
        self, event: EventRecord, plans: Sequence[PlannedDelivery]
    ) -> Iterator[DeliveryRecord]:
        """Marks these deliveries; gives each as it is then."""
        waiting: dict[DeliveryId, PlannedDelivery] = {
            event.delivery_of(plan): plan for plan in plans
        }
        for _ in range(ROUNDS):
            found = self._ledger.deliveries((event.project_id, one) for one in waiting)
            writes = {}
            for identifier, plan in waiting.items():
                record = found.get(identifier)
                after = expunge_delivery(
                    record or unborn_record(event, plan),
                    now_ms=self._clock.now_ms(),
                    token=self._chance.token(),
                )
                if after is not None:
                    writes[identifier] = Write(after, record)
            answers = self._ledger.write(list(writes.values())) if writes else []
            check_all(answers)
            lost = {one for one, got in zip(writes, answers, strict=True) if isinstance(got, Lost)}
            for identifier in waiting.keys() - lost:
                known = writes[identifier].after if identifier in writes else found[identifier]
                assert isinstance(known, DeliveryRecord)
                yield known
            waiting = {one: waiting[one] for one in lost}
            if not waiting:
                return
        raise Unavailable("the deliveries keep changing")

    def _expunge_shelf(self, record: DeliveryRecord) -> None:
        """Older attempts lie beside their delivery; they are never changed by anyone else."""
        before: int | None = None
        more = record.attempts_total > len(record.attempts)
        while more:
            older = self._shelf.shelved(record, limit=SHELVED_AT_ONCE, before=before)
            quoted = [one for one in older if one != one.without_answer()]
            if quoted:
                self._shelf.shelve(record, [one.without_answer() for one in quoted])
            more = len(older) == SHELVED_AT_ONCE
            before = older[0].number if more else before
