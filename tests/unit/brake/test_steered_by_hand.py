"""Retry and cancel by hand of deliveries that our own brake holds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from hooktrace.domain.attempts import OutgoingRequest
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.errors import Conflict, Unavailable
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.next_step import of_delivery
from hooktrace.domain.registry import Endpoint, RateLimit
from hooktrace.domain.states import DeliveryStatus, EventStatus
from hooktrace.domain.times import rfc3339
from hooktrace.domain.traffic import MAX_FREED, Traffic
from tests.world import World

KEY = "key_01M3250V00YPRPA8JAB2VS3WER"


@pytest.fixture
def world() -> World:
    return World()


def the_delivery(world: World, event: EventRecord) -> DeliveryRecord:
    (record,) = world.trace(event).deliveries
    return record


def limited(world: World, **more: Any) -> Endpoint:
    fields = {"rate_limit": RateLimit(1, 10), "retry_schedule": (1, 1)} | more
    endpoint = world.endpoint(**fields)
    world.subscription(endpoint)
    return endpoint


def retry(world: World, record: DeliveryRecord) -> DeliveryRecord:
    project = ProjectId(world.project.id)
    return world.steering().retry(project, record.id, KEY, force=False)


def refusal(world: World, record: DeliveryRecord) -> str:
    with pytest.raises(Conflict) as refused:
        retry(world, record)
    assert refused.value.code == "delivery_in_flight"
    return refused.value.message


def cancel(world: World, record: DeliveryRecord) -> None:
    world.steering().cancel(ProjectId(world.project.id), record.id, KEY)


def held_among(world: World, events: list[EventRecord]) -> list[DeliveryRecord]:
    """Those that the rate limit holds, in the order of their turns."""
    records = [the_delivery(world, event) for event in events]
    held = [r for r in records if r.waiting_for == "rate_limit"]
    return sorted(held, key=lambda record: record.next_attempt_ms or 0)


def watched(world: World, endpoint: Endpoint) -> list[int]:
    """The times at which requests reach the endpoint."""
    times: list[int] = []

    def note(_: OutgoingRequest) -> int:
        times.append(world.clock.ms)
        return 200

    world.sender.script[endpoint.url] = [note]
    return times


# -- retry --------------------------------------------------------------------------------


def test_what_waits_for_the_rate_limit_says_so_and_until_when(world: World) -> None:
    limited(world)
    events = [world.ingest(), world.ingest()]
    world.run()
    (held,) = held_among(world, events)
    assert held.next_attempt_ms is not None
    assert refusal(world, held) == (
        "The endpoint's rate limit holds attempt 1: its turn is at"
        f" {rfc3339(held.next_attempt_ms)}. A retry by hand would not come sooner."
    )


def test_what_waits_for_a_permit_says_so_and_until_when(world: World) -> None:
    endpoint = limited(world, rate_limit=None, concurrency=1)
    told: list[str] = []

    def busy(_: OutgoingRequest) -> int:
        if not told:
            second = world.ingest()
            world.match_once()
            world.deliver_once(world.deliver_queue.take())
            held = the_delivery(world, second)
            assert held.next_attempt_ms is not None
            assert rfc3339(held.next_attempt_ms) in refusal(world, held)
            told.append(refusal(world, held))
        return 200

    world.sender.script[endpoint.url] = [busy]
    world.ingest()
    world.run()
    assert told[0].startswith("Attempt 1 waits until fewer requests to the endpoint are under way")


def test_what_is_queued_or_in_flight_says_which_of_both(world: World) -> None:
    endpoint = limited(world, rate_limit=None)
    event = world.ingest()
    world.match_once()
    told = [refusal(world, the_delivery(world, event))]

    def ask(_: OutgoingRequest) -> int:
        told.append(refusal(world, the_delivery(world, event)))
        return 200

    world.sender.script[endpoint.url] = [ask]
    world.run()
    retry(world, the_delivery(world, event))
    told.append(refusal(world, the_delivery(world, event)))
    assert told[0].startswith("The first attempt is queued.")
    assert told[1].startswith("Attempt 1 is in flight, until ")
    assert told[1].endswith(" at the latest.")
    assert told[2].startswith("Attempt 2, asked for by hand, is queued.")


def test_a_retry_by_hand_of_a_retry_that_waits_keeps_its_turn(world: World) -> None:
    endpoint = limited(world)
    world.sender.script[endpoint.url] = [500, 200]
    first = world.ingest()
    world.run_for(2)
    held = the_delivery(world, first)
    assert (held.status, held.waiting_for) == ("retrying", "rate_limit")
    others = [world.ingest() for _ in range(3)]
    world.run()
    retry(world, held)
    world.run()
    after = the_delivery(world, first)
    assert (after.next_attempt_ms, after.by_hand) == (held.next_attempt_ms, KEY)
    world.run_for(12)
    done = the_delivery(world, first)
    assert [a.trigger for a in done.attempts] == ["automatic", "manual"]
    assert done.status is DeliveryStatus.SUCCEEDED
    assert len(held_among(world, others)) == 3
    world.run_for(60)
    assert {the_delivery(world, one).status for one in others} == {DeliveryStatus.SUCCEEDED}
    assert len(world.sender.requests) == 5


def test_cancelled_while_it_waited_then_retried_it_is_pending_and_not_retrying(
    world: World,
) -> None:
    limited(world)
    events = [world.ingest(), world.ingest()]
    world.run()
    (held,) = held_among(world, events)
    cancel(world, held)
    world.notify()
    event = next(e for e in events if e.id == held.event_id)
    assert world.trace(event).event.status is EventStatus.FAILED
    retry(world, held)
    world.run()
    again = the_delivery(world, event)
    assert (again.status, again.waiting_for, again.attempts_total) == ("pending", "rate_limit", 0)
    assert again.by_hand == KEY
    step = of_delivery(again)
    assert step is not None
    assert step.text.startswith("The endpoint's rate limit holds attempt 1: its turn is at ")
    assert world.trace(event).event.status is EventStatus.DELIVERING
    world.run_for(30)
    done = the_delivery(world, event)
    assert (done.status, done.attempts_total) == (DeliveryStatus.SUCCEEDED, 1)
    assert (done.attempts[0].trigger, done.attempts[0].requested_by) == ("manual", KEY)


def test_it_can_be_cancelled_again_and_its_lost_message_is_found(world: World) -> None:
    limited(world, rate_limit=RateLimit(1, 60))
    events = [world.ingest(), world.ingest()]
    world.run()
    (held,) = held_among(world, events)
    event = next(e for e in events if e.id == held.event_id)
    world.run_for(5)
    for _ in range(2):
        cancel(world, the_delivery(world, event))
        retry(world, the_delivery(world, event))
        world.run()
        assert the_delivery(world, event).status is DeliveryStatus.PENDING
    world.deliver_queue.messages.clear()
    world.run_for(2_000, step=5)
    assert the_delivery(world, event).status is DeliveryStatus.SUCCEEDED
    assert len(world.sender.requests) == 2


# -- turns that come back -----------------------------------------------------------------


def test_the_turn_of_a_cancelled_delivery_goes_to_the_next_that_comes(world: World) -> None:
    endpoint = limited(world)
    times = watched(world, endpoint)
    events = [world.ingest() for _ in range(5)]
    world.run()
    held = held_among(world, events)
    assert len(held) == 4
    cancel(world, held[1])
    late = [world.ingest(), world.ingest()]
    world.run()
    turns = sorted(the_delivery(world, one).next_attempt_ms or 0 for one in late)
    assert turns[0] == held[1].next_attempt_ms
    assert turns[1] > (held[3].next_attempt_ms or 0)
    world.run_for(90)
    assert len(times) == 6
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(10_000 <= gap <= 12_000 for gap in gaps), gaps


def test_when_all_that_wait_are_cancelled_nobody_waits_for_them(world: World) -> None:
    endpoint = limited(world, rate_limit=RateLimit(1, 60))
    times = watched(world, endpoint)
    events = [world.ingest() for _ in range(11)]
    world.run()
    held = held_among(world, events)
    for record in held:
        cancel(world, record)
    late = world.ingest()
    world.run()
    assert the_delivery(world, late).next_attempt_ms == held[0].next_attempt_ms
    world.run_for(70)
    assert len(times) == 2
    assert the_delivery(world, late).status is DeliveryStatus.SUCCEEDED


def traffic_of(world: World, endpoint: Endpoint) -> Traffic:
    key = (ProjectId(world.project.id), EndpointId(endpoint.id))
    return world.traffic.read([key])[key]


@pytest.mark.parametrize("backwards", [True, False])
def test_the_queue_is_as_short_as_before_in_whatever_order_they_are_cancelled(
    world: World, backwards: bool
) -> None:
    endpoint = limited(world)
    events = [world.ingest() for _ in range(MAX_FREED + 11)]
    world.run()
    (first, *held) = held_among(world, events)
    assert len(held) == MAX_FREED + 9
    for record in held[::-1] if backwards else held:
        cancel(world, record)
    after = traffic_of(world, endpoint)
    assert len(after.freed_ms) <= MAX_FREED
    turn = after.next_slot_ms(RateLimit(1, 10), world.clock.ms)
    assert turn == held[0].next_attempt_ms
    assert turn == (first.next_attempt_ms or 0) + 11_000


def test_what_was_given_under_another_limit_or_is_over_does_not_come_back(world: World) -> None:
    endpoint = limited(world)
    events = [world.ingest() for _ in range(4)]
    world.run()
    held = held_among(world, events)
    world.clock.advance(1)
    changed = world.change(endpoint, rate_limit=RateLimit(1, 30))
    world.ingest()
    world.run()
    before = traffic_of(world, changed)
    assert before.limit == RateLimit(1, 30)
    for record in held:
        cancel(world, record)
    assert traffic_of(world, changed) == before


def test_a_turn_that_cannot_be_given_back_keeps_nobody_from_cancelling(world: World) -> None:
    endpoint = limited(world)
    events = [world.ingest() for _ in range(3)]
    world.run()
    held = held_among(world, events)
    before = traffic_of(world, endpoint)
    write = world.table.write

    def throttled(ops: Sequence[Any]) -> list[Any]:
        after = ops[0].item if hasattr(ops[0], "item") else ops[0].after
        if after["SK"]["S"] == "T":
            raise Unavailable("throttled")
        return write(ops)

    world.table.write = throttled  # type: ignore[method-assign] # one item cannot be written
    cancel(world, held[0])
    event = next(e for e in events if e.id == held[0].event_id)
    assert the_delivery(world, event).status is DeliveryStatus.CANCELLED
    assert traffic_of(world, endpoint) == before


def test_of_two_that_give_back_at_once_no_turn_is_lost(world: World) -> None:
    endpoint = limited(world)
    events = [world.ingest() for _ in range(5)]
    world.run()
    held = held_among(world, events)
    write, met = world.table.write, []

    def race(ops: Sequence[Any]) -> list[Any]:
        after = ops[0].item if hasattr(ops[0], "item") else ops[0].after
        if after["SK"]["S"] == "T" and not met:
            met.append(True)
            cancel(world, held[0])
        return write(ops)

    world.table.write = race  # type: ignore[method-assign] # somebody is faster
    cancel(world, held[1])
    assert met == [True]
    turns = (held[0].next_attempt_ms, held[1].next_attempt_ms)
    assert traffic_of(world, endpoint).freed_ms == turns


def test_what_waits_for_no_limit_costs_no_write_when_it_is_cancelled(world: World) -> None:
    endpoint = limited(world, rate_limit=None, retry_schedule=(600,))
    world.sender.script[endpoint.url] = [500]
    event = world.ingest()
    world.run()
    before = world.table.meter.counts["writes"]
    cancel(world, the_delivery(world, event))
    assert world.table.meter.counts["writes"] == before + 1
