"""Bring an event's status in line with its deliveries: recomputed from truth, never counted up."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.events import EventRecord, PlannedDelivery
from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.domain.retention import expires_event_s, is_open_longer
from hooktrace.domain.states import (
    DELIVERY_ENDS,
    EVENT_ENDS,
    DeliveryStatus,
    EventStatus,
    check_event,
    roll_up,
)
from hooktrace.ports import Chance, Clock, Failed, Ledger, Lost, Payloads, Write
from hooktrace.usecases.cached_projects import ProjectSource
from hooktrace.usecases.match_events import planned
from hooktrace.usecases.whole_writes import check_all

ROUNDS = 6
CHUNK = 100
KEPT_PLACES = 1_000

SAME_S = 3_600
"""Expiries that lie no further apart count as one: a roll-up comes a moment after the end."""

Ref = tuple[ProjectId, EventId]
Expiries = dict[EventId, set[int]]
"""When the deliveries expire that decide the status of an event (epoch seconds)."""


class RollUpEvents:
    """The use case of the notify room; see `run`."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        payloads: Payloads,
        projects: ProjectSource,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._ledger = ledger
        self._payloads = payloads
        self._projects = projects
        self._clock = clock
        self._chance = chance
        self._places: OrderedDict[EventId, int] = OrderedDict()

    def run(self, refs: Iterable[Ref]) -> list[EventRecord]:
        """Rolls up each event once; answers with the records that changed.

        One write for each event that changes, conditional on its version; the loser reads again.
        A crash before it is healed by the stream, which repeats the batch, and by the audit.
        The write sets the expiry that belongs to the status, or while an earlier round goes on that
        of what is under way. Deliveries that would go before or after their event are first made to
        go with it: successes of a failure in a project that
        keeps failures longer, and what ended before the project changed its retention.
        Raises Unavailable when the ledger does not answer, did not take a write, or events keep
        changing: the batch must be repeated. What changed is done; the stream tells of it again.
        """
        open_refs = list(dict.fromkeys(refs))
        changed: list[EventRecord] = []
        failed: list[Failed] = []
        for _ in range(ROUNDS):
            if not open_refs:
                break
            events = self._ledger.events(open_refs)
            expiries: Expiries = {}
            statuses = self._statuses(list(events.values()), expiries)
            writes = []
            for event in events.values():
                after = self._after(event, statuses[event.id])
                if after is not None or event.id in expiries:
                    self._keep_with(after, event, expiries.get(event.id, set()))
                if after is not None:
                    writes.append(Write(after, event))
            results = self._ledger.write(writes) if writes else []
            open_refs = []
            for write, result in zip(writes, results, strict=True):
                assert isinstance(write.after, EventRecord)
                if isinstance(result, Lost):
                    open_refs.append((write.after.project_id, write.after.id))
                elif isinstance(result, Failed):
                    failed.append(result)
                else:
                    changed.append(write.after)
        check_all(failed)
        if open_refs:
            raise Unavailable(f"{len(open_refs)} events keep changing")
        return changed

    def _after(self, event: EventRecord, status: EventStatus | None) -> EventRecord | None:
        if status is None or status is event.status:
            return None
        now_ms, project = self._clock.now_ms(), self._projects.get_project(event.project_id)
        goes_on = status in EVENT_ENDS and self._has_earlier_under_way(event)
        return replace(
            event,
            status=check_event(event.status, status),
            version=event.version + 1,
            updated_ms=now_ms,
            expires_s=expires_event_s(
                event.accepted_ms,
                project,
                EventStatus.DELIVERING if goes_on else status,
                now_ms,
                stored_s=event.expires_s,
            ),
            write_token=self._chance.token(),
        )

    def _may_go_early(self, event: EventRecord) -> bool:
        """Whether earlier rounds of the event may be kept otherwise than itself."""
        has_rounds = event.plan_pages > 0 or event.plan[-1].replay > 0
        return has_rounds and is_open_longer(self._projects.get_project(event.project_id))

    def _has_earlier_under_way(self, event: EventRecord) -> bool:
        """Whether a delivery of an earlier round goes on, whose event must not go before it."""
        if not self._may_go_early(event):
            return False
        plans = planned(event, self._payloads)
        while chunk := list(islice(plans, CHUNK)):
            ids = [event.delivery_of(plan) for plan in chunk]
            found = self._ledger.deliveries((event.project_id, one) for one in ids)
            if any(_status(found.get(one)) not in DELIVERY_ENDS for one in ids):
                return True
        return False

    def keep(self, event: EventRecord) -> None:
        """What is over of an event that is under way is kept as long as that may last.

        Reads and writes only in projects that keep what is under way longer than successes. A
        delivery that were gone before its event would count as one that was never begun.
        """
        if event.status is not EventStatus.DELIVERING:
            return
        if is_open_longer(self._projects.get_project(event.project_id)):
            self._set_expiry(event)

    def _keep_with(
        self, after: EventRecord | None, before: EventRecord, expiries: set[int]
    ) -> None:
        """What is over is kept as long as its event, which is at its end or under way again.

        Also when its status stays as it was: a retry may begin and end between two roll-ups.
        `expiries` are those of the deliveries that decided its status. Reads only where one of
        them differs, or where an earlier round may have been kept otherwise.
        """
        event = after or before
        if event.status not in EVENT_ENDS:
            if after is not None:
                self.keep(event)
            return
        if self._may_go_early(event) or any(_differ(one, event.expires_s) for one in expiries):
            self._set_expiry(event)

    def _set_expiry(self, event: EventRecord) -> None:
        """The event's own expiry for all deliveries that are over; one write for each that differs.

        A write that loses was changed by somebody who sets the expiry anew, and whose change
        rolls the event up again.
        """
        plans = planned(event, self._payloads)
        while chunk := list(islice(plans, CHUNK)):
            found = self._ledger.deliveries(
                (event.project_id, event.delivery_of(plan)) for plan in chunk
            )
            others = [
                d
                for d in found.values()
                if d.status in DELIVERY_ENDS and _differ(d.expires_s, event.expires_s)
            ]
            now_ms, token = self._clock.now_ms(), self._chance.token()
            kept = [
                replace(d.written(now_ms=now_ms, token=token), expires_s=event.expires_s)
                for d in others
            ]
            if kept:
                pairs = zip(kept, others, strict=True)
                check_all(self._ledger.write([Write(*pair) for pair in pairs]))

    def _statuses(
        self, events: Sequence[EventRecord], expiries: Expiries
    ) -> dict[EventId, EventStatus | None]:
        """The status each event should have; None for one that nothing was decided about."""
        small = [e for e in events if e.plan_pages == 0]
        refs = {(e.project_id, e.delivery_of(p)): e.id for e in small for p in latest_round(e.plan)}
        found = self._ledger.deliveries(refs) if refs else {}
        seen: dict[EventId, list[DeliveryStatus]] = {}
        for (_, identifier), event_id in refs.items():
            record = found.get(identifier)
            seen.setdefault(event_id, []).append(_status(record))
            _note(expiries, event_id, record)
        answers: dict[EventId, EventStatus | None] = {
            e.id: roll_up(seen[e.id]) if e.id in seen else None for e in small
        }
        answers |= {e.id: self._large(e, expiries) for e in events if e.plan_pages}
        return answers

    def _large(self, event: EventRecord, expiries: Expiries) -> EventStatus:
        """A large fan-out: go on from where the last look met a delivery under way.

        The place is a hint in memory. Only when it has passed the end is everything read, once.
        """
        start = self._places.get(event.id, 0)
        for number, statuses in enumerate(self._chunks(event)):
            if number >= start and set(statuses) - DELIVERY_ENDS:
                self._places[event.id] = number
                if len(self._places) > KEPT_PLACES:
                    self._places.popitem(last=False)
                return EventStatus.DELIVERING
        self._places.pop(event.id, None)
        return roll_up(s for statuses in self._chunks(event, 0, expiries) for s in statuses)

    def _chunks(
        self, event: EventRecord, start: int | None = None, expiries: Expiries | None = None
    ) -> Iterator[list[DeliveryStatus]]:
        first = self._places.get(event.id, 0) if start is None else start
        plan = list(latest_round(planned(event, self._payloads)))
        for number, position in enumerate(range(0, len(plan), CHUNK)):
            if number < first:
                yield []
                continue
            ids = [event.delivery_of(p) for p in plan[position : position + CHUNK]]
            found = self._ledger.deliveries((event.project_id, i) for i in ids)
            for record in found.values():
                _note(expiries if expiries is not None else {}, event.id, record)
            yield [_status(found.get(i)) for i in ids]


def latest_round(plan: Iterable[PlannedDelivery]) -> list[PlannedDelivery]:
    """The latest round of each endpoint: what the event's status follows from."""
    latest: dict[str, PlannedDelivery] = {}
    for one in plan:
        known = latest.get(one.endpoint_id)
        if known is None or known.replay <= one.replay:
            latest[one.endpoint_id] = one
    return list(latest.values())


def _status(record: DeliveryRecord | None) -> DeliveryStatus:
    return DeliveryStatus.PENDING if record is None else record.status


def _note(expiries: Expiries, event: EventId, record: DeliveryRecord | None) -> None:
    if record is not None and record.expires_s is not None:
        expiries.setdefault(event, set()).add(record.expires_s)


def _differ(one_s: int | None, other_s: int | None) -> bool:
    return abs((one_s or 0) - (other_s or 0)) > SAME_S
