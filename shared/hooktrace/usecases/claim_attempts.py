"""Decide for each deliver message whether its attempt is ours, and put the claim on record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hooktrace.domain.admission import Go, Wait
from hooktrace.domain.claims import Busy, Over, Refusal, claim, hold, refusal
from hooktrace.domain.deliveries import DeliveryRecord, next_number
from hooktrace.domain.delivery_steps import RETENTION_OVER, end_without_attempt
from hooktrace.domain.errors import InvalidInput, Unavailable
from hooktrace.domain.ids import DeliveryId
from hooktrace.domain.messages import DeliverTaskV1
from hooktrace.domain.retry import QUEUE_DELAY_MAX_SECONDS
from hooktrace.domain.states import DELIVERY_ENDS
from hooktrace.endpoint_ports import EndpointKey
from hooktrace.ports import AttemptShelf, Chance, Clock, Failed, Ledger, Lost, TaskQueue, Write
from hooktrace.usecases import brake
from hooktrace.usecases.brake import Brake, LaneName, lease_ms
from hooktrace.usecases.delivery_jobs import (
    Done,
    Job,
    PutBack,
    Settled,
    queue_delay,
    queue_next,
    stop_reason,
)
from hooktrace.usecases.open_batches import Batch, OpenBatches, out_of_time
from hooktrace.usecases.prepare_requests import PrepareRequests

ROUNDS = 6
KEPT_ATTEMPTS = 10
SHELVED_AT_ONCE = 5


class ClaimAttempts:
    """The first half of the deliver room; see `claim`."""

    def __init__(
        self,
        *,
        batches: OpenBatches,
        requests: PrepareRequests,
        ledger: Ledger,
        shelf: AttemptShelf,
        queue: TaskQueue,
        slow_queue: TaskQueue,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._batches = batches
        self._requests = requests
        self._ledger = ledger
        self._shelf = shelf
        self._queue = queue
        self._slow_queue = slow_queue
        self._clock = clock
        self._chance = chance

    def open(self, tasks: Sequence[DeliverTaskV1], lane: LaneName, remaining_ms: int) -> Batch:
        """The batch with its answers so far: what cannot be read, or not in the time left."""
        return self._batches.run(tasks, lane, remaining_ms)

    def claim(
        self, batch: Batch, flying: Mapping[EndpointKey, int], *, patient: bool, remaining_ms: int
    ) -> dict[int, Job]:
        """Those of the waiting whose attempt is ours now; the others stay, or get their answer.

        Parts, in this order: (1) slots and permits, for endpoints with limits; (2) attempts that
        no longer fit, to the shelf; (3) the claims, or for those that our own brake holds the
        time until which it does; (4) the messages of these. After a crash between 1 and 3 a slot
        stays unused and a permit runs out with its lease; after 3 the message comes back, or the
        audit or sweep sends another.

        While the bodies of the requests under way take all the room there is, none is claimed. Who
        was admitted and found no room gives its permit back; a slot of a rate limit passes unused.
        """
        late = [(p, batch.waiting[p]) for p in out_of_time(batch, remaining_ms)]
        self._send(batch, late, "queued again: too little time is left in this run")
        if not batch.waiting or batch.is_full:
            return {}
        first: dict[DeliveryId, Job] = {}  # of duplicates one; the others look after it
        free = {
            position: job
            for position, job in batch.waiting.items()
            if first.setdefault(job.delivery_id, job) is job and self._is_free(job)
        }
        try:
            batch.brake.plan(free.values(), lane=batch.lane, flying=flying, patient=patient)
        except Unavailable as error:
            for position, job in free.items():
                batch.answer(position, PutBack(job.delivery_id, str(error)))
        settled = {
            p: job
            for p, job in batch.waiting.items()
            if first[job.delivery_id] is job and (p not in free or job.plan is not None)
        }
        claimed, waits = self._write(batch, settled)
        for position in claimed:
            batch.waiting.pop(position)
        unclaimed = [job for position, job in settled.items() if position not in claimed]
        self._return_permits(batch.brake, unclaimed)
        self._send(batch, waits, None)
        for job in batch.waiting.values():
            job.record = first[job.delivery_id].record
        return claimed

    def _write(
        self, batch: Batch, jobs: Mapping[int, Job]
    ) -> tuple[dict[int, Job], list[tuple[int, Job]]]:
        """Writes what each job calls for, again after each loss: the claimed, and who waits."""
        claimed: dict[int, Job] = {}
        waits: list[tuple[int, Job]] = []
        open_jobs = dict(jobs)
        for _ in range(ROUNDS):
            writes: dict[int, Write] = {}
            for position, job in open_jobs.items():
                if batch.is_full and isinstance(job.plan, Go):
                    continue  # it stays until others have landed
                decision = self._decide(job)
                batch.held_bytes += job.body_bytes
                if isinstance(decision, Write):
                    writes[position] = decision
                elif isinstance(decision, Wait):
                    waits.append((position, job))
                else:
                    batch.landed(job)
                    batch.answer(position, decision)
            results = self._ledger.write(list(writes.values())) if writes else []
            open_jobs = {}
            for (position, write), result in zip(writes.items(), results, strict=True):
                if isinstance(result, Failed):
                    batch.landed(jobs[position])
                    batch.answer(position, PutBack(jobs[position].delivery_id, result.why))
                elif isinstance(result, Lost):
                    batch.landed(jobs[position])
                    self._look_again(jobs[position], result)
                    open_jobs[position] = jobs[position]
                else:
                    _written(batch, position, jobs[position], write, claimed, waits)
            if not open_jobs:
                break
        for position, job in open_jobs.items():
            batch.answer(position, PutBack(job.delivery_id, "the record keeps changing"))
        return claimed, waits

    def _look_again(self, job: Job, lost: Lost) -> None:
        """Takes the record that stands there; one that vanished is born anew."""
        current = lost.current
        if not isinstance(current, DeliveryRecord):
            current = self._batches.unborn(job.task)
        job.record = current

    def _is_free(self, job: Job) -> bool:
        """Whether the job may begin, as far as its own delivery is concerned."""
        if job.endpoint is None or self._stop(job) is not None:
            return False
        now_ms = self._clock.now_ms()
        return refusal(job.record, attempt=job.task.attempt, now_ms=now_ms) is None

    def _stop(self, job: Job) -> str | None:
        """Why no further attempt may be made, if so."""
        stop = stop_reason(job.endpoint)
        if stop == "endpoint_disabled" and job.record.forced:
            stop = None
        stop = stop or job.record.cancel_reason
        if stop is None and self._clock.now_ms() >= job.over_ms:
            stop = RETENTION_OVER
        wait_ms = job.plan.until_ms if isinstance(job.plan, Wait) else None
        if stop is None and wait_ms is not None and wait_ms >= job.over_ms:
            stop = RETENTION_OVER
        return stop

    def _decide(self, job: Job) -> Write | Wait | Done:
        """The write that this message calls for, or its answer when it calls for none."""
        record, now_ms, token = job.record, self._clock.now_ms(), self._chance.token()
        before = record if record.version else None
        if record.status in DELIVERY_ENDS:
            closed = end_without_attempt(record, "over", now_ms=now_ms, token=token)
            if closed is not None:
                return Write(closed, before)
            refused = refusal(record, attempt=job.task.attempt, now_ms=now_ms)
            assert refused is not None
            return self._answer(job, refused, now_ms)
        if (stop := self._stop(job)) is not None or job.endpoint is None:
            ended = end_without_attempt(
                record,
                stop or "endpoint_deleted",
                now_ms=now_ms,
                token=token,
            )
            in_flight = ended is not None and ended.status not in DELIVERY_ENDS
            if ended is None or (record.cancel_reason and in_flight):
                return Settled(job.delivery_id, "over")
            return Write(ended, before)
        refused = refusal(record, attempt=job.task.attempt, now_ms=now_ms)
        if refused is not None:
            return self._answer(job, refused, now_ms)
        if isinstance(job.plan, Wait):
            if record.waiting_for == job.plan.why == "slow_lane":
                return job.plan
            return Write(hold(record, job.plan, now_ms=now_ms, token=token), before)
        if job.plan is None:  # it was not free when the brake was asked
            return PutBack(job.delivery_id, "the record has changed")
        return self._begin(job, job.plan, before, now_ms, token)

    def _answer(self, job: Job, refused: Refusal, now_ms: int) -> Done:
        if isinstance(refused, Busy):
            return PutBack(job.delivery_id, "another worker holds the lease")
        if isinstance(refused, Over):
            return Settled(job.delivery_id, "over")
        try:
            queue_next([(job.task, job.record)], self._queue, now_ms)
        except Unavailable as error:
            return PutBack(job.delivery_id, str(error))
        return Settled(job.delivery_id, "queued for its time")

    def _begin(
        self, job: Job, go: Go, before: DeliveryRecord | None, now_ms: int, token: str
    ) -> Write | Done:
        assert job.endpoint is not None
        record = claim(
            job.record,
            start_ms=max(go.start_ms, now_ms),
            now_ms=now_ms,
            lease_ms=lease_ms(job.endpoint),
            url=job.endpoint.url,
            token=token,
        )
        try:
            job.request = self._requests.build(job, record, job.endpoint)
            if len(record.attempts) > KEPT_ATTEMPTS:
                aside = record.attempts[:SHELVED_AT_ONCE]
                self._shelf.shelve(record, aside)
                record = replace(record, attempts=record.attempts[SHELVED_AT_ONCE:])
        except (Unavailable, InvalidInput) as error:
            return PutBack(job.delivery_id, str(error))
        return Write(record, before)

    def _return_permits(self, brake_of: Brake, jobs: Iterable[Job]) -> None:
        """What was admitted and then not claimed gives its permit back."""
        unused: dict[EndpointKey, list[str]] = {}
        for job in jobs:
            if isinstance(job.plan, Go):
                if job.plan.permit is not None:
                    unused.setdefault(job.key, []).append(job.plan.permit)
                job.plan = None
        for key, tokens in unused.items():
            brake_of.settle(key, brake.Over(tuple(tokens)))

    def _send(self, batch: Batch, jobs: Sequence[tuple[int, Job]], why: str | None) -> None:
        """Queues the messages of those that wait, on their endpoint's lane."""
        now_ms = self._clock.now_ms()
        lanes: dict[bool, list[tuple[DeliverTaskV1, int]]] = {False: [], True: []}
        for _, job in jobs:
            wait = job.plan if isinstance(job.plan, Wait) else None
            delay = queue_delay(job.record, now_ms) if wait else 0
            if delay > QUEUE_DELAY_MAX_SECONDS:
                continue  # listed in `due`
            waits = job.task.waits + 1 if wait and wait.why == "concurrency" else 0
            task = replace(job.task, attempt=next_number(job.record), waits=waits)
            lanes[batch.brake.is_slow(job.key)].append((task, delay))
        try:
            for slow, sends in lanes.items():
                if sends:
                    (self._slow_queue if slow else self._queue).send(sends)
        except Unavailable as error:
            for position, job in jobs:
                batch.answer(position, PutBack(job.delivery_id, str(error)))
            return
        for position, job in jobs:
            told = f"waits: {job.plan.why}" if isinstance(job.plan, Wait) else why
            batch.answer(position, Settled(job.delivery_id, told or "queued again"))


def _written(
    batch: Batch,
    position: int,
    job: Job,
    write: Write,
    claimed: dict[int, Job],
    waits: list[tuple[int, Job]],
) -> None:
    """Where a job goes whose write was made: to its attempt, into the queue, or home."""
    assert isinstance(write.after, DeliveryRecord)
    job.record = write.after
    if job.record.status in DELIVERY_ENDS or job.record.cancel_reason:
        batch.answer(position, Settled(job.delivery_id, job.record.reason or "ended"))
    elif job.request is not None:
        claimed[position] = job
    else:
        waits.append((position, job))
