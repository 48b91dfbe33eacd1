"""Send again what nothing moves, and bring statuses in line, for events that sweep finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from hooktrace.domain.deliveries import DeliveryRecord, next_number
from hooktrace.domain.errors import IllegalTransition
from hooktrace.domain.events import EventRecord, PlannedDelivery
from hooktrace.domain.ids import EventId
from hooktrace.domain.messages import DeliverTaskV1
from hooktrace.domain.states import DELIVERY_ENDS, EVENT_ENDS, DeliveryStatus, EventStatus
from hooktrace.ports import Clock, Ledger, Payloads, TaskQueue, Write
from hooktrace.usecases.ingest_events import match_task
from hooktrace.usecases.match_events import deliver_task, planned
from hooktrace.usecases.roll_up_events import RollUpEvents

LATE_MS = 5_000
LATE_ON_SLOW_LANE_MS = 15 * 60_000
CHUNK = 100

Planned = tuple[EventRecord, PlannedDelivery]


class RepairEvents:
    """Part of the sweep; see `run`. `counts` says what was done since they were last cleared."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        payloads: Payloads,
        match_queue: TaskQueue,
        deliver_queue: TaskQueue,
        roll_up: RollUpEvents,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._payloads = payloads
        self._match_queue = match_queue
        self._deliver_queue = deliver_queue
        self._roll_up = roll_up
        self._clock = clock
        self.counts: Counter[str] = Counter()

    def run(self, events: Sequence[EventRecord]) -> set[EventId]:
        """Sends what nothing moves of these events; the ids of those that somebody must look at
        again, since something of them is under way that only this look would miss.

        Of an event that was replayed the status follows from the latest round alone: earlier
        rounds may be under way when it is at its end. Reads and messages go in batches: after an
        outage there are many. An event that cannot be repaired, for a bug of ours, takes no others
        along. Raises Unavailable.
        """
        try:
            return self._run(events)
        except IllegalTransition:
            if len(events) == 1:
                self.counts["unrepairable"] += 1
                return set()
            return {found for event in events for found in self.run([event])}

    def _run(self, events: Sequence[EventRecord]) -> set[EventId]:
        waiting = [event for event in events if event.status is EventStatus.ACCEPTED]
        self._match_queue.send([(match_task(event, event.packed), 0) for event in waiting])
        self.counts["match_sent_again"] += len(waiting)
        delivering = [event for event in events if event.status is EventStatus.DELIVERING]
        ended = [event for event in events if event.status in EVENT_ENDS]
        unwatched: set[EventId] = set()
        stuck: list[DeliverTaskV1] = []
        late: dict[EventId, EventRecord] = {event.id: event for event in waiting}
        for event, task in self._under_way([*delivering, *filter(self._was_replayed, ended)]):
            unwatched.add(event.id)
            if task is not None:
                late[event.id] = event
                stuck.append(task)
        self._deliver_queue.send([(task, 0) for task in stuck])
        self.counts["deliver_sent_again"] += len(stuck)
        for event in late.values():
            self.saw_waiting(event.updated_ms)
        changed = self._roll_up.run([(event.project_id, event.id) for event in delivering])
        self.counts["rolled_up"] += len(changed)
        return unwatched

    def saw_waiting(self, since_ms: int) -> None:
        """`oldest_waiting_s` is how long the oldest of all that was found has waited."""
        seconds = (self._clock.now_ms() - since_ms) // 1000
        self.counts["oldest_waiting_s"] = max(self.counts["oldest_waiting_s"], seconds)

    def _was_replayed(self, event: EventRecord) -> bool:
        """Whether its plan has more than one round; the last one stands at its end."""
        plan = event.plan
        if event.plan_pages:
            plan = self._payloads.plan_page(event, event.plan_pages - 1)
        return bool(plan) and plan[-1].replay > 0

    def _under_way(
        self, events: Iterable[EventRecord]
    ) -> Iterator[tuple[EventRecord, DeliverTaskV1 | None]]:
        """For each delivery under way without a time of its own in `due`: its event, and the
        message that it needs, if nothing moves it (unborn, lease run out, retry overdue)."""
        now_ms = self._clock.now_ms()
        plans = ((event, plan) for event in events for plan in planned(event, self._payloads))
        while chunk := list(islice(plans, CHUNK)):
            ids = {(e.project_id, e.delivery_of(plan)): (e, plan) for e, plan in chunk}
            found = self._ledger.deliveries(ids)
            for (_, identifier), (event, plan) in ids.items():
                record = found.get(identifier)
                if record is None:
                    yield event, deliver_task(event, plan, event.packed)
                elif is_stuck(record, now_ms):
                    yield event, next_task(event, record)
                elif record.status not in DELIVERY_ENDS and record.due_ms is None:
                    yield event, None


def is_stuck(record: DeliveryRecord, now_ms: int) -> bool:
    """Whether nothing will move this delivery unless it is sent again."""
    if record.status is DeliveryStatus.DELIVERING:
        return record.lease_until_ms is None or record.lease_until_ms + LATE_MS < now_ms
    if record.status in {DeliveryStatus.PENDING, DeliveryStatus.RETRYING} and not record.due_ms:
        late_ms = LATE_ON_SLOW_LANE_MS if record.waiting_for == "slow_lane" else LATE_MS
        return (record.next_attempt_ms or 0) + late_ms < now_ms
    return False


def next_task(event: EventRecord, record: DeliveryRecord) -> DeliverTaskV1:
    """The message that moves this delivery on."""
    plan = PlannedDelivery(record.endpoint_id, record.matched_by, record.replay)
    return deliver_task(event, plan, event.packed, next_number(record))


def look_again(event: EventRecord, due_ms: int | None, token: str) -> Write:
    """The event with another time in `due`, at which sweep looks at it again."""
    after = replace(event, due_ms=due_ms, version=event.version + 1, write_token=token)
    return Write(after, event)
