"""The brake of one endpoint: rate limit, concurrency, and the lane it is on. Pure.

**Rate limit**: the generic cell rate algorithm (ITU-T I.371), twice. By `used_us`, the theoretical
arrival time of requests that began, each one is let through or not. `free_us` is the same for
those that were given a time to come: the end of the queue. Whose time has come goes as soon as
`used_us` lets it, early or late; who finds the place taken queues anew. Times that were given back
go to the next who queue. With n requests in s
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
from dataclasses import dataclass, replace

from hooktrace.domain.registry import RateLimit

GRACE_SHARE, GRACE_MAX_MS = 0.1, 2_000
SLOW_AFTER_MS = 2_000
"""An attempt that is still under way after this long makes its endpoint slow."""
FAST_MS = 1_000
"""An answer within this speaks for the endpoint."""
FAST_ANSWERS = 3
"""So many fast answers, begun after the last hang, bring it back."""
SLOW_FOR_MS = 10 * 60_000
MARK_AGAIN_MS = 30_000
KEPT_SECONDS = 86_400
MAX_FREED = 20
"""So many times given back are remembered, the earliest, so that the item stays small."""


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
    `freed_ms` those of them that were given back, in order; `hung_ms` the last hang of an
    endpoint that is slow, `fast_answers` those seen after it.
    """

    version: int = 0
    limit: RateLimit | None = None
    limit_since_ms: int = 0
    free_us: int = 0
    used_us: int = 0
    freed_ms: tuple[int, ...] = ()
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
        traffic = under_limit(self, rate, now_ms)
        freed = first_freed_ms(traffic, rate, now_ms)
        return at_the_end_us(traffic, rate, now_ms) // 1000 if freed is None else freed

    def written(self, *, now_ms: int, token: str) -> Traffic:
        """This as the next version. It is kept for a day beyond its last use."""
        latest_ms = max(now_ms, self.free_us // 1000, self.slow_until_ms)
        return replace(
            self,
            version=self.version + 1,
            freed_ms=tuple(at for at in self.freed_ms if at > now_ms),
            permits=tuple(p for p in self.permits if p.until_ms > now_ms),
            expires_s=latest_ms // 1000 + KEPT_SECONDS,
            write_token=token,
        )


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


def earliest_us(traffic: Traffic, rate: RateLimit, now_ms: int) -> int:
    """When the limit lets the next request begin."""
    return max(now_ms * 1000, traffic.used_us - _burst_us(rate))


def at_the_end_us(traffic: Traffic, rate: RateLimit, now_ms: int) -> int:
    """When a request may begin that queues now."""
    return max(earliest_us(traffic, rate, now_ms), traffic.free_us - _burst_us(rate))


def first_freed_ms(traffic: Traffic, rate: RateLimit, now_ms: int) -> int | None:
    """The earliest time given back that can still be kept."""
    earliest = earliest_us(traffic, rate, now_ms)
    return next((at for at in traffic.freed_ms if at * 1000 >= earliest), None)


def under_limit(traffic: Traffic, rate: RateLimit, now_ms: int) -> Traffic:
    """Times given under another limit count no more; what began under it does."""
    if traffic.limit == rate:
        return traffic
    now_us, used = now_ms * 1000, traffic.used_us
    if traffic.limit is not None:
        used += interval_us(rate) - interval_us(traffic.limit)
    used = min(max(used, now_us), now_us + interval_us(rate) * burst(rate))
    return replace(
        traffic, limit=rate, limit_since_ms=now_ms, free_us=used, used_us=used, freed_ms=()
    )


def give_back(traffic: Traffic, tokens: Iterable[str]) -> Traffic:
    """The traffic with one request less for each of the tokens (one may stand there twice)."""
    back = list(tokens)
    left = [replace(p, count=p.count - back.count(p.token)) for p in traffic.permits]
    return replace(traffic, permits=tuple(p for p in left if p.count > 0))


def return_turns(traffic: Traffic, turns: Iterable[tuple[int, int]], now_ms: int) -> Traffic:
    """The traffic with times given back; each with the time since when its delivery had it.

    What was given under another limit, or is over, is nothing any more. Times at the end of the
    queue shorten it, those in its midst go to the next who queue.
    """
    rate, free = traffic.limit, traffic.free_us
    back = {at for at, since in turns if since >= traffic.limit_since_ms and at > now_ms}
    if rate is None or not back:
        return traffic
    freed = back.union(traffic.freed_ms)
    while (last := _last_turn_ms(free, rate)) in freed:
        freed.remove(last)
        free -= interval_us(rate)
    return replace(traffic, free_us=free, freed_ms=tuple(sorted(freed)[:MAX_FREED]))


def _last_turn_ms(free_us: int, rate: RateLimit) -> int:
    return -(-(free_us - interval_us(rate) - _burst_us(rate)) // 1000)


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
