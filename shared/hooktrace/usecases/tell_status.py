"""Tell changes of status: on the bus, and as operational webhooks to the project's endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import EventId
from hooktrace.domain.notification_kinds import DEFAULT_CHOICE
from hooktrace.domain.notifications import Notification
from hooktrace.domain.operational import operational_event
from hooktrace.domain.registry import Project
from hooktrace.domain.states import EventStatus
from hooktrace.ports import Chance, Clock, Failed, Ledger, TaskQueue, Write, Written
from hooktrace.usecases.cached_projects import ProjectSource
from hooktrace.usecases.match_events import deliver_task
from hooktrace.usecases.whole_writes import check_all


class Bus(Protocol):
    """Where all notifications go."""

    def publish(self, notifications: Sequence[Notification]) -> None:
        """In order for each event. Raises Unavailable when the bus did not take them all."""
        ...


class TellStatus:
    """The notifications of the notify room; see `run`."""

    def __init__(
        self,
        *,
        projects: ProjectSource,
        bus: Bus,
        ledger: Ledger,
        queue: TaskQueue,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._projects = projects
        self._bus = bus
        self._ledger = ledger
        self._queue = queue
        self._clock = clock
        self._chance = chance

    def run(self, notable: Sequence[Notification]) -> list[Notification]:
        """Tells those of the notifications whose kind their project chose; answers with them.

        Parts, in this order: (1) for projects with operational endpoints, an event record for
        each notification, under an id that follows from the notification's; (2) its deliver
        messages; (3) the bus. Raises Unavailable when any part failed: the stream batch comes
        again, finds the event records made, and sends again what is still on its way (a delivery
        that has begun is not begun twice). If it never comes again after 1, the `due` entry of
        the record has sweep send the messages. A project without operational endpoints costs no
        call but the cached read of its settings.
        """
        told: list[Notification] = []
        webhooks: dict[EventId, EventRecord] = {}
        for one in notable:
            project = self._projects.get_project(one.project_id)
            choice = project.notifications if project else DEFAULT_CHOICE
            if not choice.takes(one.kind):
                continue
            told.append(one)
            recipients = choice.recipients(one.about)
            if project is not None and recipients:
                record = self._webhook(one, project, recipients)
                webhooks[record.id] = record
        if webhooks:
            self._send(list(webhooks.values()))
        if told:
            self._bus.publish(told)
        return told

    def _webhook(
        self, one: Notification, project: Project, recipients: tuple[str, ...]
    ) -> EventRecord:
        now_ms, token = self._clock.now_ms(), self._chance.token()
        return operational_event(one, project, recipients, now_ms=now_ms, token=token)

    def _send(self, records: list[EventRecord]) -> None:
        """Creates each record once; what an earlier telling made stands, plan and all."""
        results = self._ledger.write([Write(record) for record in records])
        standing = [
            record if isinstance(result, Written) else result.current
            for record, result in zip(records, results, strict=True)
            if not isinstance(result, Failed)
        ]
        self._queue.send(
            [
                (deliver_task(event, plan, event.packed), 0)
                for event in standing
                if isinstance(event, EventRecord) and event.status is EventStatus.DELIVERING
                for plan in event.plan
                if plan.replay == 0
            ]
        )
        check_all(results)
