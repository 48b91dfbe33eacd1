"""Read what a batch of deliver messages is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hooktrace.domain.admission import AHEAD_MS
from hooktrace.domain.deliveries import DeliveryRecord, born
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import DeliveryId, ProjectId, bare, delivery_id, ulid_ms
from hooktrace.domain.messages import DeliverTaskV1
from hooktrace.domain.registry import Endpoint
from hooktrace.domain.retention import DAY_SECONDS, DefaultKeeping, Keeping, expires_open_s
from hooktrace.endpoint_ports import EndpointKey, TrafficStore
from hooktrace.ports import Chance, Clock, Ledger
from hooktrace.usecases.brake import Brake, LaneName, is_limited
from hooktrace.usecases.cached_projects import ProjectSource
from hooktrace.usecases.delivery_jobs import Done, Job, PutBack, Settled
from hooktrace.usecases.endpoint_life import EndpointControl

TIME_MARGIN_MS = 2_000
MOST_HELD_BYTES = 32 * 1_048_576
"""Bodies that a worker holds at once, but for the last: a hundred large ones would not fit."""


class Endpoints(EndpointControl, Protocol):
    """Endpoints of a project, strongly consistent."""

    def get_endpoints(
        self, project_id: str, endpoint_ids: Iterable[str]
    ) -> dict[str, Endpoint]: ...


@dataclass(slots=True)
class Batch:
    """Messages of one invocation, by their position: those that wait, and the answers so far.

    `held_bytes` are the bodies of the requests that are claimed and have not landed.
    """

    lane: LaneName
    brake: Brake
    waiting: dict[int, Job] = field(default_factory=dict)
    answers: dict[int, Done] = field(default_factory=dict)
    held_bytes: int = 0

    @property
    def is_full(self) -> bool:
        """Whether no further body may be loaded before one of them has landed."""
        return self.held_bytes >= MOST_HELD_BYTES

    def landed(self, job: Job) -> None:
        """The job's request is over: its body goes."""
        self.held_bytes -= job.body_bytes
        job.request = None

    def answer(self, position: int, done: Done) -> None:
        """The message is dealt with."""
        self.waiting.pop(position, None)
        self.answers[position] = done


class OpenBatches:
    """From messages to jobs; see `run`."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        endpoints: Endpoints,
        projects: ProjectSource,
        traffic: TrafficStore,
        clock: Clock,
        chance: Chance,
        pause: Callable[[float], None],
    ) -> None:
        self._ledger = ledger
        self._endpoints = endpoints
        self._projects = projects
        self._traffic = traffic
        self._clock = clock
        self._chance = chance
        self._pause = pause

    def run(self, tasks: Sequence[DeliverTaskV1], lane: LaneName, remaining_ms: int) -> Batch:
        """Reads what the messages are about: endpoints, their traffic, deliveries begun before.

        Of a first attempt the record is not read; the claim finds out. A limited endpoint's is,
        so that a duplicate takes no slot.
        """
        brake = Brake(
            store=self._traffic, clock=self._clock, chance=self._chance, pause=self._pause
        )
        batch = Batch(lane, brake)
        ids = [delivery_id(bare(t.event_id), bare(t.endpoint_id), t.replay) for t in tasks]
        try:
            endpoints = self._load_endpoints(tasks)
            brake.look(endpoints)
            known = self._load_begun(tasks, ids, endpoints)
            keepings = {t.project_id: self._projects.get_project(t.project_id) for t in tasks}
        except Unavailable as error:
            batch.answers = {n: PutBack(i, str(error)) for n, i in enumerate(ids)}
            return batch
        for position, (task, identifier) in enumerate(zip(tasks, ids, strict=True)):
            endpoint = endpoints.get((task.project_id, task.endpoint_id))
            record = known.get(identifier) or self.unborn(task)
            keeping = keepings[task.project_id]
            batch.waiting[position] = Job(task, identifier, endpoint, record, keeping)
            if task.attempt > 1 and identifier not in known and self._may_be_gone(task, keeping):
                batch.answer(position, Settled(identifier, "its record has expired"))
        for position in out_of_time(batch, remaining_ms):
            why = "too little time is left in this run"
            batch.answer(position, PutBack(ids[position], why))
        return batch

    def _may_be_gone(self, task: DeliverTaskV1, keeping: Keeping | None) -> bool:
        """Whether a record may have expired: what had begun is not begun anew then."""
        kept_ms = (keeping or DefaultKeeping()).retention_days * DAY_SECONDS * 1000
        return self._clock.now_ms() >= ulid_ms(task.event_id) + kept_ms

    def _load_begun(
        self,
        tasks: Sequence[DeliverTaskV1],
        ids: Sequence[DeliveryId],
        endpoints: Mapping[EndpointKey, Endpoint],
    ) -> dict[DeliveryId, DeliveryRecord]:
        limited = {key for key, endpoint in endpoints.items() if is_limited(endpoint)}
        refs = [
            (task.project_id, identifier)
            for task, identifier in zip(tasks, ids, strict=True)
            if task.attempt > 1 or (task.project_id, task.endpoint_id) in limited
        ]
        return self._ledger.deliveries(refs) if refs else {}

    def _load_endpoints(self, tasks: Sequence[DeliverTaskV1]) -> dict[EndpointKey, Endpoint]:
        wanted: dict[ProjectId, dict[str, EndpointKey]] = {}
        for task in tasks:
            key = (task.project_id, task.endpoint_id)
            wanted.setdefault(task.project_id, {})[task.endpoint_id] = key
        return {
            keys[identifier]: endpoint
            for project, keys in wanted.items()
            for identifier, endpoint in self._endpoints.get_endpoints(project, keys).items()
        }

    def unborn(self, task: DeliverTaskV1) -> DeliveryRecord:
        """The delivery of this message as it is before anything happened to it."""
        project = self._projects.get_project(task.project_id)
        return born(
            project_id=task.project_id,
            event_id=task.event_id,
            endpoint_id=task.endpoint_id,
            replay=task.replay,
            matched_by=task.matched_by,
            operation_id=task.operation,
            by_hand=task.requested_by,
            expires_s=expires_open_s(ulid_ms(task.event_id), project),
        )


def out_of_time(batch: Batch, remaining_ms: int) -> list[int]:
    """Positions of those whose attempt would outlive this invocation."""
    late = []
    for position, job in batch.waiting.items():
        need_ms = TIME_MARGIN_MS
        if job.endpoint is not None:
            need_ms += job.endpoint.timeout_seconds * 1000
            need_ms += AHEAD_MS if job.endpoint.rate_limit else 0
        if need_ms > remaining_ms:
            late.append(position)
    return late
