"""Retry and cancel by hand, also at the moment when the schedule strikes."""

from __future__ import annotations

from typing import Any

import pytest

from hooktrace.domain.attempts import OutgoingRequest
from hooktrace.domain.errors import Conflict, NotFound
from hooktrace.domain.ids import ProjectId
from hooktrace.domain.next_step import of_delivery
from hooktrace.domain.states import DeliveryStatus, EventStatus
from hooktrace.domain.times import rfc3339
from tests.fakes import WorkerDied, answer
from tests.world import World

KEY = "key_01M3250V00YPRPA8JAB2VS3WER"


@pytest.fixture
def world() -> World:
    return World()


def project(world: World) -> ProjectId:
    return ProjectId(world.project.id)


def test_fc_47_again_and_again(world: World) -> None:
    world.subscription(world.endpoint())
    event = world.ingest()
    world.run()
    delivery = world.trace(event).deliveries[0].id
    for number in (2, 3):
        asked = world.steering().retry(project(world), delivery, KEY, force=False)
        assert asked.status is DeliveryStatus.DELIVERING
        world.notify()
        assert world.trace(event).event.status is EventStatus.DELIVERING
        with pytest.raises(Conflict) as refused:
            world.steering().retry(project(world), delivery, KEY, force=False)
        assert refused.value.code == "delivery_in_flight"
        world.run()
        record = world.trace(event).deliveries[0]
        assert (record.status, record.attempts_total) == (DeliveryStatus.SUCCEEDED, number)
        assert (record.attempts[-1].trigger, record.attempts[-1].requested_by) == ("manual", KEY)
        assert world.trace(event).event.status is EventStatus.SUCCEEDED
    assert len(world.sender.requests) == 3
    assert dict(world.sender.requests[-1].headers)["hooktrace-trigger"] == "manual"


def test_a_retry_of_an_ended_delivery_that_fails_is_not_repeated(world: World) -> None:
    endpoint = world.endpoint()
    world.subscription(endpoint)
    event = world.ingest()
    world.run()
    world.sender.script[endpoint.url] = [500]
    world.steering().retry(project(world), world.trace(event).deliveries[0].id, KEY, force=False)
    world.run_for(400, step=10)
    record = world.trace(event).deliveries[0]
    assert (record.status, record.reason) == (DeliveryStatus.FAILED, "manual_attempt_failed")
    assert len(world.sender.requests) == 2
    assert world.trace(event).event.status is EventStatus.FAILED


def test_fc_48_by_hand_at_the_moment_the_schedule_strikes(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(60, 60))
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [500, 503, 200]
    event = world.ingest()
    world.run()
    world.clock.advance(60)
    delivery = world.trace(event).deliveries[0].id
    world.steering().retry(project(world), delivery, KEY, force=False)
    world.sweep()
    world.run_for(300, step=5)
    record = world.trace(event).deliveries[0]
    assert [a.number for a in record.attempts] == [1, 2, 3]
    assert [a.trigger for a in record.attempts] == ["automatic", "manual", "automatic"]
    assert record.status is DeliveryStatus.SUCCEEDED
    assert len(world.sender.requests) == 3


def test_a_lost_message_of_a_retry_by_hand_is_found_by_sweep(world: World) -> None:
    world.subscription(world.endpoint())
    event = world.ingest()
    world.run()
    world.clock.advance(86_400)
    world.steering().retry(project(world), world.trace(event).deliveries[0].id, KEY, force=False)
    world.deliver_queue.messages.clear()
    world.run_for(200, step=5)
    assert world.trace(event).deliveries[0].attempts_total == 2
    assert world.trace(event).deliveries[0].due_ms is None


def test_cancel_before_between_and_after(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(60,))
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [500]
    waiting, unborn = world.ingest(), None
    world.run()
    unborn = world.ingest()
    world.match_once()
    for event in (waiting, unborn):
        delivery = world.trace(event).deliveries[0].id
        record = world.steering().cancel(project(world), delivery, KEY)
        assert (record.status, record.reason) == (DeliveryStatus.CANCELLED, "cancelled_by_hand")
        assert record.requested_by == KEY
        with pytest.raises(Conflict):
            world.steering().cancel(project(world), delivery, KEY)
    world.run_for(200, step=10)
    assert len(world.sender.requests) == 1
    assert world.trace(waiting).event.status is EventStatus.FAILED
    assert world.trace(unborn).event.status is EventStatus.FAILED


@pytest.mark.parametrize(("status", "end"), [(500, "cancelled"), (200, "succeeded")])
def test_cancel_in_flight_lets_the_attempt_end(world: World, status: int, end: str) -> None:
    endpoint = world.endpoint(retry_schedule=(60,))
    world.subscription(endpoint)
    event = world.ingest()
    world.match_once()
    delivery = world.trace(event).deliveries[0].id

    def cancel(_: OutgoingRequest) -> Any:
        record = world.steering().cancel(project(world), delivery, KEY)
        assert record.status is DeliveryStatus.DELIVERING
        return status

    world.sender.script[endpoint.url] = [cancel]
    world.run_for(100, step=10)
    record = world.trace(event).deliveries[0]
    assert (record.status, record.attempts[0].status) == (end, status)
    assert len(world.sender.requests) == 1


