"""A delivery that is under way ends before its event is gone, and is told like any failure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import ProjectId
from hooktrace.domain.registry import Endpoint, RateLimit
from hooktrace.domain.states import DeliveryStatus, EventStatus
from tests.fakes import answer
from tests.unit.history.test_retention import DAY, KEY, expire, keep, run_and_expire
from tests.unit.operations.test_retry import start
from tests.world import World


@pytest.fixture
def world() -> World:
    world = World()
    keep(world, 1, None)
    return world


def bad_endpoint(world: World, answers: list[Any] | None = None, **more: Any) -> Endpoint:
    endpoint = world.endpoint("http://127.0.0.1:9/bad", **more)
    world.sender.script[endpoint.url] = answers or [500]
    world.subscription(endpoint)
    return endpoint


def told(world: World, event: EventRecord) -> list[str | None]:
    """The reasons of the failures that the bus was told of this event's deliveries."""
    return [
        one.detail.get("reason")
        for one in world.bus
        if one.kind == "delivery.failed" and one.detail.get("event_id") == event.id
    ]


def test_a_schedule_longer_than_the_event_is_kept_ends_with_its_reason(world: World) -> None:
    bad_endpoint(world, retry_schedule=(DAY,) * 6)
    event = world.ingest()
    world.run_for(3.5 * DAY, step=DAY / 48)
    trace = world.trace(event)
    (delivery,) = trace.deliveries
    assert (delivery.status, delivery.reason) == (DeliveryStatus.FAILED, "retention_over")
    assert (delivery.due_ms, delivery.next_attempt_ms) == (None, None)
    assert delivery.attempts[-1].next_attempt_ms is None
    assert trace.event.status is EventStatus.FAILED
    assert told(world, event) == ["retention_over"]
    assert len(world.sender.requests) == 4  # after 0, 1, 2 and 3 days; the next came after the end


def test_an_attempt_that_retry_after_puts_beyond_the_end_is_not_planned(world: World) -> None:
    later = answer(503, retry_after="86400")
    bad_endpoint(world, [later], retry_schedule=(60,) * 8)
    event = world.ingest()
    world.run_for(3.5 * DAY, step=DAY / 48)
    (delivery,) = world.trace(event).deliveries
    assert (delivery.status, delivery.reason) == (DeliveryStatus.FAILED, "retention_over")
    assert told(world, event) == ["retention_over"]


def test_a_turn_of_a_rate_limit_beyond_the_end_is_not_waited_for(world: World) -> None:
    endpoint = world.endpoint(rate_limit=RateLimit(1, 3_600))
    world.subscription(endpoint)
    events = [world.ingest() for _ in range(3)]
    world.clock.advance(4 * DAY - 3_700)
    world.run()
    states = [world.trace(one).deliveries[0] for one in events]
    assert [d.reason for d in states] == [None, None, "retention_over"]
    assert states[2].status is DeliveryStatus.FAILED


def test_a_message_that_comes_after_the_end_is_told_and_not_sent(world: World) -> None:
    bad_endpoint(world)
    event = world.ingest()
    world.match_once()
    world.clock.advance(4 * DAY)
    world.deliver_once()
    world.notify()
    assert world.sender.requests == []
    assert told(world, event) == ["retention_over"]


def test_what_had_begun_is_not_begun_anew_when_its_record_is_gone(world: World) -> None:
    bad_endpoint(world, [500, 200], retry_schedule=(60,))
    event = world.ingest()
    world.match_once()
    world.deliver_once()
    world.clock.advance(61)
    late = list(world.deliver_queue.messages)
    assert len(late) == 1
    world.deliver_once()
    world.notify()
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    world.clock.advance(1.5 * DAY)
    expire(world)
    world.deliver_queue.messages.extend(replace_visible(one, world) for one in late)
    world.deliver_once()
    assert len(world.sender.requests) == 2
    assert not [key for key in world.table._items if key[1].startswith("D#")]


def replace_visible(message: Any, world: World) -> Any:
    return replace(message, visible_ms=world.clock.ms)


def test_shortened_days_do_not_end_what_is_under_way_at_once() -> None:
    """What was promised holds for it, and its end can be seen."""
    world = World()
    keep(world, 30, None)
    bad_endpoint(world, [500, 500, 200], retry_schedule=(DAY, 4 * DAY))
    event = world.ingest()
    world.run()
    was = world.project
    world.registry.projects.replace_project(replace(was, retention_days=1), before=was)
    run_and_expire(world, 5.4)
    trace = world.trace(event)
    assert trace.event.status is EventStatus.SUCCEEDED
    assert len(world.sender.requests) == 3


@pytest.mark.parametrize("by", ["hand", "operation"])
def test_a_retry_gives_delivery_and_event_their_open_expiry_again(world: World, by: str) -> None:
    """Held by a rate limit it may wait for long; its record must not go meanwhile."""
    endpoint = world.endpoint(rate_limit=RateLimit(1, 10))
    world.subscription(endpoint)
    event = world.ingest()
    world.run()
    delivery = world.trace(event).deliveries[0]
    open_s = event.accepted_ms // 1000 + 4 * DAY
    assert delivery.expires_s == event.accepted_ms // 1000 + DAY
    world.clock.advance(0.9 * DAY)
    if by == "hand":
        world.steering().retry(ProjectId(event.project_id), delivery.id, KEY, force=False)
    else:
        start(world, status={"succeeded"})
        world.operate_once()
        world.operate_once()
    world.notify()
    trace = world.trace(event)
    assert trace.deliveries[0].status is DeliveryStatus.DELIVERING
    assert trace.deliveries[0].expires_s == open_s
    assert trace.event.expires_s == open_s


def test_a_replay_gives_its_event_the_open_expiry_again(world: World) -> None:
    world.subscription(world.endpoint())
    event = world.ingest()
    world.run()
    world.clock.advance(0.9 * DAY)
    world.replaying().run(ProjectId(event.project_id), event.id, KEY)
    assert world.trace(event).event.expires_s == event.accepted_ms // 1000 + 4 * DAY


def test_an_event_stays_while_an_earlier_round_goes_on(world: World) -> None:
    """Its status follows from the latest round; nothing of it may end unseen all the same."""
    bad_endpoint(world, [500, 200, 500], retry_schedule=(DAY,) * 6)
    event = world.ingest()
    world.run()
    world.replaying().run(ProjectId(event.project_id), event.id, KEY)
    world.run()
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    run_and_expire(world, 3.5)
    first, second = world.trace(event).deliveries
    assert (first.status, first.reason) == (DeliveryStatus.FAILED, "retention_over")
    assert second.status is DeliveryStatus.SUCCEEDED
    assert told(world, event) == ["retention_over"]
