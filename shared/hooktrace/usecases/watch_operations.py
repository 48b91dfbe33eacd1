"""What sweep does for operations: lost messages are sent again, dead ones end in a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hooktrace.domain.ids import OperationId, ProjectId
from hooktrace.domain.messages import OperateTaskV1, Task
from hooktrace.domain.operations import Operation, OperationState, ended
from hooktrace.operation_ports import OperationStore
from hooktrace.ports import Chance, Clock, TaskQueue
from hooktrace.usecases.manage_operations import operate_task
from hooktrace.usecases.operate import ALIVE_MS

ROUNDS = 4


class WatchOperations:
    """Sends on operations that nobody moved for a while, and writes dead letters back."""

    def __init__(
        self, *, store: OperationStore, queue: TaskQueue, clock: Clock, chance: Chance
    ) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._chance = chance

    def send_again(self, refs: Sequence[tuple[ProjectId, OperationId]]) -> int:
        """Sends those that are overdue, and looks at them again later; answers how many.

        Parts: (1) the message; (2) the record, with a later `due`. A crash between them sends it
        twice, which the operation's version turns away. Raises Unavailable.
        """
        sent = 0
        for project, identifier in refs:
            found = self._store.get(project, identifier)
            now_ms = self._clock.now_ms()
            if found is None or found.due_ms is None or found.due_ms > now_ms:
                continue
            # Its time stays that of its last step: a run that dies again and again makes none.
            later = replace(
                found.step(now_ms=now_ms, token=self._chance.token()), updated_ms=found.updated_ms
            )
            task: Task = operate_task(later)
            self._queue.send([(task, 0)])
            self._store.replace(later, before=found)
            sent += 1
        return sent

    def fail(self, task: OperateTaskV1) -> bool:
        """A run failed again and again: the operation has failed, and says so; it can be resumed.

        Answers whether that is on record. Raises Unavailable.
        """
        for _ in range(ROUNDS):
            found = self._store.get(task.project_id, task.operation_id)
            if found is None or self._goes_on(found, task):
                return True
            after = ended(
                found,
                OperationState.FAILED,
                "dead_letter_operate",
                now_ms=self._clock.now_ms(),
                token=self._chance.token(),
            )
            if after is None:
                return True
            stands = self._store.replace(after, before=found)
            if stands is not None and stands.write_token == after.write_token:
                return True
        return False

    def _goes_on(self, operation: Operation, task: OperateTaskV1) -> bool:
        """Whether another message moves it on: then this one was one too many."""
        idle_ms = self._clock.now_ms() - operation.updated_ms
        return task.step < operation.version and idle_ms < ALIVE_MS
