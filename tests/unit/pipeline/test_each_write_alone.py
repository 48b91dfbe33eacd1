"""A write that the ledger does not take, and a look that fails, concern their own record alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hooktrace.adapters.items import Item
from hooktrace.adapters.tables import Change, Put
from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.events import EventRecord, Payload
from hooktrace.domain.ids import ProjectId
from hooktrace.domain.new_event import NewEvent
from hooktrace.domain.registry import Endpoint
from hooktrace.domain.states import DeliveryStatus, EventStatus
from hooktrace.usecases.delivery_jobs import Attempted, PutBack
from hooktrace.usecases.ingest_events import Accepted
from hooktrace.usecases.look_after_failures import LookAfterFailures
from hooktrace.usecases.match_events import Matched, NotNow
from tests.world import World

NOTHING: dict[str, object] = {
    "considered": 0,
    "matched": 0,
    "misses": {"type": 0, "filter": 0, "endpoint_disabled": 0, "subscription_disabled": 0},
    "near_misses": [],
}
GOOD, BAD = "http://127.0.0.1:8001/good", "http://127.0.0.1:8002/bad"


@pytest.fixture
def world() -> World:
    return World()


def refuse(world: World, wanted: Callable[[Item], bool], times: int = 1) -> None:
    """The table takes no write of such an item, so many times."""
    left = [times]

    def look(op: Put | Change) -> None:
        if left[0] and wanted(op.item if isinstance(op, Put) else op.after):
            left[0] -= 1
            raise Unavailable("throttled")

    world.table.before_op = look


def status_is(status: str, part: str = "") -> Callable[[Item], bool]:
    def wanted(item: Item) -> bool:
        return bool(item.get("s", {}).get("S") == status and part in item["SK"]["S"])

    return wanted


def two(world: World) -> tuple[EventRecord, Endpoint, Endpoint]:
    """One event to an endpoint that is well and to one that answers 500, then 200."""
    good, bad = world.endpoint(GOOD), world.endpoint(BAD)
    for endpoint in (good, bad):
        world.subscription(endpoint)
    world.sender.script[BAD] = [500, 200]
    event = world.ingest()
    world.match_once()
    return event, good, bad


def of(world: World, event: EventRecord, endpoint: Endpoint) -> DeliveryRecord:
    found = world.trace(event).deliveries
    (one,) = [record for record in found if record.endpoint_id == endpoint.id]
    return one


def outcomes(record: DeliveryRecord) -> list[AttemptOutcome | None]:
    return [attempt.outcome for attempt in record.attempts]


def test_a_claim_that_is_not_taken_lets_the_others_be_sent(world: World) -> None:
    world.subscription(world.endpoint(GOOD))
    events = [world.ingest() for _ in range(10)]
    world.match_once()
    refuse(world, status_is("delivering", "D#"))
    answers = world.deliver_once()
    assert [type(one) for one in answers] == [PutBack, *[Attempted] * 9]
    world.run_for(120)
    assert len(world.sender.requests) == 10
    for event in events:
        (delivery,) = world.trace(event).deliveries
        assert outcomes(delivery) == [AttemptOutcome.SUCCESS]


def test_a_result_that_is_not_taken_puts_its_own_message_back(world: World) -> None:
    event, good, bad = two(world)
    refuse(world, status_is("retrying", "D#"))
    answers = world.deliver_once()
    assert sorted(type(one).__name__ for one in answers) == ["Attempted", "PutBack"]
    assert of(world, event, good).status is DeliveryStatus.SUCCEEDED
    world.run_for(600)
    assert outcomes(of(world, event, good)) == [AttemptOutcome.SUCCESS]
    assert outcomes(of(world, event, bad)) == [AttemptOutcome.WORKER_LOST, AttemptOutcome.SUCCESS]


def test_a_queue_that_is_away_puts_back_only_what_has_something_to_follow(world: World) -> None:
    event, good, bad = two(world)

    def away(_: object) -> None:
        raise Unavailable("the queue is away")

    world.deliver_queue.before_send = away
    answers = world.deliver_once()
    assert sorted(type(one).__name__ for one in answers) == ["Attempted", "PutBack"]
    world.deliver_queue.before_send = lambda _: None
    world.run_for(120)
    assert outcomes(of(world, event, good)) == [AttemptOutcome.SUCCESS]
    assert outcomes(of(world, event, bad)) == [AttemptOutcome.HTTP_ERROR, AttemptOutcome.SUCCESS]


class Looks:
    """The registry's endpoints as a worker sees them after failures; counts, and may fail."""

    def __init__(self, world: World, *, fails: bool = False) -> None:
        self.whole = world.registry.endpoints
        self.fails = fails
        self.calls = 0

    def get_endpoints(self, project_id: str, endpoint_ids: Any) -> dict[str, Endpoint]:
        self.calls += 1
        if self.fails:
            raise Unavailable("throttled")
        return self.whole.get_endpoints(project_id, endpoint_ids)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is a call for each failure")


