"""Take bulk operations further, a bounded piece at a time, over as many runs as it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import OperationId
from hooktrace.domain.messages import OperateTaskV1
from hooktrace.domain.operations import (
    Action,
    Operation,
    OperationItem,
    OperationPage,
    OperationState,
    counted,
    done,
)
from hooktrace.operation_ports import OperationPages, OperationStore
from hooktrace.ports import Chance, Clock, TaskQueue
from hooktrace.usecases.manage_operations import operate_task

PAGES_COUNTED = 20
"""So many pages are selected in one run, at most."""
RUN_MS = 15_000
"""A run takes no new page when it has lasted so long."""
ALIVE_MS = 30_000
"""Another worker has the operation in hand if it moved it on within this time."""
ROUNDS = 6


class Select(Protocol):
    """Finds an operation's items."""

    def next_page(self, operation: Operation) -> OperationPage:
        """The page that follows on what is selected already. Raises Unavailable."""
        ...


class Act(Protocol):
    """Does an operation's items."""

    def run(self, operation: Operation, items: Sequence[OperationItem]) -> list[OperationItem]:
        """What came of each; repeating it does nothing twice. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run did: the operation as it left it (None: there is no such one), and a word."""

    operation_id: OperationId
    operation: Operation | None
    why: str


class Operate:
    """The use case of the operate room; see `run`."""

    def __init__(
        self,
        *,
        store: OperationStore,
        pages: OperationPages,
        select: Select,
        acts: Mapping[Action, Act],
        queue: TaskQueue,
        clock: Clock,
        chance: Chance,
        items_per_second: int,
    ) -> None:
        self._store = store
        self._pages = pages
        self._select = select
        self._acts = acts
        self._queue = queue
        self._clock = clock
        self._chance = chance
        self._items_per_second = items_per_second

    def run(self, task: OperateTaskV1) -> Ran:
        """Works through some pages and sends the operation on: at once while it only counts,
        else after a pause that keeps it to its items per second, so that live traffic comes first.

        Parts of a page that is selected: (1) the page, which the first to write it decides;
        (2) the operation, moved on by what stands on the page. Of a page that is done: (1) its
        items, each of which recognises when it was done before; (2) the page with the results, of
        which the first to write it decides; (3) the operation with its counts. Last, the message
        of the next run. A crash anywhere: the message comes back, finds the page or its results,
        and goes on; if the message is lost too, sweep sends another. Of two workers at one page
        one wins the operation's write, the other stops.

        A message older than the operation's last step is dropped while somebody else moves the
        operation on; later it takes over. Raises Unavailable.
        """
        operation = self._store.get(task.project_id, task.operation_id)
        if operation is None or not operation.is_active:
            return Ran(task.operation_id, operation, "over")
        started_ms = self._clock.now_ms()
        if task.step < operation.version and started_ms - operation.updated_ms < ALIVE_MS:
            return Ran(task.operation_id, operation, "in other hands")
        selected, did = 0, 0
        while operation.is_active and selected < PAGES_COUNTED and did < self._items_per_second:
            if self._clock.now_ms() - started_ms > RUN_MS:
                break
            page = self._next(operation)
            moved = self._move_on(operation, page)
            if moved is None:
                return Ran(task.operation_id, operation, "in other hands")
            if operation.state is OperationState.COUNTING:
                selected += 1
            elif page is not None:
                did += len(page.items)
            operation = moved
        if operation.is_active:
            pause_seconds = -(-did // self._items_per_second)
            self._queue.send([(operate_task(operation), pause_seconds)])
        return Ran(task.operation_id, operation, operation.state)

    def _next(self, operation: Operation) -> OperationPage | None:
        """The page that is next, selected or done; None when all of them are done."""
        project, identifier = operation.project_id, operation.id
        if operation.state is OperationState.COUNTING:
            found = self._pages.pages(project, identifier, [operation.pages])
            return found[0] if found else self._pages.put(self._select.next_page(operation))
        if operation.pages_done == operation.pages:
            return None
        found = self._pages.pages(project, identifier, [operation.pages_done])
        if not found:
            raise Unavailable(f"page {operation.pages_done} of {identifier} is not there")
        page = found[0]
        if page.is_done:
            return page
        results = self._acts[operation.action].run(operation, page.items)
        return self._pages.finish(page.finished(results), before=page)

    def _move_on(self, operation: Operation, page: OperationPage | None) -> Operation | None:
        """The operation after this page; None when somebody else has it in hand.

        If it was cancelled meanwhile, the page under way still counts: it was done.
        """
        before = operation
        for _ in range(ROUNDS):
            after = self._after(before, page)
            stands = self._store.replace(after, before=before)
            if stands is None:
                return None
            if stands.write_token == after.write_token:
                return after
            here = (stands.pages, stands.pages_done) == (operation.pages, operation.pages_done)
            if stands.is_active or not here or page is None:
                return None
            before = stands
        raise Unavailable("the operation keeps changing")

    def _after(self, operation: Operation, page: OperationPage | None) -> Operation:
        now_ms, token = self._clock.now_ms(), self._chance.token()
        if page is not None and not operation.counted:
            return counted(operation, page, now_ms=now_ms, token=token)
        return done(operation, page, now_ms=now_ms, token=token)
