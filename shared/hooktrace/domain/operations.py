"""Bulk work: what an operation selects, how far it has come, and every change of its state.

An operation works in pages. First it *counts*: it walks along the records that its filter takes
and stores their ids, page by page, so that its total is exact and what it changes itself cannot
be selected again. Then it *runs*: it takes page after page and does each item. The record says
how far it is; a page says what stands on it, and once it is done, what came of each item. All
counts are sums over pages, so repeating a page never counts it twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

from hooktrace.domain.errors import IllegalTransition
from hooktrace.domain.ids import OperationId, ProjectId
from hooktrace.domain.listing import Filters

Action = Literal["retry", "replay", "rematch", "test"]
Result = Literal["pending", "succeeded", "skipped", "failed", "gained", "lost"]

RETRYABLE_BY_DEFAULT = frozenset({"failed"})
"""What was cancelled was cancelled on purpose: by hand, or with its endpoint."""
RETRYABLE = RETRYABLE_BY_DEFAULT | {"cancelled", "retrying", "succeeded"}
"""Statuses of deliveries that a bulk retry may ask for."""
REPLAYABLE = frozenset({"delivering", "succeeded", "partial", "failed", "discarded"})
"""Statuses of events that a bulk replay may ask for."""
MOST_EXAMPLES = 10
LOOK_AGAIN_MS = 5 * 60_000
"""So long after its last step sweep looks whether an operation has lost its message."""


class OperationState(StrEnum):
    """`failed` and `cancelled` ones can be resumed."""

    COUNTING = "counting"
    RUNNING = "running"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


S = OperationState
OPERATION_CHANGES: dict[OperationState, frozenset[OperationState]] = {
    S.COUNTING: frozenset({S.COUNTING, S.RUNNING, S.COMPLETED, S.CANCELLED, S.FAILED}),
    S.RUNNING: frozenset({S.RUNNING, S.COMPLETED, S.CANCELLED, S.FAILED}),
    S.COMPLETED: frozenset(),
    S.CANCELLED: frozenset({S.CANCELLED, S.COUNTING, S.RUNNING, S.COMPLETED}),
    S.FAILED: frozenset({S.FAILED, S.COUNTING, S.RUNNING, S.COMPLETED}),
}
RESUMABLE = frozenset({S.CANCELLED, S.FAILED})


@dataclass(frozen=True, slots=True)
class OperationItem:
    """One delivery or event of an operation, what came of it, and why (a stable word)."""

    id: str
    result: Result = "pending"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OperationPage:
    """Some items of an operation. Version 1: selected; version 2: done.

    `edge` is the place at which the selection goes on, "" when all has been looked at.
    `considered` and `matched` count the events that a test of a filter looked at.
    """

    project_id: ProjectId
    operation_id: OperationId
    number: int
    edge: str
    items: tuple[OperationItem, ...]
    considered: int = 0
    matched: int = 0
    version: int = 1
    expires_s: int | None = None

    @property
    def is_done(self) -> bool:
        return self.version > 1

    def finished(self, items: Sequence[OperationItem]) -> OperationPage:
        """The page with what came of its items."""
        return replace(self, items=tuple(items), version=2)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A filter to be tried on stored events, and the subscription that it is compared with.

    Texts are those that were given; of a subscription as it stood when the operation began.
    """

    event_types: tuple[str, ...] = ("*",)
    filter_text: str | None = None
    subscription_id: str | None = None
    endpoint_id: str | None = None
    against_types: tuple[str, ...] | None = None
    against_text: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Sums over the pages. Of a test: the events it looked at and what it found."""

    total: int = 0
    done: int = 0
    succeeded: int = 0
    skipped: int = 0
    failed: int = 0
    considered: int = 0
    matched: int = 0
    gained: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation as its record holds it. Times are Unix milliseconds.

    `filters` and the window [low_ms, high_ms) are fixed when it is made; `given` is the filter as
    the caller wrote it. `edge` is where selecting goes on, `pages` how many there are, `pages_done`
    how many of them are done. `due_ms` is when sweep must look, if nobody moved it on before.
    `from_operation`: its items are those of another one. `only_endpoint`: replay to this endpoint
    alone, and only what has no delivery to it yet.
    """

    id: OperationId
    project_id: ProjectId
    action: Action
    state: OperationState
    version: int
    requested_by: str
    created_ms: int
    updated_ms: int
    filters: Filters
    given: Mapping[str, Any]
    low_ms: int
    high_ms: int
    dry_run: bool = False
    force: bool = False
    from_operation: OperationId | None = None
    only_endpoint: str | None = None
    candidate: Candidate | None = None
    edge: str = ""
    counted: bool = False
    pages: int = 0
    pages_done: int = 0
    counts: Counts = Counts()
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    finished_ms: int | None = None
    reason: str | None = None
    due_ms: int | None = None
    expires_s: int | None = None
    write_token: str = ""

    @property
    def is_active(self) -> bool:
        return self.state in {S.COUNTING, S.RUNNING}

    @property
    def only_looks(self) -> bool:
        """Whether it changes nothing: it is over when it has counted."""
        return self.dry_run or self.action == "test"

    def step(self, *, now_ms: int, token: str, **changes: Any) -> Operation:
        """This record as the next version. Raises IllegalTransition."""
        after = replace(
            self, version=self.version + 1, updated_ms=now_ms, write_token=token, **changes
        )
        if after.state not in OPERATION_CHANGES[self.state]:
            raise IllegalTransition(f"an operation cannot go from {self.state} to {after.state}")
        return replace(after, due_ms=now_ms + LOOK_AGAIN_MS if after.is_active else None)


