"""Our own brake in the whole pipeline, in fake time: who waits, for what, until when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from hooktrace.domain.attempts import OutgoingRequest
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.next_step import of_delivery, of_event
from hooktrace.domain.registry import Endpoint, RateLimit
from hooktrace.domain.states import DeliveryStatus, EventStatus
from hooktrace.domain.times import rfc3339
from tests.fakes import WorkerDied, answer
from tests.world import World

TEN_SECONDS = RateLimit(1, 10)


@pytest.fixture
def world() -> World:
    return World()


def the_delivery(world: World, event: EventRecord) -> DeliveryRecord:
    (record,) = world.trace(event).deliveries
    return record


def watched(world: World, endpoint: Endpoint, step: Any = 200) -> list[int]:
    """The times at which requests reach the endpoint."""
    times: list[int] = []

    def note(request: OutgoingRequest) -> Any:
        times.append(world.clock.ms)
        return step(request) if callable(step) else step

    world.sender.script[endpoint.url] = [note]
    return times


def limited(world: World, **more: Any) -> Endpoint:
    endpoint = world.endpoint(**({"rate_limit": TEN_SECONDS, "retry_schedule": (1, 1)} | more))
    world.subscription(endpoint)
    return endpoint


def test_fc_38_our_own_brake_is_not_the_customers_failure(world: World) -> None:
    endpoint = limited(world, concurrency=1)
    times = watched(world, endpoint)
    events = [world.ingest() for _ in range(20)]
    world.run()
    waiting = [the_delivery(world, event) for event in events]
    held = [record for record in waiting if record.waiting_for == "rate_limit"]
    assert len(held) == 19
    for record in held:
        assert record.status is DeliveryStatus.PENDING
        assert record.attempts_total == 0
        assert record.next_attempt_ms is not None
        step = of_delivery(record)
        assert step is not None
        assert (step.action, step.at_ms) == ("wait", record.next_attempt_ms)
        assert "rate limit" in step.text
        assert rfc3339(record.next_attempt_ms) in step.text
    trace = world.trace(next(e for e in events if the_delivery(world, e) in held))
    assert trace.event.status is EventStatus.DELIVERING
    told = of_event(trace.event, trace.deliveries)
    assert told is not None
    assert told.action == "wait"
    world.run_for(20 * 12)
    assert [the_delivery(world, e).status for e in events] == ["succeeded"] * 20
    assert [the_delivery(world, e).attempts_total for e in events] == [1] * 20
    assert [world.trace(e).event.status for e in events] == ["succeeded"] * 20
    assert len(times) == 20
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(10_000 <= gap <= 12_000 for gap in gaps), gaps
    assert world.deliver_queue.messages == []


def test_a_failure_that_waits_for_the_limit_uses_up_no_step(world: World) -> None:
    endpoint = limited(world)
    times = watched(world, endpoint, 500)
    first, second = world.ingest(), world.ingest()
    world.run_for(100)
    for event in (first, second):
        record = the_delivery(world, event)
        assert (record.status, record.reason) == ("failed", "attempts_exhausted")
        assert [a.status for a in record.attempts] == [500] * 3
    assert len(times) == 6
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) >= 10_000


def test_a_retry_that_the_limit_holds_is_retrying_and_says_so(world: World) -> None:
    endpoint = limited(world)
    watched(world, endpoint, 500)
    event = world.ingest()
    world.run_for(2)
    record = the_delivery(world, event)
    assert (record.status, record.waiting_for, record.attempts_total) == (
        "retrying",
        "rate_limit",
        1,
    )
    step = of_delivery(record)
    assert step is not None
    assert step.text.startswith("The endpoint's rate limit holds attempt 2")


def test_a_wait_of_more_than_a_queues_longest_goes_through_due(world: World) -> None:
    endpoint = limited(world, rate_limit=RateLimit(1, 1_000))
    times = watched(world, endpoint)
    events = [world.ingest() for _ in range(3)]
    world.run()
    due = [the_delivery(world, event).due_ms for event in events]
    assert sum(value is not None for value in due) == 2
    world.run_for(2_100, step=1)
    assert len(times) == 3
    assert times[2] - times[0] >= 2_000_000
    assert all(the_delivery(world, event).due_ms is None for event in events)


@pytest.mark.parametrize("lost_at", ["now", "later"])
def test_a_lost_message_of_a_waiting_delivery_is_found_and_not_before_its_time(
    world: World, lost_at: str
) -> None:
    rate = RateLimit(1, 100) if lost_at == "now" else RateLimit(1, 800)
    endpoint = limited(world, rate_limit=rate)
    times = watched(world, endpoint)
    first, second = world.ingest(), world.ingest()
    world.run()
    world.deliver_queue.messages.clear()
    world.run_for(rate.seconds - 10)
    assert len(times) == 1
    assert world.deliver_queue.messages == []
    world.run_for(2_000, step=5)
    assert len(times) == 2
    assert {the_delivery(world, e).status for e in (first, second)} == {DeliveryStatus.SUCCEEDED}


def test_the_audit_leaves_alone_what_waits_for_a_time_still_to_come(world: World) -> None:
    limited(world, rate_limit=RateLimit(1, 3_000))
    world.ingest()
    world.ingest()
    world.run_for(190)
    assert world.sweep()["deliver_sent_again"] == 0
    assert len(world.sender.requests) == 1


def test_a_limit_taken_away_is_gone_for_what_comes_next(world: World) -> None:
    endpoint = limited(world)
    times = watched(world, endpoint)
    events = [world.ingest() for _ in range(4)]
    world.run()
    world.change(endpoint, rate_limit=None)
    late = world.ingest()
    world.run()
    assert the_delivery(world, late).status is DeliveryStatus.SUCCEEDED
    world.run_for(40)
    assert len(times) == 5
    assert all(the_delivery(world, e).status == "succeeded" for e in events)


def test_a_limit_made_stricter_holds_for_those_that_wait_already(world: World) -> None:
    endpoint = limited(world, rate_limit=RateLimit(1, 5))
    times = watched(world, endpoint)
    events = [world.ingest() for _ in range(4)]
    world.run()
    changed = world.clock.ms
    world.change(endpoint, rate_limit=RateLimit(1, 60))
    world.run_for(300)
    later = [at for at in times if at > changed]
    assert len(later) == 3
    assert min(b - a for a, b in pairwise(later)) >= 60_000
    assert all(the_delivery(world, e).attempts_total == 1 for e in events)


def test_a_limit_made_wider_lets_new_events_pass_the_old_queue(world: World) -> None:
    endpoint = limited(world, rate_limit=RateLimit(1, 600))
    for _ in range(3):
        world.ingest()
    world.run()
    world.change(endpoint, rate_limit=RateLimit(100, 1))
    late = world.ingest()
    world.run_for(2)
    assert the_delivery(world, late).status is DeliveryStatus.SUCCEEDED


def test_what_waits_is_cancelled_when_its_endpoint_is_disabled(world: World) -> None:
    endpoint = limited(world)
    events = [world.ingest() for _ in range(3)]
    world.run()
    world.change(endpoint, state="disabled", disabled_reason="manual")
    world.run_for(40)
    records = [the_delivery(world, event) for event in events]
    cancelled = [r for r in records if r.status is DeliveryStatus.CANCELLED]
    assert [r.reason for r in cancelled] == ["endpoint_disabled"] * 2
    assert all(r.waiting_for is None and r.attempts_total == 0 for r in cancelled)
    assert len(world.sender.requests) == 1


def test_what_waits_is_cancelled_by_hand(world: World) -> None:
    limited(world)
    first, second = world.ingest(), world.ingest()
    world.run()
    record = next(
        r for r in (the_delivery(world, first), the_delivery(world, second)) if r.waiting_for
    )
    after = world.steering().cancel(ProjectId(world.project.id), record.id, "key_1")
    assert (after.status, after.waiting_for, after.next_attempt_ms) == ("cancelled", None, None)
    world.run_for(30)
    assert len(world.sender.requests) == 1


def test_a_retry_by_hand_waits_too_and_stays_manual(world: World) -> None:
    endpoint = limited(world, retry_schedule=())
    watched(world, endpoint, lambda _: 500 if len(world.sender.requests) == 1 else 200)
    event = world.ingest()
    world.run()
    record = the_delivery(world, event)
    assert record.status is DeliveryStatus.FAILED
    world.steering().retry(ProjectId(world.project.id), record.id, "key_1", force=False)
    world.run()
    held = the_delivery(world, event)
    assert (held.waiting_for, held.by_hand, held.attempts_total) == ("rate_limit", "key_1", 1)
    world.run_for(12)
    done = the_delivery(world, event)
    assert done.status is DeliveryStatus.SUCCEEDED
    assert (done.attempts[1].trigger, done.attempts[1].requested_by) == ("manual", "key_1")


def test_a_duplicate_takes_no_slot(world: World) -> None:
    endpoint = limited(world)
    times = watched(world, endpoint)
    world.ingest()
    world.match_once()
    (message,) = world.deliver_queue.messages
    for _ in range(5):
        world.deliver_queue.put(message.body)
    world.run()
    world.ingest()
    world.run_for(13)
    assert len(times) == 2


def test_a_slot_that_was_missed_is_given_up(world: World) -> None:
    """Messages that all come late must not go out together."""
    endpoint = limited(world)
    times = watched(world, endpoint)
    for _ in range(6):
        world.ingest()
    world.run()
    world.clock.advance(300)  # nobody worked
    world.run_for(200)
    assert len(times) == 6
    assert min(b - a for a, b in pairwise(times)) >= 10_000


# -- concurrency --------------------------------------------------------------------------


def interleaved(world: World, depth: list[int], most: list[int]) -> Callable[[Any], int]:
    """While a request is in flight, another worker takes what it can."""

    def step(_: OutgoingRequest) -> int:
        depth[0] += 1
        most[0] = max(most[0], depth[0])
        if depth[0] <= 3 and any(
            m.visible_ms <= world.clock.ms for m in world.deliver_queue.messages
        ):
            world.deliver_once()
        depth[0] -= 1
        return 200

    return step


@pytest.mark.parametrize("concurrency", [1, 2])
def test_two_workers_share_the_permits_of_an_endpoint(world: World, concurrency: int) -> None:
    endpoint = limited(world, rate_limit=None, concurrency=concurrency)
    depth, most = [0], [0]
    world.sender.script[endpoint.url] = [interleaved(world, depth, most)]
    events = [world.ingest() for _ in range(30)]
    world.run_for(120)
    assert 1 <= most[0] <= concurrency
    assert all(the_delivery(world, e).status == "succeeded" for e in events)
    assert all(the_delivery(world, e).attempts_total == 1 for e in events)
    key = (ProjectId(world.project.id), EndpointId(endpoint.id))
    assert world.traffic.read([key])[key].permits == ()


def test_who_finds_no_permit_says_what_it_waits_for(world: World) -> None:
    endpoint = limited(world, rate_limit=None, concurrency=1)
    seen: list[DeliveryRecord] = []
    events: list[EventRecord] = []

    def busy(_: OutgoingRequest) -> int:
        if not seen:
            events.append(world.ingest())
            world.match_once()
            world.deliver_once(world.deliver_queue.take())
            seen.append(the_delivery(world, events[0]))
        return 200

    world.sender.script[endpoint.url] = [busy]
    world.ingest()
    world.run()
    (record,) = seen
    assert (record.status, record.waiting_for) == ("pending", "concurrency")
    step = of_delivery(record)
    assert step is not None
    assert step.at_ms == record.next_attempt_ms
    assert "fewer requests to the endpoint are under way" in step.text
    world.run_for(5)
    assert the_delivery(world, events[0]).status is DeliveryStatus.SUCCEEDED


def test_a_killed_workers_permit_runs_out_with_its_lease(world: World) -> None:
    endpoint = limited(world, rate_limit=None, concurrency=1, timeout_seconds=5)
    steps: list[Any] = [WorkerDied(), 200]
    world.sender.script[endpoint.url] = steps
    first = world.ingest()
    world.match_once()
    with pytest.raises(WorkerDied):
        world.deliver_once()
    second = world.ingest()
    world.run_for(10)
    held = the_delivery(world, second)
    assert (held.waiting_for, held.attempts_total) == ("concurrency", 0)
    world.run_for(120)
    assert the_delivery(world, second).status is DeliveryStatus.SUCCEEDED
    healed = the_delivery(world, first)
    assert [a.outcome for a in healed.attempts] == ["worker_lost", "success"]


@pytest.mark.parametrize("item", ["T", "D#"])
def test_a_crash_after_a_permit_or_after_the_claim_costs_its_lease(world: World, item: str) -> None:
    endpoint = limited(world, rate_limit=None, concurrency=1, timeout_seconds=5)
    died = []

    def die(ops: Any) -> None:
        after = ops[0].item if hasattr(ops[0], "item") else ops[0].after
        if not died and after["SK"]["S"].startswith(item):
            died.append(True)
            raise WorkerDied

    world.table.after_write = die
    event = world.ingest()
    world.match_once()
    with pytest.raises(WorkerDied):
        world.deliver_once()
    world.run_for(180)
    record = the_delivery(world, event)
    assert record.status is DeliveryStatus.SUCCEEDED
    lost = [a for a in record.attempts if a.outcome == "worker_lost"]
    assert len(lost) == (1 if item == "D#" else 0)
    assert len(world.sender.requests) == 1
    assert endpoint.concurrency == 1


def test_a_crash_after_reserving_a_slot_loses_the_slot_and_nothing_else(world: World) -> None:
    endpoint = limited(world)
    times = watched(world, endpoint)
    died = []

    def die(ops: Any) -> None:
        after = ops[0].item if hasattr(ops[0], "item") else ops[0].after
        if not died and after["SK"]["S"] == "T":
            died.append(True)
            raise WorkerDied

    world.table.after_write = die
    event = world.ingest()
    world.match_once()
    with pytest.raises(WorkerDied):
        world.deliver_once()
    world.run_for(120)
    assert the_delivery(world, event).attempts_total == 1
    assert len(times) == 1


def test_an_endpoint_without_limits_costs_no_write_of_its_own(world: World) -> None:
    world.subscription(world.endpoint())
    world.ingest()
    world.run()
    partitions = {r["dynamodb"]["Keys"]["SK"]["S"] for r in world.table.stream}
    assert "T" not in partitions
    assert world.table.meter.counts["wru"] == 6


def test_old_messages_and_records_have_no_brake(world: World) -> None:
    """A record stored before there was a brake goes through it like any other."""
    endpoint = limited(world, rate_limit=None)
    watched(world, endpoint, lambda _: 500 if len(world.sender.requests) == 1 else 200)
    event = world.ingest()
    world.run()
    stored = world.registry.endpoints.get_endpoint(world.project.id, endpoint.id)
    assert stored is not None
    world.registry.endpoints.replace_endpoint(
        replace(stored, rate_limit=RateLimit(2, 1), concurrency=1), before=stored
    )
    world.run_for(3)
    record = the_delivery(world, event)
    assert (record.status, record.attempts_total) == ("succeeded", 2)
    assert answer(200).status == 200
