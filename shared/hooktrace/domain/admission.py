"""Which of the messages for one endpoint may begin now, by its rate limit and concurrency. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from hooktrace.domain.registry import RateLimit
from hooktrace.domain.traffic import (
    Permit,
    Traffic,
    at_the_end_us,
    earliest_us,
    first_freed_ms,
    interval_us,
    under_limit,
)

WaitingFor = Literal["rate_limit", "concurrency", "slow_lane"]

AHEAD_MS = 1_500
"""A time this near is waited for by the worker itself; farther ones wait in a queue."""
CONCURRENCY_WAIT_MAX_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Ask:
    """A message that could begin its attempt now.

    `reserved_ms` is the time it was given at `reserved_at_ms`, if any; `waits` counts how often
    in a row it found no permit; `lease_ms` bounds its attempt; `chance` in [0, 1) is for jitter.
    """

    lease_ms: int
    reserved_ms: int | None = None
    reserved_at_ms: int = 0
    waits: int = 0
    chance: float = 0.5


@dataclass(frozen=True, slots=True)
class Go:
    """Begin at `start_ms`, at most `AHEAD_MS` from now; `permit` must be given back."""

    start_ms: int
    permit: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Come back at `until_ms`."""

    why: WaitingFor
    until_ms: int


@dataclass(frozen=True, slots=True)
class Held:
    """Stay with this worker: one of its requests to the endpoint will be over soon."""


Admission = Go | Wait | Held


@dataclass(slots=True)
class _Admitting:
    """One round of asks on its way."""

    traffic: Traffic
    rate: RateLimit | None
    concurrency: int | None
    room: int
    flying: int
    patient: bool
    now_ms: int
    token: str
    granted: list[int] = field(default_factory=list)

    def answer(self, ask: Ask) -> Admission:
        queued = self._is_queued(ask)
        if queued and (ask.reserved_ms or 0) > self.now_ms + AHEAD_MS:
            return Wait("rate_limit", ask.reserved_ms or 0)
        freed = None if queued else self._freed()
        start_us = self._start_us(ask, queued) if freed is None else freed * 1000
        if start_us > (self.now_ms + AHEAD_MS) * 1000:
            return self._queue()
        free = self._free_permits()
        if len(self.granted) >= self.room or free == 0:
            if free is None or (self.patient and (self.flying or self.granted)):
                return Held()
            return Wait("concurrency", self.now_ms + _concurrency_wait_ms(ask))
        self._take(freed)
        self._use(start_us, queued or freed is not None)
        start_ms = -(-start_us // 1000)
        self.granted.append(start_ms + ask.lease_ms)
        return Go(start_ms, self.token if self.concurrency is not None else None)

    def _is_queued(self, ask: Ask) -> bool:
        """Whether the ask was given its time under the limit as it is now."""
        return (
            self.rate is not None
            and ask.reserved_ms is not None
            and ask.reserved_at_ms >= self.traffic.limit_since_ms
        )

    def _start_us(self, ask: Ask, queued: bool) -> int:
        if self.rate is None:
            return self.now_ms * 1000
        if queued and ask.reserved_ms is not None:
            earliest = earliest_us(self.traffic, self.rate, self.now_ms)
            return max(earliest, ask.reserved_ms * 1000)
        return at_the_end_us(self.traffic, self.rate, self.now_ms)

    def _freed(self) -> int | None:
        return None if self.rate is None else first_freed_ms(self.traffic, self.rate, self.now_ms)

    def _take(self, freed: int | None) -> None:
        if freed is not None:
            left = tuple(at for at in self.traffic.freed_ms if at != freed)
            self.traffic = replace(self.traffic, freed_ms=left)

    def _queue(self) -> Wait:
        assert self.rate is not None
        if (freed := self._freed()) is not None:
            self._take(freed)
            return Wait("rate_limit", freed)
        slot_us = at_the_end_us(self.traffic, self.rate, self.now_ms)
        free = max(self.traffic.free_us, slot_us) + interval_us(self.rate)
        self.traffic = replace(self.traffic, free_us=free)
        return Wait("rate_limit", -(-slot_us // 1000))

    def _use(self, start_us: int, queued: bool) -> None:
        if self.rate is None:
            return
        step, free = interval_us(self.rate), self.traffic.free_us
        self.traffic = replace(
            self.traffic,
            used_us=max(self.traffic.used_us, start_us) + step,
            free_us=free if queued else max(free, start_us) + step,
        )

    def _free_permits(self) -> int | None:
        if self.concurrency is None:
            return None
        taken = self.traffic.in_flight(self.now_ms) + len(self.granted)
        return max(0, self.concurrency - taken)


def admit(
    traffic: Traffic,
    asks: Sequence[Ask],
    *,
    rate: RateLimit | None,
    concurrency: int | None,
    share: int,
    flying: int,
    patient: bool,
    now_ms: int,
    token: str,
) -> tuple[Traffic, list[Admission]]:
    """What each ask may do, in their order, and the traffic with what was given out.

    This worker may have `share` requests to the endpoint under way and has `flying`; while it is
    `patient`, others stay with it until one of them ends. Those who were given a time before
    come first. Nobody waits for the limit without being given a time.
    """
    if rate is not None:
        traffic = under_limit(traffic, rate, now_ms)
    state = _Admitting(traffic, rate, concurrency, share - flying, flying, patient, now_ms, token)
    order = sorted(range(len(asks)), key=lambda n: (asks[n].reserved_ms is None, n))
    answers: dict[int, Admission] = {number: state.answer(asks[number]) for number in order}
    after = state.traffic
    if state.granted and concurrency is not None:
        permit = Permit(token, len(state.granted), max(state.granted))
        after = replace(after, permits=(*after.permits, permit))
    return after, [answers[number] for number in range(len(asks))]


def _concurrency_wait_ms(ask: Ask) -> int:
    """Longer with each wait in a row, at most half a minute, with jitter over its upper half."""
    longest = min(2.0 ** min(ask.waits, 10), CONCURRENCY_WAIT_MAX_SECONDS)
    return round(max(1.0, longest * (0.5 + ask.chance / 2)) * 1000)
