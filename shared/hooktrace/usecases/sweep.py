"""Once a minute: due retries, what the audit finds stuck, and dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hooktrace.domain.deliveries import DeliveryRecord, next_number
from hooktrace.domain.delivery_steps import DEAD_LETTER, end_without_attempt
from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.events import EventRecord, PlannedDelivery
from hooktrace.domain.ids import DeliveryId, EventId, ProjectId, bare, delivery_id
from hooktrace.domain.messages import DeliverTaskV1, MatchTaskV1, OperateTaskV1, Task, decode
from hooktrace.domain.registry import Project
from hooktrace.domain.states import DELIVERY_ENDS, DeliveryStatus, EventStatus, check_event
from hooktrace.ports import Chance, Clock, Ledger, LedgerScan, Payloads, TaskQueue, Write, Written
from hooktrace.usecases.delivery_jobs import queue_delay, unborn_record
from hooktrace.usecases.ingest_events import match_task
from hooktrace.usecases.match_events import deliver_task, planned
from hooktrace.usecases.roll_up_events import RollUpEvents
from hooktrace.usecases.watch_operations import WatchOperations

DUE_BATCH = 500
DUE_HORIZON_MS = 60_000
DUE_AGAIN_MS = 15 * 60_000
FIRST_LOOK_BACK_MS = 10 * 60_000
LATE_MS = 5_000
LATE_ON_SLOW_LANE_MS = 15 * 60_000
CHUNK = 100


class Projects(Protocol):
    """All projects."""

    def list_projects(self) -> list[str]: ...

    def get_project(self, project_id: str) -> Project | None: ...


class Marks(Protocol):
    """How far each audit has looked, kept from run to run."""

    def mark(self, name: str) -> int | None: ...

    def set_mark(self, name: str, value: int) -> None: ...


class DeadLetters(Protocol):
    """A dead-letter queue."""

    def receive(self) -> list[tuple[str, str]]:
        """Some messages: (handle, body)."""
        ...

    def delete(self, handle: str) -> None: ...


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
        self._dead_letters = dead_letters
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
            self._audit(name, seconds * 1000)
        self._write_back_dead_letters()
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
        """Events that were replayed: what is planned and not begun is sent; then all is well."""
        found = self._ledger.events(refs) if refs else {}
        due = [e for e in found.values() if e.due_ms is not None and e.due_ms <= now_ms]
        for event in due:
            self._repair(event)
        writes = [
            Write(
                replace(
                    event,
                    due_ms=None,
                    version=event.version + 1,
                    write_token=self._chance.token(),
                ),
                event,
            )
            for event in due
        ]
        if writes:
            self._ledger.write(writes)  # a write that loses is tried by the next round

    # -- the audit ------------------------------------------------------------------------

    def _audit(self, name: str, age_ms: int) -> None:
        """Looks at every event that reached this age since the last look."""
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
                    self._repair(event)
        self._marks.set_mark(name, until)

    def _repair(self, event: EventRecord) -> None:
        if event.status is EventStatus.ACCEPTED:
            self._match_queue.send([(match_task(event, event.packed), 0)])
            self.counts["match_sent_again"] += 1
            self._saw_waiting(event.updated_ms)
        elif event.status is EventStatus.DELIVERING:
            sends = list(self._stuck(event))
            if sends:
                self._deliver_queue.send([(task, 0) for task in sends])
                self.counts["deliver_sent_again"] += len(sends)
                self._saw_waiting(event.updated_ms)
            self.counts["rolled_up"] += len(self._roll_up.run([(event.project_id, event.id)]))

    def _saw_waiting(self, since_ms: int) -> None:
        """`oldest_waiting_s` is how long the oldest of all that was found has waited."""
        seconds = (self._clock.now_ms() - since_ms) // 1000
        self.counts["oldest_waiting_s"] = max(self.counts["oldest_waiting_s"], seconds)

    def _stuck(self, event: EventRecord) -> Iterator[DeliverTaskV1]:
        """Deliveries that nothing moves: unborn, lease run out, or retry overdue."""
        now_ms = self._clock.now_ms()
        for plan in _chunks(planned(event, self._payloads)):
            ids = {_id(event, p): p for p in plan}
            found = self._ledger.deliveries((event.project_id, i) for i in ids)
            for identifier, one in ids.items():
                record = found.get(identifier)
                if record is None:
                    yield deliver_task(event, one, event.packed)
                elif is_stuck(record, now_ms):
                    yield _next_task(event, record)

    # -- dead letters ---------------------------------------------------------------------

    def _write_back_dead_letters(self) -> None:
        """What no worker could do ends in its trace as `failed`, with the reason.

        A letter is deleted after its trace is written. One that names nothing stays where it is,
        for the alarm and for a person to read.
        """
        for queue in self._dead_letters:
            for handle, body in queue.receive():
                try:
                    task = decode(body)
                except InvalidInput:
                    self.counts["dead_unreadable"] += 1
                    continue
                if self._write_back(task):
                    queue.delete(handle)
                    self.counts["dead_written_back"] += 1

    def _write_back(self, task: Task) -> bool:
        if isinstance(task, OperateTaskV1):
            return self._operations.fail(task)
        now_ms, token = self._clock.now_ms(), self._chance.token()
        if isinstance(task, MatchTaskV1):
            found = self._ledger.events([(task.project_id, task.event_id)])
            event = found.get(task.event_id)
            if event is None or event.status is not EventStatus.ACCEPTED:
                return True
            after = replace(
                event,
                status=check_event(event.status, EventStatus.FAILED),
                version=event.version + 1,
                updated_ms=now_ms,
                reason="dead_letter_match",
                write_token=token,
            )
            return isinstance(self._ledger.write([Write(after, event)])[0], Written)
        identifier = delivery_id(bare(task.event_id), bare(task.endpoint_id), task.replay)
        record = self._ledger.deliveries([(task.project_id, identifier)]).get(identifier)
        if record is None:
            return self._write_back_unborn(task)
        ended = end_without_attempt(record, DEAD_LETTER, now_ms=now_ms, token=token)
        return ended is None or isinstance(self._ledger.write([Write(ended, record)])[0], Written)

    def _write_back_unborn(self, task: DeliverTaskV1) -> bool:
        """The delivery was never begun: it is born failed. Without its event there is no trace."""
        found = self._ledger.events([(task.project_id, task.event_id)])
        event = found.get(task.event_id)
        if event is None:
            return True
        plan = PlannedDelivery(task.endpoint_id, task.matched_by, task.replay)
        ended = end_without_attempt(
            unborn_record(event, plan),
            DEAD_LETTER,
            now_ms=self._clock.now_ms(),
            token=self._chance.token(),
        )
        return ended is None or isinstance(self._ledger.write([Write(ended)])[0], Written)


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
