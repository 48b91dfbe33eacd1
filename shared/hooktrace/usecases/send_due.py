"""Send what is due: retries beyond what a queue can wait, replayed events, idle operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.delivery_steps import RETENTION_OVER, end_without_attempt
from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.domain.messages import Task
from hooktrace.domain.states import DELIVERY_ENDS
from hooktrace.ports import Chance, Clock, Due, Ledger, LedgerScan, TaskQueue, Write
from hooktrace.usecases.delivery_jobs import queue_delay
from hooktrace.usecases.repair_events import RepairEvents, look_again, next_task
from hooktrace.usecases.roll_up_events import RollUpEvents
from hooktrace.usecases.watch_operations import WatchOperations

DUE_BATCH = 500
DUE_HORIZON_MS = 60_000
DUE_AGAIN_MS = 15 * 60_000


class SendDue:
    """Part of the sweep; see `run`. What it did is in the counts of `repair`."""

    def __init__(
        self,
        *,
        scan: LedgerScan,
        ledger: Ledger,
        deliver_queue: TaskQueue,
        repair: RepairEvents,
        roll_up: RollUpEvents,
        operations: WatchOperations,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._scan = scan
        self._ledger = ledger
        self._deliver_queue = deliver_queue
        self._repair = repair
        self._roll_up = roll_up
        self._operations = operations
        self._clock = clock
        self._chance = chance

    def run(self, has_time: Callable[[], bool]) -> None:
        """Goes on until nothing more is due, or there is no more time.

        An entry that does not move is met once a round. Raises Unavailable.
        """
        seen: set[object] = set()
        while True:
            listed = self._scan.due(self._clock.now_ms() + DUE_HORIZON_MS, limit=DUE_BATCH)
            refs = {*listed.deliveries, *listed.events, *listed.operations}
            if refs <= seen:
                return
            seen |= refs
            self._send_due(listed)
            if not has_time():
                self._repair.counts["due_cut_off"] += 1
                return

    def _send_due(self, listed: Due) -> None:
        """Sends what is due within the next minute, then looks for it again 15 minutes later.

        The entry leaves `due` with the result of the attempt. A crash between sending and moving
        the entry sends a duplicate, which the claim turns away.
        """
        now_ms = self._clock.now_ms()
        self._look_at_due_events(listed.events, now_ms)
        self._repair.counts["operations_sent_again"] += self._operations.send_again(
            listed.operations
        )
        found = self._ledger.deliveries(listed.deliveries) if listed.deliveries else {}
        due = [
            record
            for record in found.values()
            if record.due_ms is not None and record.due_ms <= now_ms + DUE_HORIZON_MS
        ]
        known = self._ledger.events({(r.project_id, r.event_id) for r in due}) if due else {}
        events = {one: event for one, event in known.items() if not event.has_expired(now_ms)}
        sends: list[tuple[Task, int]] = []
        writes = []
        for record in due:
            event = events.get(record.event_id)
            if event is None:
                writes.append(self._over(record))
                continue
            if record.status not in DELIVERY_ENDS:
                self._repair.saw_waiting(record.next_attempt_ms or now_ms)
                sends.append((next_task(event, record), queue_delay(record, now_ms)))
            writes.append(self._moved(record, now_ms + DUE_AGAIN_MS))
        self._deliver_queue.send(sends)
        if writes:
            self._ledger.write(writes)
        self._repair.counts["due_sent"] += len(sends)

    def _over(self, record: DeliveryRecord) -> Write:
        """Its event has expired, say while sweep was away: it ends, and that is told."""
        now_ms, token = self._clock.now_ms(), self._chance.token()
        ended = end_without_attempt(record, RETENTION_OVER, now_ms=now_ms, token=token)
        return self._moved(record, None) if ended is None else Write(ended, record)

    def _moved(self, record: DeliveryRecord, due_ms: int | None) -> Write:
        moved = replace(record, due_ms=due_ms)
        now_ms, token = self._clock.now_ms(), self._chance.token()
        return Write(moved.written(now_ms=now_ms, token=token), record)

    def _look_at_due_events(self, refs: list[tuple[ProjectId, EventId]], now_ms: int) -> None:
        """Events that were replayed, or were under way when the audit saw them last.

        What nothing moves is sent. While something is under way that nobody else would look for,
        they are looked at again.
        """
        found = self._ledger.events(refs) if refs else {}
        due = [e for e in found.values() if e.due_ms is not None and e.due_ms <= now_ms]
        go_on = self._repair.run([event for event in due if not event.has_expired(now_ms)])
        writes = []
        for event in due:
            self._roll_up.keep(event)
            writes.append(
                look_again(
                    event,
                    now_ms + DUE_AGAIN_MS if event.id in go_on else None,
                    self._chance.token(),
                )
            )
        if writes:
            self._ledger.write(writes)  # a write that loses is tried by the next round
