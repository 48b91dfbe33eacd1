"""The brake of one endpoint: rate limit, concurrency, and the lane it is on. Pure.

**Rate limit**: the generic cell rate algorithm (ITU-T I.371), twice. By `used_us`, the theoretical
arrival time of requests that began, each one is let through or not. `free_us` is the same for
those that were given a time to come: the end of the queue. Whose time has come goes as soon as
`used_us` lets it, early or late; who finds the place taken queues anew. With n requests in s
seconds and a burst b = max(1, n // 10), requests begin (s + grace) / (n - b + 1) apart once a burst
is used up. The grace is for the way from this decision to the wire: no window of s seconds
holds more than n.

**Concurrency**: permits that run out with the lease of their attempts. A worker that dies
returns none, and none is lost for longer than that.

**Lane**: an endpoint that hangs is slow until enough fast answers came after its last hang, or
nothing was heard of it for a while.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from hooktrace.domain.registry import RateLimit

WaitingFor = Literal["rate_limit", "concurrency", "slow_lane"]

AHEAD_MS = 1_500
"""A time this near is waited for by the worker itself; farther ones wait in a queue."""
GRACE_SHARE, GRACE_MAX_MS = 0.1, 2_000
CONCURRENCY_WAIT_MAX_SECONDS = 30.0
SLOW_AFTER_MS = 2_000
"""An attempt that is still under way after this long makes its endpoint slow."""
FAST_MS = 1_000
"""An answer within this speaks for the endpoint."""
FAST_ANSWERS = 3
"""So many fast answers, begun after the last hang, bring it back."""
SLOW_FOR_MS = 10 * 60_000
MARK_AGAIN_MS = 30_000
KEPT_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Permit:
    """`count` requests that one worker may have under way until `until_ms`."""

    token: str
    count: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is known about the traffic to one endpoint. Version 0: nothing is stored.

    `limit` is the rate limit that times were given under, since `limit_since_ms`;
    `hung_ms` the last hang of an endpoint that is slow, `fast_answers` those seen after it.
    """

    version: int = 0
    limit: RateLimit | None = None
    limit_since_ms: int = 0
    free_us: int = 0
    used_us: int = 0
    permits: tuple[Permit, ...] = ()
    slow_until_ms: int = 0
    hung_ms: int = 0
    fast_answers: int = 0
    expires_s: int = 0
    write_token: str = ""

    def is_slow(self, now_ms: int) -> bool:
        """Whether the endpoint is on the slow lane."""
        return now_ms < self.slow_until_ms

    def in_flight(self, now_ms: int) -> int:
        """Requests under way, as permits say; endpoints without a limit take none."""
        return sum(permit.count for permit in self.permits if permit.until_ms > now_ms)

    def next_slot_ms(self, rate: RateLimit, now_ms: int) -> int:
        """When a request that came now could begin, by the rate limit alone."""
        return _at_the_end_us(_under(self, rate, now_ms), rate, now_ms) // 1000

    def written(self, *, now_ms: int, token: str) -> Traffic:
        """This as the next version. It is kept for a day beyond its last use."""
        latest_ms = max(now_ms, self.free_us // 1000, self.slow_until_ms)
        return replace(
            self,
            version=self.version + 1,
            permits=tuple(p for p in self.permits if p.until_ms > now_ms),
            expires_s=latest_ms // 1000 + KEPT_SECONDS,
            write_token=token,
        )


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


def grace_ms(rate: RateLimit) -> int:
    """How much later than decided an attempt may begin without breaking the limit."""
    return min(round(rate.seconds * 1000 * GRACE_SHARE), GRACE_MAX_MS)


def burst(rate: RateLimit) -> int:
    """How many may go at once after a pause."""
    return max(1, rate.requests // 10)


def interval_us(rate: RateLimit) -> int:
    """Microseconds between slots once a burst is used up."""
    span = (rate.seconds * 1000 + grace_ms(rate)) * 1000
    return -(-span // (rate.requests - burst(rate) + 1))


def _burst_us(rate: RateLimit) -> int:
    return (burst(rate) - 1) * interval_us(rate)


def _earliest_us(traffic: Traffic, rate: RateLimit, now_ms: int) -> int:
    """When the limit lets the next request begin."""
    return max(now_ms * 1000, traffic.used_us - _burst_us(rate))


def _at_the_end_us(traffic: Traffic, rate: RateLimit, now_ms: int) -> int:
    """When a request may begin that queues now."""
    return max(_earliest_us(traffic, rate, now_ms), traffic.free_us - _burst_us(rate))


def _under(traffic: Traffic, rate: RateLimit, now_ms: int) -> Traffic:
    """Times given under another limit count no more; what began under it does."""
    if traffic.limit == rate:
        return traffic
    now_us, used = now_ms * 1000, traffic.used_us
    if traffic.limit is not None:
        used += interval_us(rate) - interval_us(traffic.limit)
    used = min(max(used, now_us), now_us + interval_us(rate) * burst(rate))
    return replace(traffic, limit=rate, limit_since_ms=now_ms, free_us=used, used_us=used)


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
        start_us = self._start_us(ask, queued)
        if start_us > (self.now_ms + AHEAD_MS) * 1000:
            return self._queue()
        free = self._free_permits()
        if len(self.granted) >= self.room or free == 0:
            if free is None or (self.patient and (self.flying or self.granted)):
                return Held()
            return Wait("concurrency", self.now_ms + _concurrency_wait_ms(ask))
        self._use(start_us, queued)
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
            earliest = _earliest_us(self.traffic, self.rate, self.now_ms)
            return max(earliest, ask.reserved_ms * 1000)
        return _at_the_end_us(self.traffic, self.rate, self.now_ms)

    def _queue(self) -> Wait:
        assert self.rate is not None
        slot_us = _at_the_end_us(self.traffic, self.rate, self.now_ms)
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
        traffic = _under(traffic, rate, now_ms)
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


def give_back(traffic: Traffic, tokens: Iterable[str]) -> Traffic:
    """The traffic with one request less for each of the tokens (one may stand there twice)."""
    back = list(tokens)
    left = [replace(p, count=p.count - back.count(p.token)) for p in traffic.permits]
    return replace(traffic, permits=tuple(p for p in left if p.count > 0))


def mark_hung(traffic: Traffic, now_ms: int) -> Traffic:
    """The traffic of an endpoint that hangs; the same object when that is known well enough."""
    known = traffic.is_slow(now_ms) and now_ms - traffic.hung_ms < MARK_AGAIN_MS
    if known and not traffic.fast_answers:
        return traffic
    return replace(traffic, hung_ms=now_ms, slow_until_ms=now_ms + SLOW_FOR_MS, fast_answers=0)


def note_fast(traffic: Traffic, begun_ms: Sequence[int], now_ms: int) -> Traffic:
    """The traffic after fast answers to attempts begun then; the same object if none counts."""
    if not traffic.is_slow(now_ms):
        return traffic
    count = traffic.fast_answers + sum(begun > traffic.hung_ms for begun in begun_ms)
    if count == traffic.fast_answers:
        return traffic
    if count >= FAST_ANSWERS:
        return replace(traffic, slow_until_ms=0, hung_ms=0, fast_answers=0)
    return replace(traffic, fast_answers=count)
