"""Decide for each deliver message whether its attempt is ours, and put the claim on record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from hooktrace.domain.claims import Busy, Claimed, NotYet, Over, Resume, claim
from hooktrace.domain.deliveries import DeliveryRecord, born
from hooktrace.domain.delivery_steps import end_without_attempt
from hooktrace.domain.errors import InvalidInput, Unavailable
from hooktrace.domain.ids import ProjectId, bare, delivery_id
from hooktrace.domain.messages import DeliverTaskV1
from hooktrace.domain.registry import Endpoint
from hooktrace.domain.states import DeliveryStatus
from hooktrace.ports import (
    AttemptShelf,
    Chance,
    Clock,
    Ledger,
    Lost,
    Payloads,
    TaskQueue,
    Write,
)
from hooktrace.usecases.cached_projects import ProjectSource
from hooktrace.usecases.delivery_jobs import Done, Job, PutBack, Settled, queue_next, stop_reason
from hooktrace.usecases.endpoint_life import EndpointControl
from hooktrace.usecases.prepare_requests import PrepareRequests

ROUNDS = 6
LEASE_MARGIN_MS = 10_000
TIME_MARGIN_MS = 2_000
KEPT_ATTEMPTS = 10
SHELVED_AT_ONCE = 5


class Endpoints(EndpointControl, Protocol):
    """Endpoints of a project, strongly consistent."""

    def get_endpoints(
        self, project_id: str, endpoint_ids: Iterable[str]
    ) -> dict[str, Endpoint]: ...


class ClaimAttempts:
    """The first half of the deliver room; see `run`."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        payloads: Payloads,
        shelf: AttemptShelf,
        endpoints: Endpoints,
        projects: ProjectSource,
        queue: TaskQueue,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._ledger = ledger
        self._requests = PrepareRequests(
            ledger=ledger, payloads=payloads, projects=projects, chance=chance
        )
        self._shelf = shelf
        self._endpoints = endpoints
        self._projects = projects
        self._queue = queue
        self._clock = clock
        self._chance = chance

    def run(
        self, tasks: Sequence[DeliverTaskV1], remaining_ms: int
    ) -> tuple[dict[int, Job], dict[int, Done]]:
        """By position in `tasks`: the jobs whose attempt is ours, and the answers to the rest.

        Attempts that no longer fit are put on the shelf before the claim that drops them.
        """
        answers: dict[int, Done] = {}
        jobs = self._prepare(tasks, answers, remaining_ms)
        return self._claim(jobs, answers), answers

    def _prepare(
        self, tasks: Sequence[DeliverTaskV1], answers: dict[int, Done], remaining_ms: int
    ) -> dict[int, Job]:
        ids = [delivery_id(bare(t.event_id), bare(t.endpoint_id), t.replay) for t in tasks]
        try:
            endpoints = self._load_endpoints(tasks)
            later = [(t.project_id, i) for t, i in zip(tasks, ids, strict=True) if t.attempt > 1]
            known = self._ledger.deliveries(later) if later else {}
        except Unavailable as error:
            answers.update({n: PutBack(i, str(error)) for n, i in enumerate(ids)})
            return {}
        jobs = {}
        for position, (task, identifier) in enumerate(zip(tasks, ids, strict=True)):
            endpoint = endpoints.get((task.project_id, task.endpoint_id))
            need_ms = (endpoint.timeout_seconds * 1000 if endpoint else 0) + TIME_MARGIN_MS
            if need_ms > remaining_ms:
                answers[position] = PutBack(identifier, "too little time is left in this run")
                continue
            record = known.get(identifier) or self._unborn(task)
            jobs[position] = Job(task, identifier, endpoint, record)
        return jobs

    def _load_endpoints(
        self, tasks: Sequence[DeliverTaskV1]
    ) -> dict[tuple[ProjectId, str], Endpoint]:
        wanted: dict[ProjectId, set[str]] = {}
        for task in tasks:
            wanted.setdefault(task.project_id, set()).add(task.endpoint_id)
        return {
            (project, identifier): endpoint
            for project, ids in wanted.items()
            for identifier, endpoint in self._endpoints.get_endpoints(project, ids).items()
        }

    def _unborn(self, task: DeliverTaskV1) -> DeliveryRecord:
        project = self._projects.get_project(task.project_id)
        days = project.retention_days if project else 30
        return born(
            project_id=task.project_id,
            event_id=task.event_id,
            endpoint_id=task.endpoint_id,
            replay=task.replay,
            matched_by=task.matched_by,
            operation_id=task.operation,
            expires_s=self._clock.now_ms() // 1000 + days * 86_400,
        )

    def _claim(self, jobs: dict[int, Job], answers: dict[int, Done]) -> dict[int, Job]:
        """Those of the jobs whose attempt is ours; the others get their answer."""
        claimed: dict[int, Job] = {}
        open_jobs = dict(jobs)
        for _ in range(ROUNDS):
            writes: dict[int, Write] = {}
            for position, job in open_jobs.items():
                decision = self._decide(job)
                if isinstance(decision, Write):
                    writes[position] = decision
                else:
                    answers[position] = decision
            try:
                results = self._ledger.write(list(writes.values())) if writes else []
            except Unavailable as error:
                for position in writes:
                    answers[position] = PutBack(jobs[position].delivery_id, str(error))
                return claimed
            open_jobs = {}
            for (position, write), result in zip(writes.items(), results, strict=True):
                job = jobs[position]
                if isinstance(result, Lost):
                    self._look_again(job, result)
                    open_jobs[position] = job
                    continue
                assert isinstance(write.after, DeliveryRecord)
                job.record = write.after
                if job.request is None:
                    answers[position] = Settled(job.delivery_id, write.after.reason or "ended")
                else:
                    claimed[position] = job
            if not open_jobs:
                return claimed
        for position, job in open_jobs.items():
            answers[position] = PutBack(job.delivery_id, "the record keeps changing")
        return claimed

    def _look_again(self, job: Job, lost: Lost) -> None:
        """Takes the record that stands there; one that vanished is born anew."""
        current = lost.current
        job.record = current if isinstance(current, DeliveryRecord) else self._unborn(job.task)

    def _decide(self, job: Job) -> Write | Done:
        """The write that this message calls for, or its answer when it calls for none."""
        record, now_ms = job.record, self._clock.now_ms()
        before = record if record.version else None
        stop = stop_reason(job.endpoint)
        if job.endpoint is None or (stop is not None and not record.forced):
            ended = end_without_attempt(
                record,
                DeliveryStatus.CANCELLED,
                stop or "endpoint_deleted",
                now_ms=now_ms,
                token=self._chance.token(),
            )
            if ended is None or (record.cancel_reason and record.lease_until_ms):
                return Settled(job.delivery_id, "over")
            return Write(ended, before)
        decision = claim(
            record,
            attempt=job.task.attempt,
            now_ms=now_ms,
            lease_ms=job.endpoint.timeout_seconds * 1000 + LEASE_MARGIN_MS,
            url=job.endpoint.url,
            token=self._chance.token(),
        )
        if isinstance(decision, Claimed):
            return self._begin(job, decision, before)
        return self._answer(job, decision, now_ms)

    def _answer(self, job: Job, decision: Busy | NotYet | Resume | Over, now_ms: int) -> Done:
        if isinstance(decision, Busy):
            return PutBack(job.delivery_id, "another worker holds the lease")
        if isinstance(decision, Over):
            return Settled(job.delivery_id, "over")
        try:
            queue_next([(job.task, job.record)], self._queue, now_ms)
        except Unavailable as error:
            return PutBack(job.delivery_id, str(error))
        return Settled(job.delivery_id, "queued for its time")

    def _begin(self, job: Job, decision: Claimed, before: DeliveryRecord | None) -> Write | Done:
        assert job.endpoint is not None
        record = decision.record
        try:
            job.request = self._requests.build(job, record, job.endpoint)
            if len(record.attempts) > KEPT_ATTEMPTS:
                aside = record.attempts[:SHELVED_AT_ONCE]
                self._shelf.shelve(record, aside)
                record = replace(record, attempts=record.attempts[SHELVED_AT_ONCE:])
        except (Unavailable, InvalidInput) as error:
            return PutBack(job.delivery_id, str(error))
        return Write(record, before)
