"""Bulk replay and re-match: each event once, whatever happens on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from hooktrace.adapters.tables import Change, Put
from hooktrace.domain.errors import Conflict, InvalidInput
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import KeyId, OperationId, ProjectId, event_shard
from hooktrace.domain.listing import Filters
from hooktrace.domain.operations import Action, Operation, OperationState
from hooktrace.usecases.manage_operations import Order
from tests.fakes import WorkerDied
from tests.world import World

KEY = "key_01M3250V00YPRPA8JAB2VS3WER"


@pytest.fixture
def world() -> World:
    return World()


def project(world: World) -> ProjectId:
    return ProjectId(world.project.id)


def start(world: World, action: Action = "rematch", **more: Any) -> Operation:
    status = {"discarded"} if action == "rematch" else more.pop("status", ())
    filters = Filters("events", status=frozenset(status))
    order = Order(action, filters, {"action": action}, **more)
    return world.desk().start(project(world), order, KEY, idempotency_key=None)


def finished(world: World, operation: Operation, seconds: float = 30) -> Operation:
    world.run_for(seconds)
    found = world.desk().get(project(world), operation.id)
    assert found.state is OperationState.COMPLETED
    return found


def items(world: World, operation: Operation) -> Counter[tuple[str, str]]:
    found = world.desk().items(
        project(world), operation.id, results=frozenset(), start=(0, 0), limit=1_000
    )
    return Counter((item.result, item.reason) for item in found.items)


def discarded(world: World, count: int) -> list[EventRecord]:
    events = []
    for _ in range(count):
        world.clock.advance(0.001)
        events.append(world.ingest())
    world.run()
    return events


def test_what_was_discarded_finds_todays_subscription(world: World) -> None:
    events = discarded(world, 130)
    world.subscription(world.endpoint())
    taken = world.ingest()
    world.run()
    operation = start(world)
    final = finished(world, operation)
    assert (final.counts.total, final.counts.succeeded) == (130, 130)
    for event in events:
        trace = world.trace(event)
        assert trace.event.status == "succeeded"
        (delivery,) = trace.deliveries
        assert delivery.operation_id == operation.id
        first = delivery.attempts[0]
        assert (first.trigger, first.requested_by) == ("manual", KEY)
    assert world.trace(taken).event.plan_total == 1
    assert len(world.sender.requests) == 131


def test_what_matches_nothing_still_is_skipped_with_the_report_of_today(world: World) -> None:
    events = discarded(world, 3)
    world.subscription(world.endpoint(), event_types=("other.*",))
    operation = start(world)
    finished(world, operation)
    assert items(world, operation) == {("skipped", "no_match"): 3}
    report = world.trace(events[0]).event.report
    assert report is not None
    assert report["misses"]["type"] == 1


def test_a_replay_delivers_anew_and_keeps_the_history(world: World) -> None:
    world.subscription(world.endpoint())
    events = discarded(world, 5)
    operation = start(world, "replay")
    finished(world, operation)
    for event in events:
        first, second = world.trace(event).deliveries
        assert (first.operation_id, second.operation_id) == (None, operation.id)
        assert (first.replay, second.replay) == (0, 1)
    assert len(world.sender.requests) == 10


def test_to_one_endpoint_goes_what_it_has_not_got(world: World) -> None:
    world.subscription(world.endpoint())
    discarded(world, 5)
    late = world.endpoint("http://127.0.0.1:9/late")
    world.subscription(late)
    both = discarded(world, 2)
    world.sender.requests.clear()
    operation = start(world, "replay", only_endpoint=late.id)
    finished(world, operation)
    assert items(world, operation) == {("succeeded", ""): 5, ("skipped", "delivered_already"): 2}
    assert {request.url for request in world.sender.requests} == {late.url}
    assert len(world.sender.requests) == 5
    assert world.trace(both[0]).event.plan_total == 2


def test_what_cannot_be_replayed_is_skipped(world: World) -> None:
    waiting = world.ingest()
    world.match_queue.messages.clear()
    gone = discarded(world, 1)
    operation = start(world, "replay")
    world.table.delete((f"{project(world)}#{shard(gone[0])}", f"E#{gone[0].ulid}"))
    finished(world, operation, 3)
    counts = items(world, operation)
    assert counts[("skipped", "not_matched_yet")] == 1
    assert world.trace(waiting).event.status == "accepted"


def shard(event: EventRecord) -> int:
    return event_shard(event.ulid)


def test_an_event_that_somebody_else_replayed_meanwhile_is_left_alone(world: World) -> None:
    events = discarded(world, 2)
    world.subscription(world.endpoint())
    operation = start(world)

    def meanwhile(_: Sequence[Put | Change]) -> None:
        if world.desk().get(project(world), operation.id).counted:
            world.table.after_write = lambda _: None
            world.replaying().run(project(world), events[0].id, KEY)

    world.table.after_write = meanwhile
    finished(world, operation)
    assert items(world, operation) == {("succeeded", ""): 1, ("skipped", "status_changed"): 1}
    assert len(world.sender.requests) == 2


@pytest.mark.parametrize("at", range(7))
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_worker_killed_at_any_write_loses_and_doubles_nothing(
    world: World, at: int, after: bool
) -> None:
    events = discarded(world, 3)
    world.subscription(world.endpoint())
    operation = start(world)
    writes = 0

    def maybe_die(_: Sequence[Put | Change]) -> None:
        nonlocal writes
        writes += 1
        if writes == at + 1:
            raise WorkerDied

    setattr(world.table, "after_write" if after else "before_write", maybe_die)
    drive(world, operation)
    assert writes > at
    check_once(world, events, operation)


@pytest.mark.parametrize("at", range(3))
def test_a_worker_killed_at_any_send_loses_and_doubles_nothing(world: World, at: int) -> None:
    events = discarded(world, 3)
    world.subscription(world.endpoint())
    operation = start(world)
    sends = 0

    def maybe_die(_: object) -> None:
        nonlocal sends
        sends += 1
        if sends == at + 1:
            raise WorkerDied

    world.deliver_queue.before_send = maybe_die
    drive(world, operation)
    assert sends > at
    check_once(world, events, operation)


def drive(world: World, operation: Operation) -> None:
    """Works until the operation is over, however often the operate worker dies."""
    for _ in range(100):
        for message in list(world.operate_queue.take(1)):
            try:
                world.operate_once([message])
            except WorkerDied:
                continue
        if not world.desk().get(project(world), operation.id).is_active:
            break
        world.clock.advance(5)
    world.table.before_write = world.table.after_write = lambda _: None
    world.run_for(240, step=10)


def check_once(world: World, events: Sequence[EventRecord], operation: Operation) -> None:
    final = finished(world, operation, 1)
    assert (final.counts.total, final.counts.succeeded) == (len(events), len(events))
    for event in events:
        assert world.trace(event).event.status == "succeeded"
        assert world.trace(event).event.plan_total == 1
    assert len(world.sender.requests) == len(events)


def test_a_dry_run_can_be_carried_out(world: World) -> None:
    discarded(world, 120)
    dry = start(world, dry_run=True)
    assert finished(world, dry).counts.total == 120
    world.subscription(world.endpoint())
    world.ingest()
    more = {"from_operation": dry.id}
    operation = start(world, **more)
    assert finished(world, operation).counts.succeeded == 120
    again = start(world, **more)
    finished(world, again)
    assert items(world, again) == {("skipped", "status_changed"): 120}


def test_items_come_only_from_what_was_completed_and_alike(world: World) -> None:
    discarded(world, 1)
    dry = start(world, dry_run=True)
    with pytest.raises(Conflict):
        start(world, from_operation=dry.id)
    finished(world, dry)
    with pytest.raises(InvalidInput) as refused:
        start(world, "replay", from_operation=dry.id)
    assert refused.value.faults[0].pointer == "/from_operation"
    real = start(world)
    finished(world, real)
    with pytest.raises(InvalidInput):
        start(world, from_operation=real.id)
    with pytest.raises(InvalidInput) as unknown:
        start(world, from_operation=OperationId("op_01M3250V00YPRPA8JAB2VS3201"))
    assert unknown.value.code == "unknown_reference"


def test_what_was_expunged_is_left_alone(world: World) -> None:
    events = discarded(world, 2)
    world.subscription(world.endpoint())
    world.expunging().run(project(world), events[0].id, KeyId(KEY))
    operation = start(world)
    finished(world, operation)
    assert items(world, operation) == {("succeeded", ""): 1, ("skipped", "data_expunged"): 1}
    assert len(world.sender.requests) == 1
