"""A worker comes back with a success when another one is at the next attempt already.

Every attempt is on the record, also the one that was in flight when the delivery ended.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from hooktrace.domain.attempts import AttemptOutcome, OutgoingRequest
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.delivery_steps import conclude
from hooktrace.domain.errors import Conflict
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import ProjectId
from hooktrace.domain.retry import RetryPolicy
from hooktrace.domain.states import DeliveryStatus, EventStatus
from hooktrace.usecases.delivery_jobs import PutBack
from tests.fakes import WorkerDied, answer
from tests.world import World

KEY = "key_01M3250V00YPRPA8JAB2VS3WER"
SUCCESS, LOST = AttemptOutcome.SUCCESS, AttemptOutcome.WORKER_LOST


@pytest.fixture
def world() -> World:
    return World()


def the_delivery(world: World, event: EventRecord) -> DeliveryRecord:
    (delivery,) = world.trace(event).deliveries
    return delivery


def outcomes(world: World, event: EventRecord) -> list[AttemptOutcome | None]:
    return [attempt.outcome for attempt in the_delivery(world, event).attempts]


@pytest.fixture
def event(world: World) -> EventRecord:
    """Its first attempt succeeded after its lease; the second one's worker died meanwhile."""
    endpoint = world.endpoint(retry_schedule=(600,))
    world.subscription(endpoint)
    event = world.ingest()
    world.match_once()
    (message,) = world.deliver_queue.take()

    def outlive_the_lease(_: OutgoingRequest) -> int:
        world.clock.advance(60)
        copy = replace(message, id="copy")
        world.deliver_queue.messages.append(copy)
        world.sender.script[endpoint.url] = [WorkerDied()]
        with pytest.raises(WorkerDied):
            world.deliver_once([copy])
        return 200

    world.sender.script[endpoint.url] = [outlive_the_lease]
    world.deliver_once([message])
    world.sender.script.clear()
    return event


def retry(world: World, event: EventRecord) -> DeliveryRecord:
    identifier = the_delivery(world, event).id
    return world.steering().retry(ProjectId(world.project.id), identifier, KEY, force=False)


def test_the_attempt_of_a_worker_that_died_is_closed(world: World, event: EventRecord) -> None:
    delivery = the_delivery(world, event)
    assert (delivery.status, outcomes(world, event)) == (DeliveryStatus.SUCCEEDED, [SUCCESS, None])
    world.run_for(300, step=5)
    delivery = the_delivery(world, event)
    assert (delivery.status, outcomes(world, event)) == (DeliveryStatus.SUCCEEDED, [SUCCESS, LOST])
    assert delivery.lease_until_ms is None
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    assert world.deliver_queue.messages == []
    assert len(world.sender.requests) == 2


def test_a_message_that_comes_during_the_lease_comes_again(
    world: World, event: EventRecord
) -> None:
    (copy,) = world.deliver_queue.messages
    assert [type(one) for one in world.deliver_once([copy])] == [PutBack]
    assert outcomes(world, event) == [SUCCESS, None]


@pytest.mark.parametrize("status", [200, 500])
def test_a_worker_that_lives_records_its_own_result(
    world: World, event: EventRecord, status: int
) -> None:
    after = conclude(
        the_delivery(world, event),
        2,
        answer(status),
        now_ms=world.clock.ms,
        policy=RetryPolicy(),
        chance=0.5,
        token="t",
        over_ms=world.clock.ms * 2,
    )
    assert after is not None
    assert (after.status, after.lease_until_ms) == (DeliveryStatus.SUCCEEDED, None)
    assert after.attempts[1].status == status


def test_a_retry_by_hand_waits_for_the_lease_and_closes_what_it_left(
    world: World, event: EventRecord
) -> None:
    with pytest.raises(Conflict) as refused:
        retry(world, event)
    assert refused.value.code == "delivery_in_flight"
    assert "Attempt 2 is in flight, until" in refused.value.message
    world.deliver_queue.messages.clear()
    world.clock.advance(60)
    assert retry(world, event).attempts[1].outcome is LOST
    world.run()
    assert outcomes(world, event) == [SUCCESS, LOST, SUCCESS]


def test_what_has_ended_cannot_be_cancelled_for_what_it_left(
    world: World, event: EventRecord
) -> None:
    world.clock.advance(60)
    with pytest.raises(Conflict):
        world.steering().cancel(ProjectId(world.project.id), the_delivery(world, event).id, KEY)


def test_a_dead_letter_closes_it_too(world: World, event: EventRecord) -> None:
    (copy,) = world.deliver_queue.messages
    world.deliver_queue.messages.clear()
    world.deliver_queue.dead.append(copy)
    world.clock.advance(60)
    world.sweep()
    assert outcomes(world, event) == [SUCCESS, LOST]
    assert world.deliver_queue.dead == []
