"""What our own brake says to the messages of one batch: begin, wait, or stay with the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from hooktrace.domain.admission import Admission, Ask, Go, Held, Wait, admit
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.registry import Endpoint
from hooktrace.domain.traffic import Traffic, give_back, mark_hung, note_fast
from hooktrace.endpoint_ports import EndpointKey, TrafficStore
from hooktrace.ports import Chance, Clock
from hooktrace.usecases.delivery_jobs import Job

T = TypeVar("T")
LaneName = Literal["fast", "slow"]

SHARE: dict[LaneName, int] = {"fast": 5, "slow": 100}
"""Requests to one endpoint that a worker has under way: on the fast lane half of a batch."""
LEASE_MARGIN_MS = 10_000
ROUNDS = 8
PAUSE_SECONDS = 0.005
BUSY_WAIT_MS = 1_000


def is_limited(endpoint: Endpoint) -> bool:
    """Whether attempts to this endpoint must ask before they begin."""
    return endpoint.rate_limit is not None or endpoint.concurrency is not None


def lease_ms(endpoint: Endpoint) -> int:
    """How long an attempt may be under way before its worker counts as dead."""
    return endpoint.timeout_seconds * 1000 + LEASE_MARGIN_MS


@dataclass(frozen=True, slots=True)
class Over:
    """What is over: permits to give back, and what the answers say about the endpoint.

    `fast_begun_ms` are the beginnings of attempts that were answered fast.
    """

    tokens: tuple[str, ...] = ()
    hung: bool = False
    fast_begun_ms: tuple[int, ...] = ()


class Brake:
    """The traffic of a batch's endpoints, as last seen, and changes to it.

    Endpoints without limits that are not slow are read, once a batch, and never written. A
    change is a conditional write; the loser decides again on what stands there. A crash after
    one costs a slot nobody uses, or a permit until its lease is over.
    """

    def __init__(
        self,
        *,
        store: TrafficStore,
        clock: Clock,
        chance: Chance,
        pause: Callable[[float], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._chance = chance
        self._pause = pause
        self._known: dict[EndpointKey, Traffic] = {}

    def look(self, keys: Iterable[EndpointKey]) -> None:
        """Reads the traffic of the endpoints. Raises Unavailable."""
        self._known = self._store.read(keys)

    def is_slow(self, key: EndpointKey) -> bool:
        """Whether the endpoint is on the slow lane, as far as this worker knows."""
        return self._known.get(key, Traffic()).is_slow(self._clock.now_ms())

    def plan(
        self,
        jobs: Iterable[Job],
        *,
        lane: LaneName,
        flying: Mapping[EndpointKey, int],
        patient: bool,
    ) -> None:
        """Gives each job its plan; who stays with the worker has none yet.

        `flying` counts this worker's own requests under way. Raises Unavailable.
        """
        by_endpoint: dict[EndpointKey, list[Job]] = {}
        for job in jobs:
            by_endpoint.setdefault(job.key, []).append(job)
        now_ms = self._clock.now_ms()
        for key, group in by_endpoint.items():
            endpoint = group[0].endpoint
            assert endpoint is not None
            mine = flying.get(key, 0)
            if lane == "fast" and self.is_slow(key):
                for job in group:
                    job.plan = Wait("slow_lane", now_ms)
            elif is_limited(endpoint):
                self._admit(group, endpoint, SHARE[lane], mine, patient)
            else:
                for job in group[: max(0, SHARE[lane] - mine)]:
                    job.plan = Go(now_ms)

    def _admit(
        self, group: list[Job], endpoint: Endpoint, share: int, flying: int, patient: bool
    ) -> None:
        asks = [self._ask(job, endpoint) for job in group]
        token = self._chance.token()

        def decide(traffic: Traffic) -> tuple[Traffic, list[Admission]]:
            return admit(
                traffic,
                asks,
                rate=endpoint.rate_limit,
                concurrency=endpoint.concurrency,
                share=share,
                flying=flying,
                patient=patient,
                now_ms=self._clock.now_ms(),
                token=token,
            )

        answers = self._change(group[0].key, decide)
        if answers is None:  # so many workers at once: it is the same as too many requests
            until = self._clock.now_ms() + round(BUSY_WAIT_MS * (1 + self._chance.fraction()))
            answers = [Wait("concurrency", until)] * len(group)
        for job, answer in zip(group, answers, strict=True):
            job.plan = None if isinstance(answer, Held) else answer

    def _ask(self, job: Job, endpoint: Endpoint) -> Ask:
        has_time = job.record.waiting_for in {"rate_limit", "concurrency"}
        return Ask(
            lease_ms=lease_ms(endpoint),
            reserved_ms=job.record.next_attempt_ms if has_time else None,
            reserved_at_ms=job.record.updated_ms,
            waits=job.task.waits,
            chance=self._chance.fraction(),
        )

    def settle(self, key: EndpointKey, over: Over) -> None:
        """Gives permits back and notes how the endpoint answered.

        When the store does not answer, permits run out with their lease, and the next hang marks
        the endpoint.
        """
        now_ms = self._clock.now_ms()

        def decide(traffic: Traffic) -> tuple[Traffic, bool]:
            after = give_back(traffic, over.tokens) if over.tokens else traffic
            if over.hung:
                return mark_hung(after, now_ms), True
            return note_fast(after, over.fast_begun_ms, now_ms), True

        try:
            self._change(key, decide)
        except Unavailable:
            return

    def _change(self, key: EndpointKey, decide: Callable[[Traffic], tuple[Traffic, T]]) -> T | None:
        """Decides, and writes what changed; None when others wrote first each time."""
        for number in range(ROUNDS):
            before = self._known.get(key, Traffic())
            after, answer = decide(before)
            if after == before:
                return answer
            written = after.written(now_ms=self._clock.now_ms(), token=self._chance.token())
            current = self._store.replace(key, written, before=before)
            self._known[key] = written if current is None else current
            if current is None:
                return answer
            self._pause(self._chance.fraction() * PAUSE_SECONDS * 2**number)
        return None
