"""Start, read, cancel and resume bulk operations; the work itself is `operate`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hooktrace.domain.errors import Conflict, Fault, InvalidInput, NotFound, Unavailable
from hooktrace.domain.ids import EventId, OperationId, ProjectId, ulid
from hooktrace.domain.listing import Filters, window
from hooktrace.domain.messages import OperateTaskV1
from hooktrace.domain.operations import (
    LOOK_AGAIN_MS,
    Action,
    Candidate,
    Operation,
    OperationItem,
    OperationState,
    ended,
    resumed,
)
from hooktrace.domain.retention import DAY_SECONDS, DefaultKeeping
from hooktrace.operation_ports import OperationPages, OperationStore
from hooktrace.ports import Chance, Clock, IdempotencyKeys, KeyClaim, TaskQueue
from hooktrace.usecases.cached_projects import ProjectSource

KEY_SECONDS = DAY_SECONDS
ROUNDS = 6
LONGEST_BACK_DAYS = 366
"""Nothing is kept for longer than 365 days, so an earlier `since` is a slip of the pen."""
PAGES_AT_ONCE = 20
"""So many pages of items are looked at for one answer, at most."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the caller asks for. `since` and `until` as they wrote them; `given` is all of it."""

    action: Action
    filters: Filters
    given: Mapping[str, Any]
    since: str | None = None
    until: str | None = None
    dry_run: bool = False
    force: bool = False
    from_operation: OperationId | None = None
    only_endpoint: str | None = None
    candidate: Candidate | None = None
    pointer: str = "/filter"
    """Where the times stand in the body."""


@dataclass(frozen=True, slots=True)
class ItemsPage:
    """Some items of an operation; `next_place` is (page, position) to go on from, None: the end."""

    items: tuple[OperationItem, ...]
    next_place: tuple[int, int] | None


