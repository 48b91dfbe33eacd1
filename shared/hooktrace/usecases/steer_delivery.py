"""Retry or cancel a delivery by hand; races with the schedule are decided by the version."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from hooktrace.domain.deliveries import DeliveryRecord, next_number
from hooktrace.domain.delivery_steps import cancel_by_hand, retry_by_hand
from hooktrace.domain.errors import Conflict, NotFound, Unavailable
from hooktrace.domain.events import PlannedDelivery
from hooktrace.domain.ids import ProjectId, ulid_ms
from hooktrace.domain.next_step import in_flight, of_delivery
from hooktrace.domain.retention import expires_open_s
from hooktrace.ports import Chance, Clock, Ledger, Lost, TaskQueue, Write
from hooktrace.registry_ports import EndpointReader
from hooktrace.usecases.cached_projects import ProjectSource
from hooktrace.usecases.match_events import deliver_task
from hooktrace.usecases.read_trace import ReadTrace
from hooktrace.usecases.return_turns import ReturnTurns
from hooktrace.usecases.whole_writes import write_one

ROUNDS = 6


class SteerDelivery:
    """The use cases behind `POST /v1/deliveries/{id}/retry` and `/cancel`."""

    def __init__(
        self,
        *,
        traces: ReadTrace,
        turns: ReturnTurns,
        ledger: Ledger,
        endpoints: EndpointReader,
        projects: ProjectSource,
        queue: TaskQueue,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._traces = traces
        self._turns = turns
        self._ledger = ledger
        self._endpoints = endpoints
        self._projects = projects
        self._queue = queue
        self._clock = clock
        self._chance = chance

    def retry(self, project: ProjectId, text: str, key_id: str, *, force: bool) -> DeliveryRecord:
        """Asks for one attempt now; answers with the delivery as it stands then.

        Parts, in this order: (1) the record, `delivering` with the key id and an entry in `due`;
        (2) the deliver message. A crash between them, or a store that does not answer at 2: sweep
        sends it within two minutes, so that is no error (a second call would get a 409). The
        record expires as what is under way does; its event does so with its roll-up.
        Raises NotFound; Conflict when an attempt is under way, the event's data was expunged, or
        the endpoint is deleted, or disabled and `force` was not given; Unavailable.
        """
        keeping = self._projects.get_project(project)

        def decide(record: DeliveryRecord) -> DeliveryRecord:
            if record.expunged:
                raise Conflict("The data of this event was expunged.", code="data_expunged")
            self._check_endpoint(project, record, force=force)
            after = retry_by_hand(
                record,
                key_id,
                forced=force,
                now_ms=self._clock.now_ms(),
                token=self._chance.token(),
                expires_s=expires_open_s(ulid_ms(record.event_id), keeping),
            )
            if after is None:
                raise Conflict(_on_its_way(record), code="delivery_in_flight")
            return after

        record = self._change(project, text, decide)
        with suppress(Unavailable):
            self._send(record)
        return record

    def _send(self, record: DeliveryRecord) -> None:
        ref = (record.project_id, record.event_id)
        event = self._ledger.events([ref]).get(record.event_id)
        if event is None:
            raise NotFound
        plan = PlannedDelivery(record.endpoint_id, record.matched_by, record.replay)
        self._queue.send([(deliver_task(event, plan, event.packed, next_number(record)), 0)])

    def cancel(self, project: ProjectId, text: str, key_id: str) -> DeliveryRecord:
        """No further attempt; one in flight ends and is recorded.

        Parts, in this order: (1) the record, one conditional write; (2) if it had a turn of the
        rate limit, that goes back. A crash between them: the turn passes unused.
        Raises NotFound; Conflict when the delivery is at its end; Unavailable.
        """
        stood: list[DeliveryRecord] = []

        def decide(record: DeliveryRecord) -> DeliveryRecord:
            after = cancel_by_hand(
                record, key_id, now_ms=self._clock.now_ms(), token=self._chance.token()
            )
            if after is None:
                raise Conflict(f"The delivery is {record.status}: nothing is left to cancel.")
            stood.append(record)
            return after

        cancelled = self._change(project, text, decide)
        self._turns.of(stood[-1])
        return cancelled

    def _check_endpoint(self, project: ProjectId, record: DeliveryRecord, *, force: bool) -> None:
        endpoint = self._endpoints.get_endpoint(project, record.endpoint_id)
        if endpoint is None:
            raise Conflict("The endpoint of this delivery was deleted.")
        if endpoint.state == "disabled" and not force:
            raise Conflict(
                "The endpoint is disabled. Enable it, or retry with `force`.",
                code="endpoint_disabled",
            )

    def _change(
        self, project: ProjectId, text: str, decide: Callable[[DeliveryRecord], DeliveryRecord]
    ) -> DeliveryRecord:
        for _ in range(ROUNDS):
            record = self._traces.stored(project, text)
            if record is None:
                raise NotFound
            after = decide(record)
            before = record if record.version else None
            if not isinstance(write_one(self._ledger, Write(after, before)), Lost):
                return after
        raise Unavailable("the delivery keeps changing")


def _on_its_way(record: DeliveryRecord) -> str:
    """Which attempt there is already, and what it waits for until when."""
    step = of_delivery(record)
    if step is None:  # a late success ended it while another attempt was under way
        return in_flight(record)
    if record.lease_until_ms is not None:
        return step.text
    return f"{step.text} A retry by hand would not come sooner."