def test_a_disabled_endpoint_takes_a_retry_only_by_force(world: World) -> None:
    endpoint = world.endpoint()
    world.subscription(endpoint)
    event = world.ingest()
    world.run()
    world.change(endpoint, state="disabled", disabled_reason="manual")
    delivery = world.trace(event).deliveries[0].id
    with pytest.raises(Conflict) as refused:
        world.steering().retry(project(world), delivery, KEY, force=False)
    assert refused.value.code == "endpoint_disabled"
    world.steering().retry(project(world), delivery, KEY, force=True)
    world.run()
    assert world.trace(event).deliveries[0].status is DeliveryStatus.SUCCEEDED
    assert len(world.sender.requests) == 2


def test_what_is_not_there_cannot_be_steered(world: World) -> None:
    world.subscription(world.endpoint())
    event = world.ingest()
    world.run()
    delivery = world.trace(event).deliveries[0].id
    stranger = ProjectId(world.new_project("other").id)
    for where, what in [(stranger, delivery), (project(world), "dlv_x")]:
        with pytest.raises(NotFound):
            world.steering().retry(where, what, KEY, force=True)
        with pytest.raises(NotFound):
            world.steering().cancel(where, what, KEY)


def test_a_forced_retry_that_fails_has_failed(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=())
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [500]
    event = world.ingest()
    world.run()
    world.change(endpoint, state="disabled", disabled_reason="manual")
    delivery = world.trace(event).deliveries[0].id
    world.steering().retry(project(world), delivery, KEY, force=True)
    world.run()
    record = world.trace(event).deliveries[0]
    assert (record.status, record.reason) == (DeliveryStatus.FAILED, "manual_attempt_failed")


@pytest.mark.parametrize("schedule", [(600,), (1, 2, 600), (5_000,)])
def test_a_retry_by_hand_takes_nothing_from_the_schedule(
    world: World, schedule: tuple[int, ...]
) -> None:
    endpoint = world.endpoint(retry_schedule=schedule)
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [500]
    event = world.ingest()
    world.run_for(30)
    before = world.trace(event).deliveries[0]
    promised = before.next_attempt_ms
    assert promised is not None
    for _ in range(2):
        asked = world.steering().retry(project(world), before.id, KEY, force=False)
        step = of_delivery(asked)
        assert step is not None
        follows = f"attempt {asked.attempts_total + 2} follows at {rfc3339(promised)}"
        assert follows in step.text
        world.run()
        failed = world.trace(event).deliveries[0]
        assert (failed.status, failed.step) == (DeliveryStatus.RETRYING, before.step)
        assert failed.next_attempt_ms == promised
        assert failed.attempts[-1].next_attempt_ms == promised
    world.run_for(schedule[-1] + 200, step=5)
    record = world.trace(event).deliveries[0]
    assert (record.status, record.reason) == (DeliveryStatus.FAILED, "attempts_exhausted")
    *_, manual, last = record.attempts
    assert (manual.trigger, last.trigger) == ("manual", "automatic")
    assert 0 <= last.started_ms - promised <= 65_000
    assert record.attempts_total == len(schedule) + 3


def test_after_a_success_by_hand_nothing_follows(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(600,))
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [500, 200]
    event = world.ingest()
    world.run()
    world.steering().retry(project(world), world.trace(event).deliveries[0].id, KEY, force=False)
    world.run_for(2_000, step=10)
    record = world.trace(event).deliveries[0]
    assert (record.status, record.promised_ms) == (DeliveryStatus.SUCCEEDED, None)
    assert record.attempts_total == len(world.sender.requests) == 2


def test_what_was_promised_comes_at_once_when_its_time_is_past(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(60,))
    world.subscription(endpoint)
    event = world.ingest()

    def slow(_: OutgoingRequest) -> int:
        world.clock.advance(20)
        return 500

    world.sender.script[endpoint.url] = [500, slow, 200]
    world.run()
    world.clock.advance(50)
    world.steering().retry(project(world), world.trace(event).deliveries[0].id, KEY, force=False)
    world.run()
    record = world.trace(event).deliveries[0]
    assert record.status is DeliveryStatus.SUCCEEDED
    assert [a.trigger for a in record.attempts] == ["automatic", "manual", "automatic"]
    assert record.attempts[2].started_ms == record.attempts[1].started_ms + 20_000


def test_an_endpoint_that_asks_for_time_gets_it_before_what_was_promised(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(60,))
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [500, answer(429, retry_after="300"), 200]
    event = world.ingest()
    world.run()
    world.steering().retry(project(world), world.trace(event).deliveries[0].id, KEY, force=False)
    world.run()
    record = world.trace(event).deliveries[0]
    assert record.next_attempt_ms == world.clock.ms + 300_000
    world.run_for(320, step=5)
    assert world.trace(event).deliveries[0].status is DeliveryStatus.SUCCEEDED


def test_what_was_promised_outlives_a_worker_that_dies_by_hand(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(3_000,))
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [500, WorkerDied(), 500, 200]
    event = world.ingest()
    world.run()
    promised = world.trace(event).deliveries[0].next_attempt_ms
    world.steering().retry(project(world), world.trace(event).deliveries[0].id, KEY, force=False)
    with pytest.raises(WorkerDied):
        world.run()
    world.run_for(400, step=5)
    record = world.trace(event).deliveries[0]
    assert (record.status, record.next_attempt_ms) == (DeliveryStatus.RETRYING, promised)
    assert record.attempts_total == 3
    world.run_for(3_000, step=10)
    assert world.trace(event).deliveries[0].status is DeliveryStatus.SUCCEEDED