def deliver(world: World, looks: Any) -> list[Any]:
    worker = world.deliverer()
    worker._failures = LookAfterFailures(endpoints=looks, life=world.life())
    world.deliverer = lambda: worker  # type: ignore[method-assign] # this very worker
    try:
        return world.deliver_once()
    finally:
        del world.deliverer  # type: ignore[method-assign] # a new one again


def test_an_endpoint_that_cannot_be_read_loses_no_result(world: World) -> None:
    event, good, bad = two(world)
    answers = deliver(world, Looks(world, fails=True))
    assert [type(one) for one in answers] == [Attempted, Attempted]
    assert of(world, event, good).status is DeliveryStatus.SUCCEEDED
    assert of(world, event, bad).status is DeliveryStatus.RETRYING
    world.run_for(120)
    assert outcomes(of(world, event, bad)) == [AttemptOutcome.HTTP_ERROR, AttemptOutcome.SUCCESS]
    assert len(world.sender.requests) == 3


def test_an_endpoint_that_was_stopped_unseen_gets_nothing_more(world: World) -> None:
    event, _, bad = two(world)
    deliver(world, Looks(world, fails=True))
    world.change(bad, state="disabled")
    world.run_for(120)
    ended = of(world, event, bad)
    assert (ended.status, ended.reason) == (DeliveryStatus.CANCELLED, "endpoint_disabled")
    assert [r.url for r in world.sender.requests].count(BAD) == 1


def test_a_410_of_an_endpoint_that_cannot_be_read_disables_it_the_next_time(world: World) -> None:
    event, _, bad = two(world)
    world.sender.script[BAD] = [410]
    deliver(world, Looks(world, fails=True))
    assert of(world, event, bad).status is DeliveryStatus.RETRYING
    world.run_for(120)
    assert of(world, event, bad).reason == "permanent_status_410"
    now = world.registry.endpoints.get_endpoint(world.project.id, bad.id)
    assert now is not None
    assert now.disabled_reason == "gone"
    assert [r.url for r in world.sender.requests].count(BAD) == 2


def test_one_look_serves_all_failures_of_a_project(world: World) -> None:
    for port in range(8):
        url = f"http://127.0.0.1:{9000 + port}/bad"
        world.sender.script[url] = [500]
        world.subscription(world.endpoint(url))
    world.ingest()
    world.match_once()
    looks = Looks(world)
    assert len(deliver(world, looks)) == 8
    assert looks.calls == 1


def test_a_batch_of_successes_looks_at_no_endpoint(world: World) -> None:
    world.subscription(world.endpoint(GOOD))
    world.ingest()
    world.match_once()
    looks = Looks(world)
    assert len(deliver(world, looks)) == 1
    assert looks.calls == 0


def test_a_report_that_is_not_taken_holds_up_no_other_event(world: World) -> None:
    world.subscription(world.endpoint(GOOD))
    events = [world.ingest() for _ in range(10)]
    refuse(world, status_is("delivering", "E#"))
    answers = world.match_once()
    assert [type(one) for one in answers] == [NotNow, *[Matched] * 9]
    world.run()
    statuses = [world.trace(event).event.status for event in events]
    assert statuses == [EventStatus.ACCEPTED, *[EventStatus.SUCCEEDED] * 9]
    world.run_for(120)
    assert world.trace(events[0]).event.status is EventStatus.SUCCEEDED


