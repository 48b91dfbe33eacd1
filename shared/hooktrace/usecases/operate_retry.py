"""Retry the deliveries of a bulk operation: one attempt each, asked for once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hooktrace.domain.deliveries import DeliveryRecord, is_asked_by, next_number
from hooktrace.domain.delivery_steps import retry_by_hand
from hooktrace.domain.events import EventRecord, PlannedDelivery
from hooktrace.domain.ids import DeliveryId, EventId, ulid_ms
from hooktrace.domain.messages import Task
from hooktrace.domain.operations import Operation, OperationItem
from hooktrace.domain.registry import Endpoint
from hooktrace.domain.retention import Keeping, expires_open_s
from hooktrace.ports import AttemptShelf, Chance, Clock, Failed, Ledger, Lost, TaskQueue, Write
from hooktrace.registry_ports import EndpointReader
from hooktrace.usecases.cached_projects import ProjectSource
from hooktrace.usecases.match_events import deliver_task
from hooktrace.usecases.whole_writes import check_all

ROUNDS = 6
LOOKED_BACK = 100
"""So many attempts that no longer fit into the record are looked through for the operation."""


@dataclass(frozen=True, slots=True)
class _Around:
    """What the decisions of one page need beside the deliveries."""

    operation: Operation
    events: Mapping[EventId, EventRecord]
    endpoints: Mapping[str, Endpoint]
    keeping: Keeping | None


class RetryItems:
    """Fulfils `Act` of the operate room for `retry`; see `run`."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        shelf: AttemptShelf,
        endpoints: EndpointReader,
        projects: ProjectSource,
        queue: TaskQueue,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._ledger = ledger
        self._shelf = shelf
        self._endpoints = endpoints
        self._projects = projects
        self._queue = queue
        self._clock = clock
        self._chance = chance

    def run(self, operation: Operation, items: Sequence[OperationItem]) -> list[OperationItem]:
        """Asks for one attempt of each delivery that may still be retried.

        Parts, as of a single retry by hand: (1) the records, `delivering`, with the operation's
        id and an entry in `due`; (2) the deliver messages. A repetition finds its id on the
        record or on an attempt and writes nothing; what has not begun it sends again, which the
        claim turns away if it was under way. Raises Unavailable.
        """
        project = operation.project_id
        ids = [DeliveryId(item.id) for item in items]
        records = dict(self._ledger.deliveries((project, one) for one in ids))
        around = _Around(
            operation,
            self._ledger.events({(project, record.event_id) for record in records.values()}),
            self._endpoints.get_endpoints(project, {r.endpoint_id for r in records.values()}),
            self._projects.get_project(project),
        )
        results: dict[str, OperationItem] = {}
        open_items = list(items)
        failed: list[Failed] = []
        for _ in range(ROUNDS):
            writes: dict[str, Write] = {}
            for item in open_items:
                decision = self._decide(records.get(DeliveryId(item.id)), item, around)
                if isinstance(decision, Write):
                    writes[item.id] = decision
                else:
                    results[item.id] = decision
            open_items = self._write(writes, records, results, failed)
            if not open_items:
                break
        results |= {item.id: replace(item, result="failed", reason="busy") for item in open_items}
        self._send([records[one] for one in ids if one in records], around)
        check_all(failed)
        return [results[item.id] for item in items]

    def _write(
        self,
        writes: Mapping[str, Write],
        records: dict[DeliveryId, DeliveryRecord],
        results: dict[str, OperationItem],
        failed: list[Failed],
    ) -> list[OperationItem]:
        """The items whose write lost; `records` has what stands now.

        What the ledger will never take is a failure of its item. What it did not take this time
        is told by `failed`: the page comes again, and finds what else of it is done.
        """
        lost: list[OperationItem] = []
        answers = self._ledger.write(list(writes.values())) if writes else []
        for (identifier, write), answer in zip(writes.items(), answers, strict=True):
            if isinstance(answer, Failed):
                if answer.is_final:
                    results[identifier] = OperationItem(identifier, "failed", "not_stored")
                else:
                    failed.append(answer)
                continue
            stands = answer.current if isinstance(answer, Lost) else write.after
            if isinstance(stands, DeliveryRecord):
                records[DeliveryId(identifier)] = stands
            else:
                del records[DeliveryId(identifier)]
            if isinstance(answer, Lost):
                lost.append(OperationItem(identifier))
            else:
                results[identifier] = OperationItem(identifier, "succeeded")
        return lost

    def _decide(
        self, record: DeliveryRecord | None, item: OperationItem, around: _Around
    ) -> Write | OperationItem:
        """The write that asks for the attempt, or what else came of the item."""
        operation = around.operation
        why = self._reason_to_skip(record, around)
        if record is None or why:
            return replace(item, result="skipped", reason=why)
        if self._was_asked(record, operation):
            return replace(item, result="succeeded")
        if record.status not in operation.filters.status:
            return replace(item, result="skipped", reason="status_changed")
        endpoint = around.endpoints[record.endpoint_id]
        if endpoint.state == "disabled" and not operation.force:
            return replace(item, result="skipped", reason="endpoint_disabled")
        after = retry_by_hand(
            record,
            operation.requested_by,
            forced=operation.force,
            now_ms=self._clock.now_ms(),
            token=self._chance.token(),
            expires_s=expires_open_s(ulid_ms(record.event_id), around.keeping),
            operation=operation.id,
        )
        if after is None:
            return replace(item, result="skipped", reason="in_flight")
        return Write(after, record)

    def _reason_to_skip(self, record: DeliveryRecord | None, around: _Around) -> str:
        event = around.events.get(record.event_id) if record else None
        if record is None or event is None:
            return "expired"
        expires_s = event.expires_s
        if expires_s is not None and expires_s * 1000 <= self._clock.now_ms():
            return "expired"
        if record.expunged or event.expunged_ms is not None:
            return "data_expunged"
        return "" if record.endpoint_id in around.endpoints else "endpoint_deleted"

    def _was_asked(self, record: DeliveryRecord, operation: Operation) -> bool:
        if is_asked_by(record, operation.id):
            return True
        if record.attempts_total <= len(record.attempts):
            return False
        older = self._shelf.shelved(record, limit=LOOKED_BACK)
        return any(attempt.operation_id == operation.id for attempt in older)

    def _send(self, records: Sequence[DeliveryRecord], around: _Around) -> None:
        """The messages of the attempts that this operation asked for and nobody has begun."""
        tasks: list[tuple[Task, int]] = []
        for record in records:
            event = around.events.get(record.event_id)
            asked = record.by_hand is not None and record.operation_id == around.operation.id
            if event is not None and asked:
                plan = PlannedDelivery(record.endpoint_id, record.matched_by, record.replay)
                tasks.append((deliver_task(event, plan, event.packed, next_number(record)), 0))
        if tasks:
            self._queue.send(tasks)
