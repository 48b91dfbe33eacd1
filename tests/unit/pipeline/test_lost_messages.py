"""Messages that are gone, or dead, at the worst moment: siblings of FC-03 and FC-60."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hooktrace.adapters.memory.queue import MemoryQueue, Message
from hooktrace.domain.attempts import AttemptOutcome, OutgoingRequest, SendResult
from hooktrace.domain.ids import ProjectId
from hooktrace.domain.messages import encode
from hooktrace.domain.registry import RateLimit
from hooktrace.domain.states import DELIVERY_ENDS, DeliveryStatus, EventStatus
from hooktrace.usecases.ingest_events import match_task
from tests.unit.history.test_retention import KEY
from tests.world import World

PLAN_IN_PAGES = 60


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("others", [0, PLAN_IN_PAGES])
def test_an_earlier_round_ends_although_a_replay_has_ended_like_fc_03c(
    world: World, others: int
) -> None:
    """The event's status follows from the latest round, so it is at its end long before."""
    limited = world.endpoint(rate_limit=RateLimit(1, 60))
    world.subscription(limited)
    world.ingest()
    for number in range(others):
        world.subscription(world.endpoint(f"http://127.0.0.1:9/{number}"))
    event = world.ingest()
    world.run()
    first = next(d for d in world.trace(event).deliveries if d.endpoint_id == limited.id)
    assert (first.status, first.waiting_for) == (DeliveryStatus.PENDING, "rate_limit")
    world.deliver_queue.messages.clear()  # lost
    limited = world.change(limited, rate_limit=None)
    world.replaying().run(ProjectId(event.project_id), event.id, KEY)
    world.run()
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    world.run_for(400, step=20)
    assert {d.status for d in world.trace(event).deliveries} == {DeliveryStatus.SUCCEEDED}


def test_what_waits_when_the_audit_looks_last_is_looked_for_again_like_fc_03c(
    world: World,
) -> None:
    endpoint = world.endpoint(retry_schedule=())
    world.subscription(endpoint)

    def hang(_: OutgoingRequest) -> SendResult:
        world.clock.advance(15)
        return SendResult(AttemptOutcome.TIMEOUT, "No answer.", duration_ms=15_000)

    world.sender.script[endpoint.url] = [hang, 200]
    event = world.ingest()
    late = world.match_queue.messages.pop()
    world.clock.advance(20 * 60)  # an outage of the workers
    world.ingest()
    world.run()
    world.match_queue.put(late.body)
    world.match_once()
    world.deliver_once()
    (delivery,) = world.trace(event).deliveries
    assert (delivery.status, delivery.waiting_for) == (DeliveryStatus.PENDING, "slow_lane")
    world.slow_queue.messages.clear()  # lost
    world.run_for(30 * 60, step=30)
    (delivery,) = world.trace(event).deliveries
    assert delivery.status is DeliveryStatus.SUCCEEDED
    after = world.trace(event).event
    world.run_for(30 * 60, step=60)
    assert world.trace(event).event.due_ms is None, after.due_ms


@pytest.mark.parametrize("size", [10, 3_000, 60_000])
def test_a_dead_match_message_without_a_record_makes_the_trace_like_fc_60(
    world: World, size: int
) -> None:
    """Ingest stores the event first; one that is gone all the same is no silent loss."""
    plain = bytes(world.chance.random.randbytes(size // 2).hex(), "ascii")
    event = world.ingest(b'{"a":"%s"}' % plain)
    (message,) = world.match_queue.messages
    for key in [key for key in world.table._items if key[1] == f"E#{event.ulid}"]:
        world.table.delete(key)
    world.match_queue.messages.clear()
    world.match_queue.dead.append(message)
    world.sweep()
    trace = world.trace(event)
    assert (trace.event.status, trace.event.reason) == (EventStatus.FAILED, "dead_letter_match")
    assert trace.payload is not None
    assert trace.payload.data == b'{"a":"%s"}' % plain
    assert world.match_queue.dead == []
    world.subscription(world.endpoint())
    world.replaying().run(ProjectId(event.project_id), event.id, KEY)
    world.run()
    assert world.trace(event).event.status is EventStatus.SUCCEEDED


def test_a_dead_match_message_raises_no_event_whose_days_are_over_like_fc_64(world: World) -> None:
    event = world.ingest()
    world.table.delete(next(key for key in world.table._items if key[1] == f"E#{event.ulid}"))
    message = Message("m", encode(replace(match_task(event, event.packed))), 0)
    world.match_queue.messages.clear()
    world.match_queue.dead.append(message)
    world.clock.advance(31 * 86_400)
    world.sweep()
    assert world.match_queue.dead == []
    assert not [key for key in world.table._items if key[1] == f"E#{event.ulid}"]


class TenAtATime(MemoryQueue):
    """As SQS: ten letters of a read at most, and those that were read are out of sight."""

    hidden = 0

    def receive(self) -> list[tuple[str, str]]:
        letters = super().receive()[self.hidden : self.hidden + 10]
        self.hidden += len(letters)
        return letters

    def delete(self, handle: str) -> None:
        super().delete(handle)
        self.hidden -= 1


def test_letters_that_nobody_can_read_hide_no_others_like_fc_60(world: World) -> None:
    world.subscription(world.endpoint())
    events = [world.ingest() for _ in range(25)]
    queue = TenAtATime(world.clock)
    queue.dead = [Message(f"x{n}", f"not ours {n}", 0) for n in range(15)]
    queue.dead += world.match_queue.messages
    world.match_queue = queue
    counts = world.sweep()
    assert (counts["dead_unreadable"], counts["dead_written_back"]) == (15, 25)
    assert {world.trace(event).event.status for event in events} == {EventStatus.FAILED}
    assert len(queue.dead) == 15


def test_every_delivery_of_a_replayed_event_ends_like_fc_42(world: World) -> None:
    """Several rounds at once, each with its messages lost: the audit sends all of them."""
    world.subscription(world.endpoint())
    event = world.ingest()
    world.match_once()
    for _ in range(3):
        world.replaying().run(ProjectId(event.project_id), event.id, KEY)
    last = world.deliver_queue.messages.pop()
    world.deliver_queue.messages.clear()
    world.deliver_queue.put(last.body)
    world.run_for(300, step=20)
    deliveries = world.trace(event).deliveries
    assert [d.replay for d in deliveries] == [0, 1, 2, 3]
    assert {d.status for d in deliveries} <= DELIVERY_ENDS
    assert len(world.sender.requests) == 4
