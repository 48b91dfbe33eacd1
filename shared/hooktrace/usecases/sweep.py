"""Once a minute: due retries, what the audit finds stuck, and dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hooktrace.domain.deliveries import DeliveryRecord, next_number
from hooktrace.domain.events import EventRecord, PlannedDelivery
from hooktrace.domain.ids import DeliveryId, EventId, ProjectId, bare, delivery_id
from hooktrace.domain.messages import DeliverTaskV1, Task
from hooktrace.domain.registry import Project
from hooktrace.domain.states import DELIVERY_ENDS, DeliveryStatus, EventStatus
from hooktrace.ports import Chance, Clock, Ledger, LedgerScan, Payloads, TaskQueue, Write, Written
from hooktrace.usecases.delivery_jobs import queue_delay
from hooktrace.usecases.ingest_events import match_task
from hooktrace.usecases.match_events import deliver_task, planned
from hooktrace.usecases.roll_up_events import RollUpEvents
from hooktrace.usecases.watch_operations import WatchOperations
from hooktrace.usecases.write_back import DeadLetters, WriteBackLetters

DUE_BATCH = 500
DUE_HORIZON_MS = 60_000
DUE_AGAIN_MS = 15 * 60_000
FIRST_LOOK_BACK_MS = 10 * 60_000
LATE_MS = 5_000
LATE_ON_SLOW_LANE_MS = 15 * 60_000
CHUNK = 100
ROUNDS = 4


class Projects(Protocol):
    """All projects."""

    def list_projects(self) -> list[str]: ...

    def get_project(self, project_id: str) -> Project | None: ...


class Marks(Protocol):
    """How far each audit has looked, kept from run to run."""

    def mark(self, name: str) -> int | None: ...

    def set_mark(self, name: str, value: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Ages:
    """The audit looks at each event when it has reached each of these ages."""

    first_seconds: int = 180
    second_seconds: int = 1_800


class Sweep:
    """The use case of the sweep room; see `run`."""

    def __init__(
        self,
        *,
        projects: Projects,
        ledger: Ledger,
        payloads: Payloads,
        scan: LedgerScan,
        marks: Marks,
        match_queue: TaskQueue,
        deliver_queue: TaskQueue,
        dead_letters: Sequence[DeadLetters],
        roll_up: RollUpEvents,
        operations: WatchOperations,
        ages: Ages,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._projects = projects
        self._ledger = ledger
        self._payloads = payloads
        self._scan = scan
        self._marks = marks
        self._match_queue = match_queue
        self._deliver_queue = deliver_queue
        self._letters = WriteBackLetters(
            queues=dead_letters,
            ledger=ledger,
            payloads=payloads,
            projects=projects,
            operations=operations,
            clock=clock,
            chance=chance,
        )
        self._roll_up = roll_up
        self._operations = operations
        self._ages = ages
        self._clock = clock
        self._chance = chance
        self.counts: Counter[str] = Counter()

    def run(self) -> Counter[str]:
        """One round; answers with what was found and done. Raises Unavailable.

        Every step may be repeated: what it sends again meets the claim, and nothing is sent
        twice. Marks move on only after their window was looked through.
        """
        self.counts = Counter()
        self._send_due()
        for name, seconds in (
            ("first", self._ages.first_seconds),
            ("second", self._ages.second_seconds),
        ):
            self._audit(name, seconds * 1000, is_last=name == "second")
        self.counts += self._letters.run()
        return self.counts

    # -- due retries ----------------------------------------------------------------------

    def _send_due(self) -> None:
        """Sends what is due within the next minute, then looks for it again 15 minutes later.

        The entry leaves `due` with the result of the attempt. A crash between sending and moving
        the entry sends a duplicate, which the claim turns away.
        """
        now_ms = self._clock.now_ms()
        listed = self._scan.due(now_ms + DUE_HORIZON_MS, limit=DUE_BATCH)
        self._look_at_due_events(listed.events, now_ms)
        self.counts["operations_sent_again"] += self._operations.send_again(listed.operations)
        found = self._ledger.deliveries(listed.deliveries) if listed.deliveries else {}
        due = [r for r in found.values() if (r.due_ms or 0) <= now_ms + DUE_HORIZON_MS]
        due = [r for r in due if r.due_ms is not None]
        known = self._ledger.events({(r.project_id, r.event_id) for r in due})
        events = {one: event for one, event in known.items() if not event.has_expired(now_ms)}
        sends: list[tuple[Task, int]] = []
        writes = []
        for record in due:
            event = events.get(record.event_id)
            if event is not None and record.status not in DELIVERY_ENDS:
                self._saw_waiting(record.next_attempt_ms or now_ms)
                sends.append((_next_task(event, record), queue_delay(record, now_ms)))
            again = None if event is None else now_ms + DUE_AGAIN_MS
            moved = replace(record, due_ms=again)
            after = moved.written(now_ms=now_ms, token=self._chance.token())
            writes.append(Write(after, record))
        self._deliver_queue.send([(t, d) for t, d in sends if isinstance(t, DeliverTaskV1)])
        if writes:
            self._ledger.write(writes)
        self.counts["due_sent"] += len(sends)

    def _look_at_due_events(self, refs: list[tuple[ProjectId, EventId]], now_ms: int) -> None:
        """Events that were replayed, or were under way when the audit saw them last.

        What nothing moves is sent. While something is under way that nobody else would look for,
        they are looked at again.
        """
        found = self._ledger.events(refs) if refs else {}
        due = [e for e in found.values() if e.due_ms is not None and e.due_ms <= now_ms]
        writes = []
        for event in due:
            goes_on = not event.has_expired(now_ms) and self._repair(event)
            self._roll_up.keep(event)
            writes.append(self._look_again(event, now_ms + DUE_AGAIN_MS if goes_on else None))
        if writes:
            self._ledger.write(writes)  # a write that loses is tried by the next round

    def _look_again(self, event: EventRecord, due_ms: int | None) -> Write:
        token = self._chance.token()
        after = replace(event, due_ms=due_ms, version=event.version + 1, write_token=token)
        return Write(after, event)

    # -- the audit ------------------------------------------------------------------------

    def _audit(self, name: str, age_ms: int, *, is_last: bool) -> None:
        """Looks at every event that reached this age since the last look.

        What the last look finds under way without a time of its own in `due` is listed there.
        """
        until = self._clock.now_ms() - age_ms
        since = self._marks.mark(name)
        since = until - FIRST_LOOK_BACK_MS if since is None else since
        if until <= since:
            return
        for identifier in self._projects.list_projects():
            project = self._projects.get_project(identifier)
            for shard in range(project.shards if project else 0):
                events = self._scan.events_in_shard(ProjectId(identifier), shard, since, until)
                for event in events:
                    self.counts["audited"] += 1
                    goes_on = self._repair(event)
                    if is_last:
                        self._roll_up.keep(event)
                    if goes_on and is_last:
                        self._list_as_due(event)
        self._marks.set_mark(name, until)

    def _list_as_due(self, event: EventRecord) -> None:
        """The event may have changed meanwhile; who wrote last does not matter."""
        for _ in range(ROUNDS):
            found = self._ledger.events([(event.project_id, event.id)])
            now = found.get(event.id)
            if now is None or now.due_ms is not None:
                return
            due_ms = self._clock.now_ms() + DUE_AGAIN_MS
            if isinstance(self._ledger.write([self._look_again(now, due_ms)])[0], Written):
                return

    def _repair(self, event: EventRecord) -> bool:
        """Sends what nothing moves; whether something is under way that only this looks for.

        Of an event that was replayed the status follows from the latest round alone: earlier
        rounds may be under way when it is at its end.
        """
        if event.status is EventStatus.ACCEPTED:
            self._match_queue.send([(match_task(event, event.packed), 0)])
            self.counts["match_sent_again"] += 1
            self._saw_waiting(event.updated_ms)
            return False
        if event.status is not EventStatus.DELIVERING and not self._was_replayed(event):
            return False
        stuck, unwatched = self._under_way(event)
        if stuck:
            self._deliver_queue.send([(task, 0) for task in stuck])
            self.counts["deliver_sent_again"] += len(stuck)
            self._saw_waiting(event.updated_ms)
        if event.status is EventStatus.DELIVERING:
            self.counts["rolled_up"] += len(self._roll_up.run([(event.project_id, event.id)]))
        return unwatched

    def _was_replayed(self, event: EventRecord) -> bool:
        """Whether its plan has more than one round; the last one stands at its end."""
        plan = event.plan
        if event.plan_pages:
            plan = self._payloads.plan_page(event, event.plan_pages - 1)
        return bool(plan) and plan[-1].replay > 0

    def _saw_waiting(self, since_ms: int) -> None:
        """`oldest_waiting_s` is how long the oldest of all that was found has waited."""
        seconds = (self._clock.now_ms() - since_ms) // 1000
        self.counts["oldest_waiting_s"] = max(self.counts["oldest_waiting_s"], seconds)

    def _under_way(self, event: EventRecord) -> tuple[list[DeliverTaskV1], bool]:
        """The messages of deliveries that nothing moves (unborn, lease run out, retry overdue),
        and whether any delivery is under way without a time of its own in `due`."""
        now_ms = self._clock.now_ms()
        stuck: list[DeliverTaskV1] = []
        unwatched = False
        for plan in _chunks(planned(event, self._payloads)):
            ids = {_id(event, p): p for p in plan}
            found = self._ledger.deliveries((event.project_id, i) for i in ids)
            for identifier, one in ids.items():
                record = found.get(identifier)
                if record is None:
                    stuck.append(deliver_task(event, one, event.packed))
                elif is_stuck(record, now_ms):
                    stuck.append(_next_task(event, record))
                elif record.status in DELIVERY_ENDS or record.due_ms is not None:
                    continue
                unwatched = True
        return stuck, unwatched


def is_stuck(record: DeliveryRecord, now_ms: int) -> bool:
    """Whether nothing will move this delivery unless it is sent again."""
    if record.status is DeliveryStatus.DELIVERING:
        return record.lease_until_ms is None or record.lease_until_ms + LATE_MS < now_ms
    if record.status in {DeliveryStatus.PENDING, DeliveryStatus.RETRYING} and not record.due_ms:
        late_ms = LATE_ON_SLOW_LANE_MS if record.waiting_for == "slow_lane" else LATE_MS
        return (record.next_attempt_ms or 0) + late_ms < now_ms
    return False


def _next_task(event: EventRecord, record: DeliveryRecord) -> DeliverTaskV1:
    plan = PlannedDelivery(record.endpoint_id, record.matched_by, record.replay)
    return deliver_task(event, plan, event.packed, next_number(record))


def _id(event: EventRecord, plan: PlannedDelivery) -> DeliveryId:
    return delivery_id(event.ulid, bare(plan.endpoint_id), plan.replay)


def _chunks(plan: Iterable[PlannedDelivery]) -> Iterator[list[PlannedDelivery]]:
    chunk: list[PlannedDelivery] = []
    for one in plan:
        chunk.append(one)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
