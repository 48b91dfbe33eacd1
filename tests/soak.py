"""A soak in fake time: endpoints that misbehave, workers that die, messages lost and doubled.

    python -m tests.soak --seed 7 --events 1000

Everything but time and the network is real: the rooms' use cases, the records, the conditions.
At the end nothing may be under way, and what the traces say must be what the endpoints saw.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hooktrace.domain.attempts import AttemptOutcome, OutgoingRequest, SendResult
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.registry import Endpoint, RateLimit
from hooktrace.domain.states import DELIVERY_ENDS, EVENT_ENDS
from hooktrace.usecases.sweep import Ages
from tests.fakes import WorkerDied, answer
from tests.world import World

ENDPOINTS = 50
FAN_OUT = 5
SCHEDULE = (5, 60, 1_000)
LIMITS: dict[int, dict[str, Any]] = {
    1: {"rate_limit": RateLimit(1, 5)},
    2: {"concurrency": 1},
    3: {"rate_limit": RateLimit(20, 60), "concurrency": 2},
}
"""Of ten endpoints, by number; the others have none."""
FAILURES = (AttemptOutcome.TIMEOUT, AttemptOutcome.CONNECTION_ERROR, AttemptOutcome.DNS_ERROR)


@dataclass
class Chances:
    """How often what goes wrong."""

    fails: float = 0.3
    hangs: float = 0.3
    dies_before_sending: float = 0.01
    dies_after_sending: float = 0.02
    dies_before_the_result: float = 0.01
    message_lost: float = 0.01
    message_doubled: float = 0.05


class Soak:
    """One run; `check` raises AssertionError with what does not add up."""

    def __init__(self, seed: int, events: int, chances: Chances | None = None) -> None:
        self.random = random.Random(seed)
        self.chances = chances or Chances()
        self.world = World(seed, ages=Ages(first_seconds=180, second_seconds=1_800))
        self.requests: Counter[str] = Counter()
        self.starts: dict[str, list[int]] = {}
        self.deaths = 0
        self.endpoints = [self._endpoint(number) for number in range(ENDPOINTS)]
        self.events = events
        self.sent: list[EventRecord] = []
        self.world.table.after_write = self._maybe_die_around_a_write

    def _endpoint(self, number: int) -> Endpoint:
        world = self.world
        limits: dict[str, Any] = LIMITS.get(number % 10, {})
        url = f"http://127.0.0.1:9/{number}"
        endpoint = world.endpoint(url, retry_schedule=SCHEDULE, **limits)
        self._subscribe(endpoint, number)
        world.sender.script[endpoint.url] = [self._behaviour]
        return endpoint

    def _subscribe(self, endpoint: Endpoint, number: int) -> None:
        group = number % (ENDPOINTS // FAN_OUT)
        self.world.subscription(endpoint, event_types=(f"group.{group}",))

    def _behaviour(self, request: OutgoingRequest) -> SendResult:
        if self._happens(self.chances.dies_before_sending):
            self._die()
        self.requests[dict(request.headers)["hooktrace-delivery-id"]] += 1
        if self._happens(self.chances.dies_after_sending):
            self._die()
        if not self._happens(self.chances.fails):
            return answer(200)
        if self.random.random() < 0.5:
            return answer(self.random.choice([400, 404, 429, 500, 503]))
        outcome = self.random.choice(FAILURES)
        if outcome is AttemptOutcome.TIMEOUT and self._happens(self.chances.hangs):
            self.world.clock.advance(2.5)
        failed = answer(500, outcome=outcome, reason=f"It was a {outcome}.")
        return replace(failed, status=None)

    def _maybe_die_around_a_write(self, _: Any) -> None:
        if self._happens(self.chances.dies_before_the_result / 4):
            self._die()

    def _happens(self, chance: float) -> bool:
        return self.random.random() < chance

    def _die(self) -> None:
        self.deaths += 1
        raise WorkerDied

    def _survive(self, step: Callable[[], Any]) -> None:
        """A worker that dies takes its invocation with it, and nothing else."""
        try:
            step()
        except WorkerDied:
            return

    def _spoil_queue(self) -> None:
        for queue in (self.world.deliver_queue, self.world.slow_queue):
            for message in list(queue.messages):
                if self._happens(self.chances.message_lost / 10):
                    queue.messages.remove(message)
                elif self._happens(self.chances.message_doubled / 10):
                    queue.put(message.body)

    def run(self) -> None:
        """Ingests over time, lets the rooms work, and goes on until the schedule is over."""
        world = self.world
        groups = ENDPOINTS // FAN_OUT
        while len(self.sent) < self.events:
            for _ in range(min(20, self.events - len(self.sent))):
                kind = f"group.{self.random.randrange(groups)}"
                self._survive(lambda kind=kind: self.sent.append(world.ingest(event_type=kind)))
            self._pass(10)
        for number in range(400):
            self._pass(30)
            if number % 20 == 19 and not self._under_way():
                return

    def _under_way(self) -> bool:
        if self.world.deliver_queue.messages or self.world.slow_queue.messages:
            return True
        return any(self.world.trace(e).event.status not in EVENT_ENDS for e in self.sent)

    def _pass(self, seconds: int) -> None:
        world = self.world
        before = world.clock.ms
        world.clock.advance(seconds)
        if before // 60_000 != world.clock.ms // 60_000:
            self._survive(world.sweep)
        self._spoil_queue()
        for queue, work in (
            (world.match_queue, world.match_once),
            (world.deliver_queue, world.deliver_once),
            (world.slow_queue, world.deliver_slowly_once),
        ):
            while any(m.visible_ms <= world.clock.ms for m in queue.messages):
                self._survive(work)
        self._notify()

    def _notify(self) -> None:
        kept = list(self.world.table.stream)
        try:
            self.world.notify()
        except WorkerDied:
            self.world.table.stream = kept + self.world.table.stream  # the stream repeats a batch

    def check(self) -> dict[str, int]:
        """Counts of the run; AssertionError where trace and wire disagree."""
        world, counts = self.world, Counter[str]()
        for event in self.sent:
            trace = world.trace(event)
            assert trace.event.status in EVENT_ENDS, (event.id, trace.event.status)
            counts[f"event {trace.event.status}"] += 1
            for record in trace.deliveries:
                self._check_delivery(record)
                counts[f"delivery {record.status}"] += 1
                counts["attempts"] += record.attempts_total
        for endpoint in self.endpoints:
            self._check_limits(endpoint)
        counts["requests"] = sum(self.requests.values())
        counts["workers died"] = self.deaths
        return dict(counts)

    def _check_limits(self, endpoint: Endpoint) -> None:
        """No window saw more than its limit, and no permit is left over."""
        key = ProjectId(endpoint.project_id), EndpointId(endpoint.id)
        now_ms = self.world.clock.now_ms()
        assert self.world.traffic.read([key])[key].in_flight(now_ms) == 0, endpoint
        rate = endpoint.rate_limit
        if rate is not None:
            starts = sorted(self.starts.get(endpoint.id, []))
            for first, beyond in zip(starts, starts[rate.requests :], strict=False):
                assert beyond - first >= rate.seconds * 1000, (endpoint.url, first, beyond)

    def _check_delivery(self, record: DeliveryRecord) -> None:
        assert record.status in DELIVERY_ENDS, record
        assert record.status != "cancelled", record  # nobody does that here
        attempts = [*self.world.ledger.shelved(record, limit=100), *record.attempts]
        numbers = [a.number for a in attempts]
        # When the claim says so: here one thread makes all requests of a batch, one by one.
        self.starts.setdefault(record.endpoint_id, []).extend(a.started_ms for a in attempts)
        assert numbers == list(range(1, record.attempts_total + 1)), record
        lost = sum(a.outcome is AttemptOutcome.WORKER_LOST for a in attempts)
        requests = self.requests[record.id]
        # An attempt whose worker died may or may not have reached the endpoint; no other may not.
        assert record.attempts_total - lost <= requests <= record.attempts_total, record
        tries = record.attempts_total - lost
        assert tries <= len(SCHEDULE) + 1, record
        successes = [a for a in attempts if a.outcome is AttemptOutcome.SUCCESS]
        assert len(successes) <= 1, record
        assert (record.status == "succeeded") is bool(successes), record
        assert record.due_ms is None, record
        assert ProjectId(self.world.project.id) == record.project_id


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=1_000, help="each goes to five endpoints")
    options = parser.parse_args()
    soak = Soak(options.seed, options.events)
    soak.run()
    for name, number in sorted(soak.check().items()):
        sys.stdout.write(f"{name:24s} {number}\n")


if __name__ == "__main__":
    main()
