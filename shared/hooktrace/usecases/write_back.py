"""What no worker could do ends in its trace as `failed`, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from hooktrace.domain.delivery_steps import DEAD_LETTER, end_without_attempt
from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.events import INLINE_PAYLOAD_BYTES, EventRecord, PlannedDelivery
from hooktrace.domain.ids import bare, delivery_id
from hooktrace.domain.messages import DeliverTaskV1, MatchTaskV1, OperateTaskV1, Task, decode
from hooktrace.domain.retention import expires_event_s, expires_open_s
from hooktrace.domain.states import EventStatus, check_event
from hooktrace.ports import Chance, Clock, Ledger, Payloads, Write, Written
from hooktrace.usecases.cached_projects import ProjectSource
from hooktrace.usecases.delivery_jobs import unborn_record
from hooktrace.usecases.match_events import as_ingested
from hooktrace.usecases.watch_operations import WatchOperations

READS = 20
"""So many times one round reads from each queue, at most."""


class DeadLetters(Protocol):
    """A dead-letter queue."""

    def receive(self) -> list[tuple[str, str]]:
        """Some messages: (handle, body)."""
        ...

    def delete(self, handle: str) -> None: ...


class WriteBackLetters:
    """The part of sweep that reads the dead-letter queues; see `run`."""

    def __init__(
        self,
        *,
        queues: Sequence[DeadLetters],
        ledger: Ledger,
        payloads: Payloads,
        projects: ProjectSource,
        operations: WatchOperations,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._queues = queues
        self._ledger = ledger
        self._payloads = payloads
        self._projects = projects
        self._operations = operations
        self._clock = clock
        self._chance = chance

    def run(self) -> Counter[str]:
        """Reads each queue until nothing new comes; answers what was found. Raises Unavailable.

        A letter is deleted after its trace is written. One that names nothing stays where it is,
        for the alarm and for a person to read, and keeps no other from being read.
        """
        counts: Counter[str] = Counter()
        for queue in self._queues:
            seen: set[str] = set()
            for _ in range(READS):
                fresh = [letter for letter in queue.receive() if letter[1] not in seen]
                if not fresh:
                    break
                for handle, body in fresh:
                    seen.add(body)
                    self._read(queue, handle, body, counts)
        return counts

    def _read(self, queue: DeadLetters, handle: str, body: str, counts: Counter[str]) -> None:
        try:
            task = decode(body)
        except InvalidInput:
            counts["dead_unreadable"] += 1
            return
        if self._write_back(task):
            queue.delete(handle)
            counts["dead_written_back"] += 1

    def _write_back(self, task: Task) -> bool:
        """Whether the trace says now what became of the task."""
        if isinstance(task, OperateTaskV1):
            return self._operations.fail(task)
        if isinstance(task, MatchTaskV1):
            return self._write_back_event(task)
        now_ms, token = self._clock.now_ms(), self._chance.token()
        identifier = delivery_id(bare(task.event_id), bare(task.endpoint_id), task.replay)
        record = self._ledger.deliveries([(task.project_id, identifier)]).get(identifier)
        if record is None:
            return self._write_back_unborn(task)
        ended = end_without_attempt(record, DEAD_LETTER, now_ms=now_ms, token=token)
        return ended is None or self._is_written(Write(ended, record))

    def _write_back_event(self, task: MatchTaskV1) -> bool:
        found = self._ledger.events([(task.project_id, task.event_id)])
        event = found.get(task.event_id)
        if event is None:
            return self._make_failed(task)
        if event.status is not EventStatus.ACCEPTED:
            return True
        failed = replace(self._failed(event), version=event.version + 1)
        return self._is_written(Write(failed, event))

    def _make_failed(self, task: MatchTaskV1) -> bool:
        """The event has no record: as match would, this makes it, unless its days are over."""
        event, project = as_ingested(task), self._projects.get_project(task.project_id)
        now_ms = self._clock.now_ms()
        open_s = expires_open_s(event.accepted_ms, project)
        if project is None or open_s * 1000 <= now_ms:
            return True
        packed = task.packed
        if packed is not None and len(packed) > INLINE_PAYLOAD_BYTES:
            place = self._payloads.put_payload(event.project_id, event.id, packed, open_s)
            event = replace(event, payload_at=place)
        status = EventStatus.FAILED
        expires_s = expires_event_s(event.accepted_ms, project, status, now_ms)
        return self._is_written(Write(replace(self._failed(event), expires_s=expires_s)))

    def _failed(self, event: EventRecord) -> EventRecord:
        return replace(
            event,
            status=check_event(event.status, EventStatus.FAILED),
            updated_ms=self._clock.now_ms(),
            reason="dead_letter_match",
            write_token=self._chance.token(),
        )

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
        return ended is None or self._is_written(Write(ended))

    def _is_written(self, write: Write) -> bool:
        return isinstance(self._ledger.write([write])[0], Written)
