"""Make delivery attempts: claim, send, record, and see that what must follow is queued."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace

from hooktrace.domain.attempts import AttemptOutcome, SendResult
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.delivery_steps import conclude
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import ulid_ms
from hooktrace.domain.messages import DeliverTaskV1
from hooktrace.domain.retention import Keeping, expires_success_s, over_ms
from hooktrace.domain.retry import DEFAULT_SCHEDULE, RetryPolicy
from hooktrace.domain.states import DeliveryStatus
from hooktrace.ports import Chance, Clock, Failed, Ledger, Lost, Sender, TaskQueue, Write
from hooktrace.usecases.attempt_facts import facts_of
from hooktrace.usecases.brake import LaneName
from hooktrace.usecases.claim_attempts import ROUNDS, ClaimAttempts
from hooktrace.usecases.delivery_jobs import (
    QUEUED,
    Attempted,
    Done,
    Job,
    PutBack,
    queue_next,
)
from hooktrace.usecases.endpoint_life import EndpointLife, Seen
from hooktrace.usecases.flights import Flights
from hooktrace.usecases.look_after_failures import LookAfterFailures
from hooktrace.usecases.settle_traffic import settle_hanging, settle_landed

Sent = dict[int, tuple[Job, SendResult]]

PATIENCE_MS = 2_000
"""So long messages stay with a worker for the end of another request to their endpoint."""


class DeliverAttempts:
    """The use case of the deliver room; see `run`."""

    def __init__(
        self,
        *,
        claims: ClaimAttempts,
        ledger: Ledger,
        failures: LookAfterFailures,
        life: EndpointLife,
        queue: TaskQueue,
        sender: Sender,
        pool: Executor,
        clock: Clock,
        chance: Chance,
        pause: Callable[[float], None],
    ) -> None:
        self._claims = claims
        self._ledger = ledger
        self._failures = failures
        self._life = life
        self._queue = queue
        self._sender = sender
        self._pool = pool
        self._clock = clock
        self._chance = chance
        self._pause = pause

    def run(
        self,
        tasks: Sequence[DeliverTaskV1],
        remaining_ms: Callable[[], int],
        lane: LaneName = "fast",
    ) -> list[Done]:
        """Makes the attempts of a batch in parallel; one answer for each task, in order.

        Parts of one attempt, in this order: (1) the claim, with the attempt open and a lease
        longer than the endpoint's time-out; (2) the request; (3) the result; (4) the message of
        the next attempt, or the `due` entry, which is part of 3. A crash after 1 or 2: the lease
        runs out, the message comes back (or the audit sends another), the attempt is closed as
        `worker_lost`, the next begins. A crash after 3: the message comes back, sees that its
        attempt is made, and queues the next one. A duplicate finds the lease, or the result.
        After all of them the health of their endpoints; the next result makes up for a lost one.
        A request that breaks off for a fault of ours is as if its worker had died, and costs no
        other its result.

        On the fast lane one endpoint takes half of the threads at most; the rest of its messages
        follow as those are done, or leave for the slow lane once it has hung for two seconds.
        Permits go back after the result. A crash before that: they run out with their lease.
        """
        began_ms = self._clock.now_ms()
        batch = self._claims.open(tasks, lane, remaining_ms())
        flights = Flights(
            sender=self._sender, pool=self._pool, clock=self._clock, pause=self._pause
        )
        jobs: dict[int, Job] = {}
        while batch.waiting or flights:
            claimed = self._claims.claim(
                batch,
                flights.count(),
                patient=self._clock.now_ms() - began_ms < PATIENCE_MS,
                remaining_ms=remaining_ms(),
            )
            jobs |= claimed
            for position, job in claimed.items():
                flights.add(position, job)
            if not flights:
                continue
            landed: Sent = {}
            for position, result in flights.landed().items():
                batch.landed(jobs[position])
                if isinstance(result, Exception):
                    batch.answer(position, _broken(jobs[position], result))
                else:
                    landed[position] = (jobs[position], result)
            if landed:
                self._record(landed, batch.answers)
                settle_landed(batch, landed.values())
            settle_hanging(batch, flights.hanging())
        self._life.note(_seen(jobs, batch.answers))
        return [batch.answers[position] for position in range(len(tasks))]

    def _record(self, sent: Sent, answers: dict[int, Done]) -> None:
        """Writes results. What succeeded waits for no look at the endpoints of the others."""
        good = {p: one for p, one in sent.items() if one[1].outcome is AttemptOutcome.SUCCESS}
        failed = {p: one for p, one in sent.items() if p not in good}
        if good:
            self._write(good, dict.fromkeys(good), answers)
        if failed:
            self._write(failed, self._failures.run(failed), answers)

    def _write(self, sent: Sent, stops: Mapping[int, str | None], answers: dict[int, Done]) -> None:
        """Writes results on the condition of their version, looking again after each loss.

        A result that the ledger does not take, or whose next attempt cannot be queued, puts its
        own message back: what came of the others is on record.
        """
        numbers = {p: job.record.attempts_total for p, (job, _) in sent.items()}
        open_jobs = dict(sent)
        settled: dict[int, DeliveryRecord] = {}
        why = dict.fromkeys(sent, "the record keeps changing")
        for _ in range(ROUNDS):
            writes: dict[int, Write] = {}
            for position, (job, result) in open_jobs.items():
                after = self._conclude(job, numbers[position], result, stops[position])
                if after is None:
                    settled[position] = job.record
                else:
                    writes[position] = Write(after, job.record)
            results = self._ledger.write(list(writes.values())) if writes else []
            open_jobs = {}
            for (position, write), answer in zip(writes.items(), results, strict=True):
                assert isinstance(write.after, DeliveryRecord)
                if isinstance(answer, Failed):
                    why[position] = answer.why
                elif isinstance(answer, Lost) and isinstance(answer.current, DeliveryRecord):
                    sent[position][0].record = answer.current
                    open_jobs[position] = sent[position]
                else:
                    settled[position] = write.after
            if not open_jobs:
                break
        self._queue_next(sent, settled, why)
        for position, (job, result) in sent.items():
            after, number = settled.get(position), numbers[position]
            answers[position] = (
                PutBack(job.delivery_id, why[position])
                if after is None
                else Attempted(
                    job.delivery_id,
                    number,
                    result.outcome,
                    after.status,
                    facts_of(number, result, after),
                )
            )

    def _queue_next(
        self, sent: Sent, settled: dict[int, DeliveryRecord], why: dict[int, str]
    ) -> None:
        """Queues what follows; when that fails, what has something to follow is not settled."""
        follows = {p: record for p, record in settled.items() if record.status in QUEUED}
        try:
            pairs = [(sent[p][0].task, record) for p, record in follows.items()]
            queue_next(pairs, self._queue, self._clock.now_ms())
        except Unavailable as error:
            for position in follows:
                del settled[position]
                why[position] = str(error)

    def _conclude(
        self, job: Job, number: int, result: SendResult, stop: str | None
    ) -> DeliveryRecord | None:
        assert job.endpoint is not None
        schedule = job.endpoint.retry_schedule
        after = conclude(
            job.record,
            number,
            result,
            now_ms=self._clock.now_ms(),
            policy=RetryPolicy(
                DEFAULT_SCHEDULE if schedule is None else schedule,
                frozenset(job.endpoint.permanent_statuses),
                job.may_have_moved,
            ),
            chance=self._chance.fraction(),
            token=self._chance.token(),
            over_ms=job.over_ms,
            stop_reason=stop,
        )
        return None if after is None else _kept(after, job.keeping)


def _broken(job: Job, error: Exception) -> PutBack:
    """The kind of the fault and its place; what it says may quote what an endpoint sent."""
    at = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" in {one.name}, line {one.lineno}" for one in at)
    return PutBack(job.delivery_id, f"the request broke off: {type(error).__name__}{place}")


def _kept(record: DeliveryRecord, keeping: Keeping | None) -> DeliveryRecord:
    """The record with the expiry of where it stands: only a success is kept no longer."""
    accepted_ms = ulid_ms(record.event_id)
    expires_s = (
        expires_success_s(accepted_ms, keeping, record.updated_ms)
        if record.status is DeliveryStatus.SUCCEEDED
        else over_ms(accepted_ms, keeping, record.expires_s) // 1000
    )
    return replace(record, expires_s=expires_s)


def _seen(jobs: dict[int, Job], answers: dict[int, Done]) -> Iterator[Seen]:
    """What the attempts that were made say about their endpoints."""
    for position, job in jobs.items():
        answer = answers.get(position)
        if isinstance(answer, Attempted) and job.endpoint is not None:
            yield Seen(job.endpoint, answer.outcome, answer.facts.http_status)