class OperationDesk:
    """The use cases behind `/v1/operations`."""

    def __init__(
        self,
        *,
        store: OperationStore,
        pages: OperationPages,
        keys: IdempotencyKeys,
        projects: ProjectSource,
        queue: TaskQueue,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._store = store
        self._pages = pages
        self._keys = keys
        self._projects = projects
        self._queue = queue
        self._clock = clock
        self._chance = chance

    def start(
        self, project: ProjectId, order: Order, key_id: str, *, idempotency_key: str | None
    ) -> Operation:
        """Makes an operation and queues it.

        Parts, in this order: (1) the idempotency key, if given; (2) the record, listed in `due`;
        (3) the message. After a crash the same call with the same key completes what is missing
        under the same id; without one, sweep finds a record that has no message. Raises
        InvalidInput (`invalid_field`, `missing_field`, `unknown_reference` for the operation that
        it takes its items from, `idempotency_key_reused`); Conflict when that one is not
        completed; Unavailable.
        """
        operation = self._compose(project, order, key_id)
        if order.from_operation is not None:
            operation = self._from_other(operation, order.from_operation)
        if idempotency_key is not None:
            operation = self._claim(operation, order, idempotency_key)
        stands = self._store.create(operation)
        if stands.version == 1:
            self._send(stands)
        return stands

    def _compose(self, project: ProjectId, order: Order, key_id: str) -> Operation:
        now_ms = self._clock.now_ms()
        low_ms, high_ms = _window(order, now_ms)
        found = self._projects.get_project(project)
        days = (found or DefaultKeeping()).retention_days
        return Operation(
            id=OperationId(f"op_{ulid(now_ms, self._chance.entropy())}"),
            project_id=project,
            action=order.action,
            state=OperationState.COUNTING,
            version=1,
            requested_by=key_id,
            created_ms=now_ms,
            updated_ms=now_ms,
            filters=order.filters,
            given=order.given,
            low_ms=low_ms,
            high_ms=high_ms,
            dry_run=order.dry_run,
            force=order.force,
            from_operation=order.from_operation,
            only_endpoint=order.only_endpoint,
            candidate=order.candidate,
            due_ms=now_ms + LOOK_AGAIN_MS,
            expires_s=now_ms // 1000 + days * DAY_SECONDS,
            write_token=self._chance.token(),
        )

    def _from_other(self, operation: Operation, source_id: OperationId) -> Operation:
        """The operation on what a dry run selected, or on what a test found to be gained."""
        source = self._store.get(operation.project_id, source_id)
        if source is None or self._expired(source):
            message = "There is no such operation in this project."
            raise _refused("unknown_reference", "/from_operation", message)
        is_test = source.action == "test" and operation.action == "replay"
        if not is_test and not (source.dry_run and source.action == operation.action):
            message = "Name a dry run of the same action, or, for replay, a test of a filter."
            raise _refused("invalid_field", "/from_operation", message)
        if source.state is not OperationState.COMPLETED:
            raise Conflict(f"The operation {source.id} is {source.state}, not completed.")
        tested = source.candidate.endpoint_id if source.candidate else None
        only = operation.only_endpoint or source.only_endpoint or tested
        if is_test and only is None:
            message = "The test names no subscription: say to which endpoint its events go."
            raise _refused("missing_field", "/to_endpoint_id", message)
        filters = Filters("events") if is_test else source.filters
        return replace(
            operation,
            filters=filters,
            low_ms=source.low_ms,
            high_ms=source.high_ms,
            only_endpoint=only,
        )

    def _claim(self, operation: Operation, order: Order, key: str) -> Operation:
        """The operation under the id that its key stands for."""
        now_s = self._clock.now_ms() // 1000
        # A line feed is in no key: so events and operations never share one. The claim has one
        # form for both: its `event_id` is the operation's id here.
        name = f"operations\n{key}"
        mine = KeyClaim(EventId(operation.id), _fingerprint(order), now_s + KEY_SECONDS)
        claim = self._keys.claim(operation.project_id, name, mine, now_s=now_s)
        if claim.fingerprint != mine.fingerprint:
            raise InvalidInput(
                "idempotency_key_reused",
                f"The idempotency key `{key}` was used with another body, for {claim.event_id}."
                " Send a new key with a new operation.",
            )
        return replace(operation, id=OperationId(claim.event_id))

    def get(self, project: ProjectId, operation: OperationId) -> Operation:
        """The operation. Raises NotFound, also when it has expired."""
        found = self._store.get(project, operation)
        if found is None or self._expired(found):
            raise NotFound
        return found

    def newest(self, project: ProjectId, *, before: str | None, limit: int) -> list[Operation]:
        """The project's operations, newest first: `limit` of them, fewer only at the end.

        Expired ones may stand among the living: the project's retention may have changed.
        """
        living: list[Operation] = []
        while len(living) < limit:
            found = self._store.newest(project, before=before, limit=limit)
            living += [one for one in found if not self._expired(one)]
            if len(found) < limit:
                break
            before = found[-1].id
        return living[:limit]

    def items(
        self,
        project: ProjectId,
        operation: OperationId,
        *,
        results: frozenset[str],
        start: tuple[int, int],
        limit: int,
    ) -> ItemsPage:
        """Items in the order in which they are worked through, from a place on."""
        total = self.get(project, operation).pages
        found: list[OperationItem] = []
        number, position = start
        for page in self._pages.pages(
            project, operation, range(number, min(total, number + PAGES_AT_ONCE))
        ):
            skip = position if page.number == number else 0
            for place, item in enumerate(page.items[skip:], skip):
                if results and item.result not in results:
                    continue
                if len(found) == limit:
                    return ItemsPage(tuple(found), (page.number, place))
                found.append(item)
        goes_on = number + PAGES_AT_ONCE < total
        return ItemsPage(tuple(found), (number + PAGES_AT_ONCE, 0) if goes_on else None)

    def cancel(self, project: ProjectId, operation: OperationId) -> Operation:
        """No further item; those under way are finished. Raises NotFound, Conflict, Unavailable."""

        def decide(found: Operation) -> Operation:
            after = ended(
                found,
                OperationState.CANCELLED,
                "cancelled_by_hand",
                now_ms=self._clock.now_ms(),
                token=self._chance.token(),
            )
            if after is None:
                raise Conflict(f"The operation is {found.state}: nothing is left to cancel.")
            return after

        return self._change(project, operation, decide)

    def resume(self, project: ProjectId, operation: OperationId) -> Operation:
        """Goes on where a cancelled or failed operation stood.

        Parts: (1) the record, listed in `due`; (2) the message. Raises NotFound, Conflict,
        Unavailable.
        """

        def decide(found: Operation) -> Operation:
            after = resumed(found, now_ms=self._clock.now_ms(), token=self._chance.token())
            if after is None:
                raise Conflict(f"The operation is {found.state}: it cannot be resumed.")
            return after

        after = self._change(project, operation, decide)
        self._send(after)
        return after

    def _change(
        self,
        project: ProjectId,
        operation: OperationId,
        decide: Callable[[Operation], Operation],
    ) -> Operation:
        for _ in range(ROUNDS):
            found = self.get(project, operation)
            after = decide(found)
            stands = self._store.replace(after, before=found)
            if stands is not None and stands.write_token == after.write_token:
                return after
        raise Unavailable("the operation keeps changing")

    def _send(self, operation: Operation) -> None:
        self._queue.send([(operate_task(operation), 0)])

    def _expired(self, operation: Operation) -> bool:
        expires_s = operation.expires_s
        return expires_s is not None and expires_s * 1000 <= self._clock.now_ms()


def operate_task(operation: Operation) -> OperateTaskV1:
    """The message that takes this operation further."""
    return OperateTaskV1(operation.project_id, operation.id, operation.version)


def _window(order: Order, now_ms: int) -> tuple[int, int]:
    """The time that the filter covers, up to now at most; faults point into the body.

    A `since` that is given bounds it: it lies neither in the future nor before all that is kept.
    """
    try:
        low, high = window(order.since, order.until, now_ms=now_ms, descending=False)
    except InvalidInput as error:
        faults = tuple(
            Fault(f"{order.pointer}/{fault.parameter}", "invalid_field", fault.message)
            for fault in error.faults
        )
        raise InvalidInput("invalid_field", error.message, faults) from None
    if low > high:
        message = "since lies in the future. An operation covers what was accepted before it."
        raise _refused("invalid_field", f"{order.pointer}/since", message)
    if order.since is not None and low < now_ms - LONGEST_BACK_DAYS * DAY_SECONDS * 1000:
        message = f"since lies more than {LONGEST_BACK_DAYS} days back: nothing is kept that long."
        raise _refused("invalid_field", f"{order.pointer}/since", message)
    return low, high


def _refused(code: str, pointer: str, message: str) -> InvalidInput:
    return InvalidInput(code, message, (Fault(pointer, code, message),))


def _fingerprint(order: Order) -> str:
    """SHA-256 over what was asked for: the same key must come with the same of it."""
    text = json.dumps([order.action, dict(order.given)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
