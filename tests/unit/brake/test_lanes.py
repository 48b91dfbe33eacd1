"""The slow lane in fake time, and with real threads where a hang must be seen while it lasts."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hooktrace.domain.attempts import AttemptOutcome, OutgoingRequest, SendResult
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.next_step import of_delivery
from hooktrace.domain.registry import Endpoint
from hooktrace.domain.states import DeliveryStatus
from hooktrace.domain.traffic import SLOW_FOR_MS, Traffic
from tests.fakes import answer
from tests.world import World


@pytest.fixture
def world() -> World:
    return World()


def the_delivery(world: World, event: EventRecord) -> DeliveryRecord:
    (record,) = world.trace(event).deliveries
    return record


def traffic(world: World, endpoint: Endpoint) -> Traffic:
    key = (ProjectId(endpoint.project_id), EndpointId(endpoint.id))
    return world.traffic.read([key])[key]


def hangs(world: World) -> Any:
    def step(_: OutgoingRequest) -> SendResult:
        world.clock.advance(15)
        return SendResult(AttemptOutcome.TIMEOUT, "No answer.", duration_ms=15_000)

    return step


@pytest.fixture
def slow(world: World) -> Endpoint:
    """An endpoint that has just hung once."""
    endpoint = world.endpoint("http://127.0.0.1:9/slow", retry_schedule=(60, 60))
    world.subscription(endpoint, event_types=("slow",))
    world.sender.script[endpoint.url] = [hangs(world)]
    world.ingest(event_type="slow")
    world.run()
    assert traffic(world, endpoint).is_slow(world.clock.ms)
    return endpoint


def test_what_comes_for_a_slow_endpoint_goes_on_to_the_slow_queue(
    world: World, slow: Endpoint
) -> None:
    event = world.ingest(event_type="slow")
    world.match_once()
    requests = len(world.sender.requests)
    world.deliver_once()
    assert len(world.sender.requests) == requests
    assert len(world.slow_queue.messages) == 1
    record = the_delivery(world, event)
    assert (record.status, record.waiting_for) == ("pending", "slow_lane")
    step = of_delivery(record)
    assert step is not None
    assert "slow lane" in step.text
    world.deliver_slowly_once()
    assert len(world.sender.requests) == requests + 1
    after = the_delivery(world, event)
    assert (after.status, after.waiting_for, after.attempts_total) == ("retrying", None, 1)


def test_a_duplicate_on_the_fast_queue_goes_along_without_a_write(
    world: World, slow: Endpoint
) -> None:
    event = world.ingest(event_type="slow")
    world.match_once()
    (message,) = [m for m in world.deliver_queue.messages if event.id in m.body]
    world.deliver_queue.put(message.body)
    world.deliver_once()
    version = the_delivery(world, event).version
    assert version == 1
    assert len(world.slow_queue.messages) == 2
    world.sender.script[slow.url] = [200]
    world.deliver_slowly_once()
    assert the_delivery(world, event).attempts_total == 1


def test_three_fast_answers_bring_the_endpoint_back(world: World, slow: Endpoint) -> None:
    world.sender.script[slow.url] = [200]
    for number in range(3):
        assert traffic(world, slow).is_slow(world.clock.ms), number
        world.ingest(event_type="slow")
        world.clock.advance(1)
        world.run()
    assert not traffic(world, slow).is_slow(world.clock.ms)
    event = world.ingest(event_type="slow")
    world.match_once()
    world.deliver_once()
    assert the_delivery(world, event).status is DeliveryStatus.SUCCEEDED
    assert world.slow_queue.messages == []


def test_a_hang_between_fast_answers_begins_the_count_anew(world: World, slow: Endpoint) -> None:
    world.sender.script[slow.url] = [200, 200, hangs(world), 200]
    for expected in (1, 2, 0, 1, 2):
        world.ingest(event_type="slow")
        world.clock.advance(1)
        world.run()
        assert traffic(world, slow).fast_answers == expected
    assert traffic(world, slow).is_slow(world.clock.ms)


def test_nothing_heard_for_ten_minutes_means_another_try_on_the_fast_lane(
    world: World, slow: Endpoint
) -> None:
    world.clock.advance(SLOW_FOR_MS / 1000 + 1)
    world.sender.script[slow.url] = [200]
    event = world.ingest(event_type="slow")
    world.match_once()
    world.deliver_once()
    assert the_delivery(world, event).status is DeliveryStatus.SUCCEEDED


def test_a_message_lost_on_the_slow_lane_is_found(world: World, slow: Endpoint) -> None:
    event = world.ingest(event_type="slow")
    world.match_once()
    world.deliver_once()
    world.slow_queue.messages.clear()
    world.sender.script[slow.url] = [200]
    world.run_for(1_900, step=10)
    assert the_delivery(world, event).status is DeliveryStatus.SUCCEEDED


def test_limits_hold_on_the_slow_lane_too(world: World, slow: Endpoint) -> None:
    world.change(slow, concurrency=1)
    most, depth = [0], [0]

    def step(_: OutgoingRequest) -> SendResult:
        depth[0] += 1
        most[0] = max(most[0], depth[0])
        if world.slow_queue.messages and depth[0] < 3:
            world.deliver_slowly_once()
        depth[0] -= 1
        return answer(200, duration_ms=1_500)

    world.sender.script[slow.url] = [step]
    events = [world.ingest(event_type="slow") for _ in range(12)]
    world.run_for(200)
    assert most == [1]
    assert {the_delivery(world, e).status for e in events} == {DeliveryStatus.SUCCEEDED}


class RealTime:
    """The world's clock follows the machine's, from where it was."""

    def __init__(self, world: World) -> None:
        self._from = world.clock.ms - time.monotonic_ns() // 1_000_000

    def now_ms(self) -> int:
        return self._from + time.monotonic_ns() // 1_000_000


def test_a_hang_is_told_while_it_lasts_and_the_rest_of_its_batch_leaves(world: World) -> None:
    """One endpoint takes half of a batch; as it hangs, the other half goes to the slow lane."""
    bad = world.endpoint("http://127.0.0.1:9/bad")
    good = world.endpoint("http://127.0.0.1:9/good")
    world.subscription(bad, event_types=("bad",))
    world.subscription(good, event_types=("good",))
    release = threading.Event()

    def hang(_: OutgoingRequest) -> SendResult:
        assert release.wait(30)
        return answer(200, duration_ms=5_000)

    world.sender.script[bad.url] = [hang]
    bad_events = [world.ingest(event_type="bad") for _ in range(7)]
    good_events = [world.ingest(event_type="good") for _ in range(3)]
    world.match_once()
    clock: Any = RealTime(world)
    world.clock = clock
    world.pause = time.sleep
    with ThreadPoolExecutor(10) as pool:
        world.pool = pool
        worker = threading.Thread(target=world.deliver_once)
        worker.start()
        try:
            _until(lambda: all(the_delivery(world, e).status == "succeeded" for e in good_events))
            assert sum(r.url == bad.url for r in world.sender.requests) == 5
            _until(lambda: len(world.slow_queue.messages) == 2, seconds=6)
            assert traffic(world, bad).is_slow(clock.now_ms())
            assert worker.is_alive()
            waiting = [the_delivery(world, e).waiting_for for e in bad_events]
            assert waiting.count("slow_lane") == 2
        finally:
            release.set()
            worker.join()
    statuses = [the_delivery(world, e).status for e in bad_events]
    assert statuses.count(DeliveryStatus.SUCCEEDED) == 5


def _until(condition: Any, seconds: float = 5) -> None:
    ticks = threading.Event()
    for _ in range(round(seconds * 50)):
        if condition():
            return
        ticks.wait(0.02)
    raise AssertionError("it never came to that")
