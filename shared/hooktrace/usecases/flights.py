"""Requests under way: each begins at its time, and none waits for a slow one to be recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait

from hooktrace.domain.attempts import SendResult
from hooktrace.domain.traffic import SLOW_AFTER_MS
from hooktrace.endpoint_ports import EndpointKey
from hooktrace.ports import Clock, Sender
from hooktrace.usecases.delivery_jobs import Job

FLUSH_SECONDS = 0.02
LOOK_SECONDS = 0.25
"""The longest wait at once: a clock that steps must not make it longer."""


class Flights:
    """The requests of one batch. The pool has a thread for each message of it."""

    def __init__(
        self, *, sender: Sender, pool: Executor, clock: Clock, pause: Callable[[float], None]
    ) -> None:
        self._sender = sender
        self._pool = pool
        self._clock = clock
        self._pause = pause
        self._keys: Counter[EndpointKey] = Counter()
        self._to_begin: list[tuple[int, int, Job]] = []
        self._begun: dict[Future[SendResult], tuple[int, Job, int]] = {}
        self._hanging: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._to_begin or self._begun)

    def count(self) -> Counter[EndpointKey]:
        """Requests under way, or about to begin, by endpoint."""
        return +self._keys

    def add(self, position: int, job: Job) -> None:
        """Begins the job's request, at once or when its attempt says."""
        self._keys[job.key] += 1
        start_ms = job.record.attempts[-1].started_ms
        if start_ms <= self._clock.now_ms():
            self._begin(position, job)
        else:
            self._to_begin.append((start_ms, position, job))
            self._to_begin.sort(key=lambda entry: entry[:2])

    def _begin(self, position: int, job: Job) -> None:
        assert job.request is not None
        begun_ms = self._clock.now_ms()
        future = self._pool.submit(self._sender.send, job.request)
        self._begun[future] = position, job, begun_ms

    def _begin_due(self) -> None:
        now_ms = self._clock.now_ms()
        while self._to_begin and self._to_begin[0][0] <= now_ms:
            _, position, job = self._to_begin.pop(0)
            self._begin(position, job)

    def landed(self) -> dict[int, SendResult | Exception]:
        """Results by position, as soon as there are some; or none, to look at the clock again.

        An exception is a fault of ours in one request; it must not cost the others their results.
        """
        self._begin_due()
        seconds = self._seconds_to_the_next()
        if not self._begun:
            self._pause(seconds)
            return {}
        done, flying = wait(self._begun, timeout=seconds, return_when=FIRST_COMPLETED)
        if done and flying:
            more, _ = wait(flying, timeout=FLUSH_SECONDS)
            done |= more
        results: dict[int, SendResult | Exception] = {}
        for future in [one for one in self._begun if one in done]:  # in the order of their begin
            position, job, _ = self._begun.pop(future)
            self._keys[job.key] -= 1
            error = future.exception()
            results[position] = error if isinstance(error, Exception) else future.result()
        return results

    def _seconds_to_the_next(self) -> float:
        """Until a request is to begin, or one will have hung for long enough to say so."""
        now_ms = self._clock.now_ms()
        times = [
            begun + SLOW_AFTER_MS
            for position, _, begun in self._begun.values()
            if position not in self._hanging
        ]
        times += [start for start, _, _ in self._to_begin[:1]]
        seconds = (min(times) - now_ms) / 1000 if times else LOOK_SECONDS
        return min(max(seconds, 0.001), LOOK_SECONDS)

    def hanging(self) -> set[EndpointKey]:
        """Endpoints with a request that has hung for long enough, each request told once."""
        now_ms = self._clock.now_ms()
        found = {
            position: job.key
            for position, job, begun in self._begun.values()
            if now_ms - begun >= SLOW_AFTER_MS and position not in self._hanging
        }
        self._hanging |= found.keys()
        return set(found.values())
