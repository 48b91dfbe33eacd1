"""However messages come, late, early or twice: no window and no moment holds more than it may."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from hooktrace.domain.admission import AHEAD_MS, Ask, Go, Wait, admit
from hooktrace.domain.registry import RateLimit
from hooktrace.domain.traffic import (
    Traffic,
    burst,
    give_back,
    grace_ms,
    interval_us,
    return_turns,
)

RATES = st.builds(RateLimit, st.integers(1, 300), st.integers(1, 30))


@dataclass
class Fleet:
    """Messages of one endpoint, workers that take batches of them, and what the wire sees."""

    seed: int
    rate: RateLimit | None
    concurrency: int | None
    lateness_ms: int
    messages: int
    cancels: float = 0.0
    cancelled: int = 0
    traffic: Traffic = field(default_factory=Traffic)
    starts: list[int] = field(default_factory=list)
    most: int = 0

    def run(self) -> None:
        chance = random.Random(self.seed)
        queue = [(chance.randrange(2_000), n, Ask(5_000)) for n in range(self.messages)]
        heapq.heapify(queue)
        ends: list[tuple[int, str]] = []
        now = number = 0
        while queue:
            number += 1
            assert number < 200 * self.messages, "they never get through"
            now = max(now, queue[0][0])
            while ends and ends[0][0] <= now:
                _, token = heapq.heappop(ends)
                self.traffic = give_back(self.traffic, [token])
            ready = [entry for entry in queue if entry[0] <= now][:10]
            asks = [replace(entry[2], chance=chance.random()) for entry in ready]
            self.traffic, answers = admit(
                self.traffic,
                asks,
                rate=self.rate,
                concurrency=self.concurrency,
                share=5,
                flying=0,
                patient=False,
                now_ms=now,
                token=f"t{number}",
            )
            for entry, ask, answer in zip(ready, asks, answers, strict=True):
                queue.remove(entry)
                if isinstance(answer, Go):
                    assert now <= answer.start_ms <= now + AHEAD_MS
                    late = chance.randrange(grace_ms(self.rate)) if self.rate else 0
                    self.starts.append(answer.start_ms + late)
                    if answer.permit is not None:
                        end = answer.start_ms + late + chance.randrange(1, 3_000)
                        heapq.heappush(ends, (end, answer.permit))
                        self.most = max(self.most, len(ends))
                elif isinstance(answer, Wait) and chance.random() < self.cancels:
                    self.cancelled += 1
                    if answer.why == "rate_limit":
                        turn = (answer.until_ms, now)
                        self.traffic = return_turns(self.traffic, [turn], now)
                elif isinstance(answer, Wait):
                    waits = ask.waits + 1 if answer.why == "concurrency" else 0
                    come = max(now, answer.until_ms - 1_000) + chance.randrange(
                        self.lateness_ms + 1
                    )
                    again = replace(
                        ask, reserved_ms=answer.until_ms, reserved_at_ms=now, waits=waits
                    )
                    queue.append((come, entry[1], again))
                else:
                    queue.append((now + 50, entry[1], ask))
            heapq.heapify(queue)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), RATES, st.integers(0, 5_000), st.integers(1, 60))
def test_fc_38_no_window_holds_more_than_the_limit(
    seed: int, rate: RateLimit, lateness_ms: int, messages: int
) -> None:
    fleet = Fleet(seed, rate, None, lateness_ms, messages)
    fleet.run()
    assert len(fleet.starts) == messages
    starts = sorted(fleet.starts)
    for first, beyond in zip(starts, starts[rate.requests :], strict=False):
        assert beyond - first >= rate.seconds * 1000


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), RATES, st.integers(0, 5_000), st.integers(1, 60), st.floats(0, 0.9))
def test_turns_that_come_back_break_no_limit(
    seed: int, rate: RateLimit, lateness_ms: int, messages: int, cancels: float
) -> None:
    fleet = Fleet(seed, rate, None, lateness_ms, messages, cancels)
    fleet.run()
    assert len(fleet.starts) + fleet.cancelled == messages
    starts = sorted(fleet.starts)
    for first, beyond in zip(starts, starts[rate.requests :], strict=False):
        assert beyond - first >= rate.seconds * 1000


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.none() | RATES, st.integers(1, 5), st.integers(1, 60))
def test_never_more_requests_at_once_than_permits(
    seed: int, rate: RateLimit | None, concurrency: int, messages: int
) -> None:
    fleet = Fleet(seed, rate, concurrency, 1_000, messages)
    fleet.run()
    assert len(fleet.starts) == messages
    assert fleet.most <= concurrency


@given(RATES)
def test_the_limit_is_used_well(rate: RateLimit) -> None:
    """A tenth is kept for bursts and a tenth for lateness: four fifths and more come through."""
    in_a_window = rate.seconds * 1_000_000 / interval_us(rate)
    assert in_a_window >= 0.8 * rate.requests - burst(rate)
    assert in_a_window + burst(rate) <= rate.requests + 1