def counted(operation: Operation, page: OperationPage, *, now_ms: int, token: str) -> Operation:
    """The operation with one more page selected. The page itself says how far that is."""
    tally = Counter(item.result for item in page.items)
    counts = operation.counts
    after = {
        "edge": page.edge,
        "counted": page.edge == "",
        "pages": operation.pages + 1,
        "counts": replace(
            counts,
            total=counts.total + len(page.items),
            considered=counts.considered + page.considered,
            matched=counts.matched + page.matched,
            gained=counts.gained + tally["gained"],
            lost=counts.lost + tally["lost"],
        ),
        "examples": _examples(operation.examples, page),
    }
    if after["counted"] and operation.state is S.COUNTING:
        over = operation.only_looks
        after["state"] = S.COMPLETED if over else S.RUNNING
        after["finished_ms"] = now_ms if over else None
    return operation.step(now_ms=now_ms, token=token, **after)


def _examples(
    before: Mapping[str, tuple[str, ...]], page: OperationPage
) -> dict[str, tuple[str, ...]]:
    found = dict(before)
    for item in page.items:
        kind = "selected" if item.result == "pending" else item.result
        if len(listed := found.get(kind, ())) < MOST_EXAMPLES:
            found[kind] = (*listed, item.id)
    return found


def done(operation: Operation, page: OperationPage | None, *, now_ms: int, token: str) -> Operation:
    """The operation with one more page done; None: there was none left, it is completed.

    A page that was under way when the operation was cancelled is counted all the same.
    """
    after: dict[str, Any] = {}
    pages_done = operation.pages_done
    if page is not None:
        tally = Counter(item.result for item in page.items)
        counts = operation.counts
        pages_done += 1
        after["pages_done"] = pages_done
        after["counts"] = replace(
            counts,
            done=counts.done + len(page.items),
            succeeded=counts.succeeded + tally["succeeded"],
            skipped=counts.skipped + tally["skipped"],
            failed=counts.failed + tally["failed"],
        )
    if operation.state is S.RUNNING and pages_done >= operation.pages:
        after |= {"state": S.COMPLETED, "finished_ms": now_ms}
    return operation.step(now_ms=now_ms, token=token, **after)


def ended(
    operation: Operation, state: OperationState, reason: str, *, now_ms: int, token: str
) -> Operation | None:
    """The operation cancelled or failed; None when it is not under way."""
    if not operation.is_active:
        return None
    return operation.step(
        now_ms=now_ms, token=token, state=state, reason=reason, finished_ms=now_ms
    )


def resumed(operation: Operation, *, now_ms: int, token: str) -> Operation | None:
    """The operation going on where it stood; None when it was not cancelled and has not failed."""
    if operation.state not in RESUMABLE:
        return None
    state = S.RUNNING if operation.counted else S.COUNTING
    if operation.counted and operation.only_looks:
        state = S.COMPLETED
    finished_ms = now_ms if state is S.COMPLETED else None
    return operation.step(
        now_ms=now_ms, token=token, state=state, reason=None, finished_ms=finished_ms
    )
