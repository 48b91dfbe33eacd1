"""Replay: matched again against today's subscriptions, history kept, nothing lost half-way."""

from __future__ import annotations

import pytest

from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.errors import Conflict, NotFound, Unavailable
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import KeyId, ProjectId
from hooktrace.domain.record_facts import delivery_facts
from hooktrace.domain.states import DeliveryStatus, EventStatus, Trigger
from tests.fakes import WorkerDied
from tests.world import World

KEY = KeyId("key_01M3250V00YPRPA8JAB2VS3WER")


@pytest.fixture
def world() -> World:
    return World()


def project(world: World) -> ProjectId:
    return ProjectId(world.project.id)


def test_a_discarded_event_finds_todays_subscription(world: World) -> None:
    event = world.ingest()
    world.run()
    assert world.trace(event).event.status is EventStatus.DISCARDED
    nothing = world.replaying().run(project(world), event.id, KEY)
    assert nothing.added == ()
    assert nothing.event.status is EventStatus.DISCARDED
    world.subscription(world.endpoint())
    done = world.replaying().run(project(world), event.id, KEY)
    assert done.event.status is EventStatus.DELIVERING
    world.run()
    trace = world.trace(event)
    assert trace.event.status is EventStatus.SUCCEEDED
    assert trace.event.report is not None
    assert trace.event.report["matched"] == 1
    assert trace.event.attention is None


def test_history_is_kept_and_the_latest_round_decides(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=())
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [500, 200]
    event = world.ingest()
    world.run()
    assert world.trace(event).event.status is EventStatus.FAILED
    world.replaying().run(project(world), event.id, KEY)
    world.run()
    first, second = world.trace(event).deliveries
    assert (first.replay, first.status) == (0, DeliveryStatus.FAILED)
    assert (second.replay, second.status) == (1, DeliveryStatus.SUCCEEDED)
    assert first.id != second.id
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    ids = {dict(r.headers)["webhook-id"] for r in world.sender.requests}
    assert ids == {event.id}


def test_a_crash_before_the_messages_is_healed_by_sweep(world: World) -> None:
    world.subscription(world.endpoint())
    event = world.ingest()
    world.run()
    world.clock.advance(3 * 86_400)

    def die(_: object) -> None:
        world.deliver_queue.before_send = lambda _: None
        raise WorkerDied

    world.deliver_queue.before_send = die
    with pytest.raises(WorkerDied):
        world.replaying().run(project(world), event.id, KEY)
    assert world.trace(event).event.status is EventStatus.DELIVERING
    world.run_for(240, step=10)
    trace = world.trace(event)
    assert trace.event.status is EventStatus.SUCCEEDED
    world.run_for(900, step=60)  # it is looked at once more
    assert world.trace(event).event.due_ms is None
    assert len(trace.deliveries) == 2
    assert len(world.sender.requests) == 2


@pytest.mark.parametrize("others", [0, 60])
def test_a_replay_says_who_asked_for_it(world: World, others: int) -> None:
    """Before it is begun, in its trace afterwards, and to the endpoint; also in a long plan."""
    endpoint = world.endpoint(retry_schedule=(60, 120))
    world.sender.script[endpoint.url] = [200] if others else [200, 500]
    world.subscription(endpoint)
    for _ in range(others):
        world.subscription(world.endpoint())
    event = world.ingest()
    world.run()
    before = len(world.sender.requests)
    done = world.replaying().run(project(world), event.id, KEY)
    assert {one.requested_by for one in done.added} == {KEY}
    waiting = [one for one in every(world, event) if one.replay == 1]
    assert {delivery_facts(one)["requested_by"] for one in waiting} == {KEY}
    world.deliver_once()
    sent = world.sender.requests[before:]
    assert {dict(one.headers)["hooktrace-trigger"] for one in sent} == {"manual"}
    begun = [one for one in every(world, event) if one.replay == 1 and one.attempts]
    firsts = {(one.attempts[0].trigger, one.attempts[0].requested_by) for one in begun}
    assert firsts == {(Trigger.MANUAL, KEY)}


def every(world: World, event: EventRecord) -> list[DeliveryRecord]:
    starts = range(0, world.trace(event).event.plan_total, 100)
    found = [world.reader().event(project(world), event.id, start=one) for one in starts]
    return [delivery for trace in found if trace for delivery in trace.deliveries]


def test_the_schedule_of_a_replay_is_as_long_as_that_of_a_first_round(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(60, 120))
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [500]
    event = world.ingest()
    world.run_for(300, step=10)
    world.replaying().run(project(world), event.id, KEY)
    world.run_for(300, step=10)
    first, second = world.trace(event).deliveries
    assert (first.attempts_total, first.reason) == (3, "attempts_exhausted")
    assert (second.attempts_total, second.reason) == (3, "attempts_exhausted")
    assert [one.trigger for one in second.attempts] == ["manual", "automatic", "automatic"]


@pytest.mark.parametrize("by", ["replay", "retry"])
def test_what_is_on_record_is_no_error_when_the_queue_is_away(world: World, by: str) -> None:
    """A 503 invites to try again: that would plan one more round, or be told 409."""
    endpoint = world.endpoint(retry_schedule=())
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [500, 200]
    event = world.ingest()
    world.run()

    def refuse(_: object) -> None:
        world.deliver_queue.before_send = lambda _: None
        raise Unavailable("the queue is away")

    world.deliver_queue.before_send = refuse
    if by == "replay":
        assert len(world.replaying().run(project(world), event.id, KEY).added) == 1
    else:
        (delivery,) = world.trace(event).deliveries
        again = world.steering().retry(project(world), delivery.id, KEY, force=False)
        assert again.status is DeliveryStatus.DELIVERING
    world.run()
    assert len(world.sender.requests) == 1
    world.run_for(240, step=10)
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    assert len(world.sender.requests) == 2


def test_a_replay_to_many_endpoints_is_complete(world: World) -> None:
    for _ in range(60):
        world.subscription(world.endpoint())
    event = world.ingest()
    world.run()
    world.replaying().run(project(world), event.id, KEY)
    world.run()
    trace = world.trace(event)
    assert trace.event.status is EventStatus.SUCCEEDED
    assert trace.event.plan_total == 120
    assert len({dict(r.headers)["hooktrace-delivery-id"] for r in world.sender.requests}) == 120


def test_what_cannot_be_replayed(world: World) -> None:
    event = world.ingest()
    with pytest.raises(Conflict):
        world.replaying().run(project(world), event.id, KEY)
    stranger = ProjectId(world.new_project("other").id)
    with pytest.raises(NotFound):
        world.replaying().run(stranger, event.id, KEY)