def test_an_event_that_matches_nothing_needs_no_queue(world: World) -> None:
    world.subscription(world.endpoint(GOOD), event_types=("order.*",))
    wanted, unwanted = world.ingest(), world.ingest(event_type="other")

    def away(tasks: Any) -> None:
        if tasks:
            raise Unavailable("the queue is away")

    world.deliver_queue.before_send = away
    assert [type(one) for one in world.match_once()] == [NotNow, Matched]
    assert world.trace(unwanted).event.status is EventStatus.DISCARDED
    world.deliver_queue.before_send = lambda _: None
    world.run_for(120)
    assert world.trace(wanted).event.status is EventStatus.SUCCEEDED


def new(number: int, **more: Any) -> NewEvent:
    return NewEvent("order.created", Payload(b'{"n":%d}' % number), **more)


def test_fc_03a_of_a_batch_that_is_taken_in_part_each_event_has_its_answer(world: World) -> None:
    world.subscription(world.endpoint(GOOD))
    refuse(world, status_is("accepted"))
    answers = world.ingester().run([new(n) for n in range(100)], world.project)
    assert isinstance(answers[0], Unavailable)
    assert all(isinstance(one, Accepted) for one in answers[1:])
    (again,) = world.ingester().run([new(0)], world.project)
    assert isinstance(again, Accepted)
    world.run()
    assert len(world.sender.requests) == 100


@pytest.mark.parametrize("part", ["I#", "B#"])
def test_fc_03a_a_key_or_a_payload_that_is_not_taken_fails_its_own_event(
    world: World, part: str
) -> None:
    store = world.table.store
    news = [new(n, idempotency_key=f"k{n}") for n in range(3)]
    if part == "I#":
        refuse(world, lambda item: item["SK"]["S"].startswith("I#"))
    else:
        data = b'"%s"' % world.chance.random.randbytes(3_000).hex().encode()
        big = NewEvent("order.created", Payload(data))
        news[0] = big

        def away(items: Any) -> None:
            raise Unavailable("throttled")

        world.table.store = away  # type: ignore[method-assign] # the payload's way
    answers = world.ingester().run(news, world.project)
    assert [type(one) for one in answers] == [Unavailable, Accepted, Accepted]
    world.table.store = store  # type: ignore[method-assign] # as it was
    (again,) = world.ingester().run(news[:1], world.project)
    assert isinstance(again, Accepted)
    assert not again.duplicate


def test_a_batch_of_which_nothing_is_taken_is_refused_as_a_whole(world: World) -> None:
    refuse(world, lambda _: True, times=99)
    with pytest.raises(Unavailable):
        world.ingester().run([new(n) for n in range(3)], world.project)


def test_a_strict_rejection_that_is_not_stored_is_not_told(world: World) -> None:
    refuse(world, status_is("rejected"))
    with pytest.raises(Unavailable):
        world.ingester().reject(new(1), world.project, NOTHING)


def test_a_roll_up_that_is_not_taken_repeats_the_batch_after_the_others(world: World) -> None:
    world.subscription(world.endpoint(GOOD))
    events = [world.ingest() for _ in range(3)]
    world.match_once()
    world.deliver_once()
    refs = [(ProjectId(world.project.id), event.id) for event in events]
    refuse(world, status_is("succeeded", "E#"))
    with pytest.raises(Unavailable):
        world.roll_up().run(refs)
    statuses = [world.trace(event).event.status for event in events]
    assert statuses == [EventStatus.DELIVERING, *[EventStatus.SUCCEEDED] * 2]
    assert [one.id for one in world.roll_up().run(refs)] == [events[0].id]


def test_an_item_that_no_table_takes_poisons_no_batch(world: World) -> None:
    """`matched_by` of a delivery may be as long as a project has subscriptions."""
    event, good, bad = two(world)
    fat = "x" * 500_000

    def fatten(ops: Any) -> None:
        for op in ops:
            if isinstance(op, Put) and bad.id[3:] in op.item["SK"]["S"]:
                op.item["m"] = {"S": fat}

    world.table.before_write = fatten
    world.deliver_once()
    assert of(world, event, good).status is DeliveryStatus.SUCCEEDED
    assert of(world, event, bad).status is DeliveryStatus.PENDING
