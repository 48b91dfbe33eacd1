"""Match an event again, against today's subscriptions, and deliver it anew; history is kept."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from hooktrace.domain.errors import Conflict, NotFound, Unavailable
from hooktrace.domain.events import PLAN_INLINE, EventRecord, Payload, PlannedDelivery
from hooktrace.domain.filters import FilterEvent
from hooktrace.domain.ids import EndpointId, OperationId, ProjectId, SubscriptionId
from hooktrace.domain.notification_kinds import is_reserved
from hooktrace.domain.operational import next_round
from hooktrace.domain.registry import Project
from hooktrace.domain.retention import expires_open_s
from hooktrace.domain.states import EventStatus, check_event
from hooktrace.domain.strict_json import parse_value
from hooktrace.ports import Chance, Clock, Ledger, Lost, Payloads, TaskQueue, Write
from hooktrace.usecases.cached_projects import ProjectSource
from hooktrace.usecases.match_events import Sets, deliver_task, planned
from hooktrace.usecases.read_trace import ReadTrace
from hooktrace.usecases.whole_writes import write_one

ROUNDS = 6
LOOK_AGAIN_MS = 60_000


@dataclass(frozen=True, slots=True)
class Replayed:
    """The event after its replay, and the deliveries that were added."""

    event: EventRecord
    added: tuple[PlannedDelivery, ...]


class _By(NamedTuple):
    """Who asks for a round."""

    key_id: str
    operation: OperationId | None


class ReplayEvent:
    """The use case behind `POST /v1/events/{id}/replay`; see `run`."""

    def __init__(
        self,
        *,
        traces: ReadTrace,
        sets: Sets,
        projects: ProjectSource,
        ledger: Ledger,
        payloads: Payloads,
        queue: TaskQueue,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._traces = traces
        self._sets = sets
        self._projects = projects
        self._ledger = ledger
        self._payloads = payloads
        self._queue = queue
        self._clock = clock
        self._chance = chance

    def run(self, project: ProjectId, text: str, key_id: str) -> Replayed:
        """Plans a new round of deliveries, asked for by this key, and sends it.

        Parts, in this order: (1) pages of a long plan; (2) the event record, with today's report,
        the longer plan and a `due` entry; (3) the deliver messages. A crash after 2, or a queue
        that does not answer: sweep finds the entry within two minutes and sends what has not
        begun. So that is no error: whoever tried again would plan one more round.
        Raises NotFound; Conflict while the event is not matched yet, was rejected, or its data was
        expunged; Unavailable.
        """
        for _ in range(ROUNDS):
            trace = self._traces.event(project, text)
            if trace is None:
                raise NotFound
            event, payload = trace.event, trace.payload
            if event.status in {EventStatus.ACCEPTED, EventStatus.REJECTED}:
                raise Conflict(f"The event is {event.status}: there is nothing to replay.")
            if event.expunged_ms is not None:
                raise Conflict("The data of this event was expunged.", code="data_expunged")
            if payload is None:
                raise NotFound("The data of this event is not stored any more.")
            if (done := self.once(event, payload, requested_by=key_id)) is not None:
                return done
        raise Unavailable("the event keeps changing")

    def once(
        self,
        event: EventRecord,
        payload: Payload,
        *,
        requested_by: str,
        operation: OperationId | None = None,
        only_endpoint: str | None = None,
    ) -> Replayed | None:
        """One try from the event as it was read; None when it has changed since.

        The parts are those of `run`. The planned deliveries that it adds name `requested_by`, the
        key that asks, and `operation`; `only_endpoint` leaves out all others.
        """
        by = _By(requested_by, operation)
        after, added = self._next_round(event, payload, by, only_endpoint)
        if isinstance(write_one(self._ledger, Write(after, event)), Lost):
            return None
        packed = payload.pack()
        with suppress(Unavailable):
            self._queue.send([(deliver_task(after, one, packed), 0) for one in added])
        return Replayed(after, added)

    def _next_round(
        self,
        event: EventRecord,
        payload: Payload,
        by: _By,
        only_endpoint: str | None,
    ) -> tuple[EventRecord, tuple[PlannedDelivery, ...]]:
        if is_reserved(event.type):
            return self._again(event, by, only_endpoint)
        seen = FilterEvent(event.type, payload.headers, parse_value(payload.data))
        decision = self._sets.get(event.project_id).match(seen)
        before = list(planned(event, self._payloads))
        number = max((one.replay for one in before), default=-1) + 1
        added = tuple(
            PlannedDelivery(
                EndpointId(ep), tuple(map(SubscriptionId, subs)), number, by.operation, by.key_id
            )
            for ep, subs in decision.matched
            if only_endpoint in {None, ep}
        )
        now_ms, project = self._clock.now_ms(), self._projects.get_project(event.project_id)
        after = replace(
            event,
            version=event.version + 1,
            updated_ms=now_ms,
            report=decision.report.to_json(redact_actual=_redact(project)),
            write_token=self._chance.token(),
        )
        return (self._planned(after, before, added) if added else after), added

    def _again(
        self, event: EventRecord, by: _By, only_endpoint: str | None
    ) -> tuple[EventRecord, tuple[PlannedDelivery, ...]]:
        """An operational event matches no subscription: it goes to its own endpoints again."""
        before = list(planned(event, self._payloads))
        added = tuple(
            replace(one, operation_id=by.operation, requested_by=by.key_id)
            for one in next_round(before, max(one.replay for one in before) + 1)
            if only_endpoint in {None, one.endpoint_id}
        )
        after = replace(
            event,
            version=event.version + 1,
            updated_ms=self._clock.now_ms(),
            write_token=self._chance.token(),
        )
        return (self._planned(after, before, added) if added else after), added

    def _planned(
        self, event: EventRecord, before: list[PlannedDelivery], added: tuple[PlannedDelivery, ...]
    ) -> EventRecord:
        project = self._projects.get_project(event.project_id)
        plan = (*before, *added)
        grown = replace(
            event,
            status=check_event(event.status, EventStatus.DELIVERING),
            plan_total=len(plan),
            due_ms=event.updated_ms + LOOK_AGAIN_MS,
            expires_s=max(event.expires_s or 0, expires_open_s(event.accepted_ms, project)),
        )
        if len(plan) <= PLAN_INLINE:
            return replace(grown, plan=plan)
        token = grown.write_token
        pages = self._payloads.put_plan(grown, token, plan)
        return replace(grown, plan=(), plan_pages=pages, plan_token=token)


def _redact(project: Project | None) -> bool:
    return project.redact_actual if project else False
