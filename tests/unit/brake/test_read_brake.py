"""What `GET /v1/endpoints/{id}` says of the lane and the brake."""

from __future__ import annotations

from hooktrace.domain.attempts import AttemptOutcome, OutgoingRequest, SendResult
from hooktrace.domain.registry import RateLimit
from hooktrace.usecases.read_brake import BrakeReport, ReadBrake
from tests.world import World


def test_an_endpoint_without_limits_has_a_lane_only() -> None:
    world = World()
    read = ReadBrake(traffic=world.traffic, clock=world.clock)
    assert read.of(world.endpoint()) == BrakeReport(False, None, None)


def test_the_next_turn_and_the_requests_under_way() -> None:
    world = World()
    endpoint = world.endpoint(rate_limit=RateLimit(1, 10), concurrency=2)
    world.subscription(endpoint)
    read = ReadBrake(traffic=world.traffic, clock=world.clock)
    during: list[BrakeReport] = []

    def look(_: OutgoingRequest) -> int:
        during.append(read.of(endpoint))
        return 200

    world.sender.script[endpoint.url] = [look]
    assert read.of(endpoint) == BrakeReport(False, 0, world.clock.ms)
    for _ in range(3):
        world.ingest()
    begun = world.clock.ms
    world.run()
    (seen,) = during
    assert seen.under_way == 1
    assert read.of(endpoint) == BrakeReport(False, 0, begun + 3 * 11_000)


def test_an_endpoint_that_hung_is_on_the_slow_lane() -> None:
    world = World()
    endpoint = world.endpoint(retry_schedule=())
    world.subscription(endpoint)
    hung = SendResult(AttemptOutcome.TIMEOUT, "No answer.", duration_ms=15_000)
    world.sender.script[endpoint.url] = [hung]
    world.ingest()
    world.run()
    assert ReadBrake(traffic=world.traffic, clock=world.clock).of(endpoint).slow
