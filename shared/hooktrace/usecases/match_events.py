"""Match events against subscriptions, record the report, and hand each delivery on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hooktrace.domain.errors import InvalidInput, Unavailable
from hooktrace.domain.events import (
    INLINE_PAYLOAD_BYTES,
    PLAN_INLINE,
    EventRecord,
    Payload,
    PlannedDelivery,
)
from hooktrace.domain.filters import FilterEvent
from hooktrace.domain.ids import EndpointId, SubscriptionId
from hooktrace.domain.matching import DiscardReason, SubscriptionIndex, discard_reason
from hooktrace.domain.messages import DeliverTaskV1, MatchTaskV1, fits_message
from hooktrace.domain.retention import Keeping, expires_event_s, expires_open_s
from hooktrace.domain.states import EVENT_ENDS, EventStatus, check_event
from hooktrace.domain.strict_json import parse_value
from hooktrace.ports import Chance, Clock, Failed, Ledger, Lost, Payloads, TaskQueue, Write, Written
from hooktrace.usecases.cached_projects import ProjectSource

FAN_OUT_BODY_BYTES = 4_096
"""In a fan-out (more than `PLAN_INLINE` deliveries) only so small a payload rides along."""


class Sets(Protocol):
    """Compiled subscriptions of a project, fresh at each call."""

    def get(self, project_id: str) -> SubscriptionIndex: ...


@dataclass(frozen=True, slots=True)
class Matched:
    """What became of one match task: the event's status now.

    `decided`: by this very run, not by an earlier one whose message came again. `why` says why
    an event that was decided matched nothing.
    """

    status: EventStatus
    decided: bool = True
    why: DiscardReason | None = None


@dataclass(frozen=True, slots=True)
class NotNow:
    """The task could not be done; its message must come back."""

    reason: str


@dataclass(slots=True)
class _Work:
    task: MatchTaskV1
    packed: bytes
    before: EventRecord
    after: EventRecord
    plan: Sequence[PlannedDelivery]
    why: DiscardReason | None = None


class MatchEvents:
    """The use case of the match room; see `run`."""

    def __init__(
        self,
        *,
        sets: Sets,
        projects: ProjectSource,
        ledger: Ledger,
        payloads: Payloads,
        queue: TaskQueue,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._sets = sets
        self._projects = projects
        self._ledger = ledger
        self._payloads = payloads
        self._queue = queue
        self._clock = clock
        self._chance = chance

    def run(self, tasks: Sequence[MatchTaskV1]) -> list[Matched | NotNow]:
        """Matches a batch; one answer for each task, in order.

        Parts, in this order: (1) pages of a long plan; (2) the event record with report and plan,
        on the condition that nobody matched it yet; (3) the deliver messages. A crash after 1
        leaves pages that expire; after 2 the match message comes back, loses its write, and sends
        the deliveries of the decision on record again (a delivery that was born already is not
        made twice). If the match message is lost too, the audit does the same. The decision of
        the first writer stands, also when subscriptions changed meanwhile. A record that the
        ledger does not take puts its own message back and no other.
        """
        answers: list[Matched | NotNow | None] = [None] * len(tasks)
        works: dict[int, _Work] = {}
        fresh: dict[str, SubscriptionIndex] = {}  # one strongly consistent look for each batch
        for position, task in enumerate(tasks):
            try:
                if task.project_id not in fresh:
                    fresh[task.project_id] = self._sets.get(task.project_id)
                works[position] = self._decide(task, fresh[task.project_id])
            except (Unavailable, InvalidInput) as error:
                answers[position] = NotNow(str(error))
        self._record(works, answers)
        return [answer or NotNow("not reached") for answer in answers]

    def _decide(self, task: MatchTaskV1, index: SubscriptionIndex) -> _Work:
        packed = task.packed or self._stored_payload(task)
        payload = Payload.unpack(packed)
        event = FilterEvent(task.type, payload.headers, parse_value(payload.data))
        decision = index.match(event)
        project = self._projects.get_project(task.project_id)
        redact = project.redact_actual if project else False
        plan = [
            PlannedDelivery(EndpointId(endpoint), tuple(map(SubscriptionId, subscriptions)))
            for endpoint, subscriptions in decision.matched
        ]
        before = as_ingested(replace(task, packed=packed))
        status = EventStatus.DELIVERING if plan else EventStatus.DISCARDED
        after = replace(
            before,
            status=check_event(before.status, status),
            version=2,
            updated_ms=self._clock.now_ms(),
            report=decision.report.to_json(redact_actual=redact),
            plan=tuple(plan) if len(plan) <= PLAN_INLINE else (),
            plan_total=len(plan),
            write_token=self._chance.token(),
        )
        if not plan:
            after = replace(after, expires_s=_expires_s(after, project))
        if len(plan) > PLAN_INLINE:
            token = after.write_token
            kept = replace(after, expires_s=_expires_s(after, project))
            pages = self._payloads.put_plan(kept, token, plan)
            after = replace(after, plan_pages=pages, plan_token=token)
        why = None if plan else discard_reason(decision.report)
        return _Work(task, packed, before, after, plan, why)

    def _stored_payload(self, task: MatchTaskV1) -> bytes:
        packed = self._payloads.payload(task.project_id, task.event_id)
        if packed is None:
            found = self._ledger.events([(task.project_id, task.event_id)]).get(task.event_id)
            packed = found.packed if found else None
        if packed is None:
            raise Unavailable(f"the payload of {task.event_id} is not stored")
        return packed

    def _record(self, works: dict[int, _Work], answers: list[Matched | NotNow | None]) -> None:
        results = self._ledger.write([Write(w.after, w.before) for w in works.values()])
        sends: list[tuple[DeliverTaskV1, int]] = []
        queued: list[int] = []
        for (position, work), result in zip(works.items(), results, strict=True):
            try:
                matched, plan = self._settle(work, result)
            except Unavailable as error:
                answers[position] = NotNow(str(error))
                continue
            answers[position] = matched
            if plan:
                queued.append(position)
                sends += [(deliver_task(work.after, p, work.packed), 0) for p in plan]
        try:
            self._queue.send(sends)
        except Unavailable as error:
            for position in queued:
                answers[position] = NotNow(str(error))

    def _settle(
        self, work: _Work, result: Written | Lost | Failed
    ) -> tuple[Matched, Sequence[PlannedDelivery]]:
        """What is on record and the deliveries to hand on, after a write or a lost one."""
        if isinstance(result, Lost) and result.current is None:
            result = self._create(work)
        if isinstance(result, Failed):
            raise Unavailable(result.why)
        if isinstance(result, Written):
            return Matched(work.after.status, why=work.why), work.plan
        current = result.current
        if not isinstance(current, EventRecord) or current.status is EventStatus.ACCEPTED:
            raise Unavailable(f"{work.task.event_id} changed while it was matched")
        if current.status in EVENT_ENDS:
            return Matched(current.status, decided=False), ()
        return Matched(current.status, decided=False), list(planned(current, self._payloads))

    def _create(self, work: _Work) -> Written | Lost | Failed:
        """The event has no record (ingest died before it, or it was lost): make it whole."""
        project = self._projects.get_project(work.task.project_id)
        record = replace(work.after, expires_s=_expires_s(work.after, project))
        if record.packed is None:
            open_s = expires_open_s(record.accepted_ms, project)
            place = self._payloads.put_payload(record.project_id, record.id, work.packed, open_s)
            record = replace(record, payload_at=place)
        return self._ledger.write([Write(record)])[0]


def as_ingested(task: MatchTaskV1) -> EventRecord:
    """The record as ingest wrote it, from the message: so that no read is needed."""
    packed = task.packed
    return EventRecord(
        id=task.event_id,
        project_id=task.project_id,
        type=task.type,
        status=EventStatus.ACCEPTED,
        version=1,
        updated_ms=0,
        size_bytes=task.size_bytes,
        packed=packed if packed is not None and len(packed) <= INLINE_PAYLOAD_BYTES else None,
        idempotency_key=task.idempotency_key,
        traceparent=task.traceparent,
        tracestate=task.tracestate,
    )


def _expires_s(event: EventRecord, keeping: Keeping | None) -> int:
    return expires_event_s(event.accepted_ms, keeping, event.status, event.updated_ms)


def planned(event: EventRecord, payloads: Payloads) -> Iterator[PlannedDelivery]:
    """Every planned delivery of an event, wherever its plan is stored."""
    yield from event.plan
    for page in range(event.plan_pages):
        yield from payloads.plan_page(event, page)


def deliver_task(
    event: EventRecord, plan: PlannedDelivery, packed: bytes | None, attempt: int = 1
) -> DeliverTaskV1:
    """The message that has one delivery attempted."""
    crowd = event.plan_total > PLAN_INLINE and len(packed or b"") > FAN_OUT_BODY_BYTES
    return DeliverTaskV1(
        project_id=event.project_id,
        event_id=event.id,
        endpoint_id=plan.endpoint_id,
        replay=plan.replay,
        matched_by=plan.matched_by,
        type=event.type,
        attempt=attempt,
        packed=None if crowd else fits_message(packed),
        traceparent=event.traceparent,
        tracestate=event.tracestate,
        operation=plan.operation_id,
        requested_by=plan.requested_by,
    )
