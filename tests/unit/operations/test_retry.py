"""Bulk retry: all of them, only them, once each, whatever happens on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from hooktrace.adapters.tables import Change, Put
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.errors import Conflict, InvalidInput, NotFound, Unavailable
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import KeyId, ProjectId
from hooktrace.domain.listing import Filters
from hooktrace.domain.messages import OperateTaskV1
from hooktrace.domain.operations import Operation, OperationState
from hooktrace.domain.registry import Endpoint
from hooktrace.ports import Failed, Lost, Write, Written
from hooktrace.usecases.manage_operations import Order
from tests.fakes import WorkerDied
from tests.world import World

KEY = "key_01M3250V00YPRPA8JAB2VS3WER"
RETRIED = frozenset({"failed", "cancelled"})


@pytest.fixture
def world() -> World:
    return World()


def project(world: World) -> ProjectId:
    return ProjectId(world.project.id)


def order(**more: Any) -> Order:
    status = frozenset(more.pop("status", RETRIED))
    endpoints = frozenset(more.pop("endpoints", ()))
    filters = Filters("deliveries", status=status, endpoint_id=endpoints)
    given = {"filter": {"status": sorted(status), "endpoint_id": sorted(endpoints)}}
    return Order("retry", filters, given | more, **more)


def start(world: World, key: str | None = None, **more: Any) -> Operation:
    return world.desk().start(project(world), order(**more), KEY, idempotency_key=key)


def now(world: World, operation: Operation) -> Operation:
    return world.desk().get(project(world), operation.id)


def failed(world: World, count: int, url: str = "http://127.0.0.1:9/e") -> Endpoint:
    """An endpoint with so many failed deliveries; it answers 200 from now on."""
    endpoint = world.endpoint(url, retry_schedule=())
    world.subscription(endpoint, event_types=(f"for.{endpoint.id[-6:].lower()}",))
    world.sender.script[url] = [500]
    events = []
    for _ in range(count):
        world.clock.advance(0.001)
        events.append(world.ingest(event_type=f"for.{endpoint.id[-6:].lower()}"))
    world.run()
    world.sender.script[url] = [200]
    world.sent = {**getattr(world, "sent", {}), endpoint.id: events}  # type: ignore[attr-defined] # test data
    world.sender.requests.clear()
    return endpoint


def deliveries(world: World, endpoint: Endpoint) -> list[DeliveryRecord]:
    events: Sequence[EventRecord] = world.sent[endpoint.id]  # type: ignore[attr-defined] # as above
    return [one for event in events for one in world.trace(event).deliveries]


def requests(world: World) -> Counter[str]:
    """How often each delivery was sent."""
    return Counter(dict(r.headers)["hooktrace-delivery-id"] for r in world.sender.requests)


def check_each_once(world: World, endpoint: Endpoint, operation: Operation) -> None:
    for record in deliveries(world, endpoint):
        manual = [a for a in record.attempts if a.trigger == "manual"]
        assert len(manual) == 1
        assert (manual[0].requested_by, manual[0].operation_id) == (KEY, operation.id)
        assert record.status == "succeeded"


def test_fc_49_all_of_them_and_only_them(world: World) -> None:
    wanted = failed(world, 700)
    others = failed(world, 100, "http://127.0.0.1:9/f")
    good = world.endpoint("http://127.0.0.1:9/good")
    world.subscription(good, event_types=("good",))
    for _ in range(2_200):
        world.ingest(event_type="good")
    world.run()
    world.sender.requests.clear()

    first = start(world, "again", status=["failed"], endpoints=[wanted.id])
    seen = []
    for _ in range(60):
        world.run()
        if world.clock.ms % 3_000 < 1_000:
            again = start(world, "again", status=["failed"], endpoints=[wanted.id])
            assert again.id == first.id
        seen.append(now(world, first).counts)
        world.clock.advance(1)
    final = now(world, first)
    assert final.state is OperationState.COMPLETED
    assert (final.counts.total, final.counts.done, final.counts.succeeded) == (700, 700, 700)
    assert (final.counts.failed, final.counts.skipped) == (0, 0)
    assert {one.total for one in seen} == {700}
    assert [one.done for one in seen] == sorted(one.done for one in seen)
    assert len({one.done for one in seen}) > 3
    check_each_once(world, wanted, final)
    assert {one.status for one in deliveries(world, others)} == {"failed"}
    assert {one.attempts_total for one in deliveries(world, others)} == {1}
    assert len(world.sender.requests) == 700
    assert len(world.desk().newest(project(world), before=None, limit=10)) == 1


def test_fc_43_disabled_while_retries_wait_then_retried_in_bulk(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(60,))
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [503]
    events = [world.ingest() for _ in range(20)]
    world.run()
    disabled = world.change(endpoint, state="disabled", disabled_reason="manual")
    world.run_for(130, step=10)
    records = [world.trace(event).deliveries[0] for event in events]
    assert {(r.status, r.reason) for r in records} == {("cancelled", "endpoint_disabled")}
    assert len(world.sender.requests) == 20
    world.change(disabled, state="enabled", disabled_reason=None)
    world.sender.script[endpoint.url] = [200]
    operation = start(world, status=["cancelled"], endpoints=[endpoint.id])
    world.run_for(5)
    assert now(world, operation).counts.succeeded == 20
    for event in events:
        trace = world.trace(event)
        assert trace.event.status == "succeeded"
        last = trace.deliveries[0].attempts[-1]
        assert (last.trigger, last.requested_by) == ("manual", KEY)
    assert len(world.sender.requests) == 40


def test_cancelled_half_way_and_resumed(world: World) -> None:
    endpoint = failed(world, 2_000)
    operation = start(world)
    while now(world, operation).counts.done < 900:
        world.run()
        world.clock.advance(1)
    world.desk().cancel(project(world), operation.id)
    world.run_for(30)
    half = now(world, operation)
    assert half.state is OperationState.CANCELLED
    assert 900 <= half.counts.done < 2_000
    assert len(world.sender.requests) == half.counts.done
    with pytest.raises(Conflict):
        world.desk().cancel(project(world), operation.id)
    world.desk().resume(project(world), operation.id)
    world.run_for(60)
    final = now(world, operation)
    assert final.state is OperationState.COMPLETED
    assert (final.counts.total, final.counts.done, final.counts.succeeded) == (2_000, 2_000, 2_000)
    assert set(requests(world).values()) == {1}
    check_each_once(world, endpoint, operation)
    with pytest.raises(Conflict):
        world.desk().resume(project(world), operation.id)


def test_a_dry_run_counts_and_changes_nothing(world: World) -> None:
    endpoint = failed(world, 250)
    operation = start(world, dry_run=True)
    world.run_for(5)
    final = now(world, operation)
    assert (final.state, final.counts.total, final.counts.done) == ("completed", 250, 0)
    assert len(final.examples["selected"]) == 10
    assert {one.status for one in deliveries(world, endpoint)} == {"failed"}
    assert world.sender.requests == []


def test_a_dry_run_that_was_cancelled_stays_dry_when_it_is_resumed(world: World) -> None:
    failed(world, 20)
    operation = start(world, dry_run=True)
    world.desk().cancel(project(world), operation.id)
    world.run_for(2)
    world.desk().resume(project(world), operation.id)
    world.run_for(5)
    assert now(world, operation).state is OperationState.COMPLETED
    assert world.sender.requests == []


def test_what_may_not_be_retried_is_skipped_with_a_reason(world: World) -> None:
    disabled = failed(world, 3)
    deleted = failed(world, 2, "http://127.0.0.1:9/d")
    healed = failed(world, 1, "http://127.0.0.1:9/h")
    operation = start(world)

    def moves_on(_: Sequence[Put | Change]) -> None:
        if now(world, operation).counted:
            world.table.after_write = lambda _: None
            world.change(disabled, state="disabled", disabled_reason="manual")
            world.registry.endpoints.delete_endpoint(deleted)
            healing = deliveries(world, healed)[0].id
            world.steering().retry(project(world), healing, KEY, force=False)
            world.deliver_once()

    world.table.after_write = moves_on
    world.run_for(5)
    final = now(world, operation)
    assert (final.state, final.counts.done, final.counts.skipped) == ("completed", 6, 6)
    items = world.desk().items(
        project(world), operation.id, results=frozenset(), start=(0, 0), limit=50
    )
    assert Counter(item.reason for item in items.items) == {
        "endpoint_disabled": 3,
        "endpoint_deleted": 2,
        "status_changed": 1,
    }
    assert len(world.sender.requests) == 1


def test_force_sends_to_a_disabled_endpoint_too(world: World) -> None:
    endpoint = failed(world, 3)
    world.change(endpoint, state="disabled", disabled_reason="manual")
    operation = start(world, force=True)
    world.run_for(5)
    assert now(world, operation).counts.succeeded == 3
    assert len(world.sender.requests) == 3


def test_what_the_operation_changes_is_not_selected_again(world: World) -> None:
    endpoint = failed(world, 130)
    world.sender.script[endpoint.url] = [500]
    operation = start(world)
    world.run_for(20)
    assert now(world, operation).counts.done == 130
    assert len(world.sender.requests) == 130
    reasons = {(one.status, one.reason) for one in deliveries(world, endpoint)}
    assert reasons == {("failed", "manual_attempt_failed")}


def test_items_are_paged_and_filtered_by_result(world: World) -> None:
    endpoint = failed(world, 250)
    skipped = failed(world, 5, "http://127.0.0.1:9/s")
    world.change(skipped, state="disabled", disabled_reason="manual")
    operation = start(world)
    world.run_for(10)
    desk, seen = world.desk(), []
    place: tuple[int, int] | None = (0, 0)
    while place is not None:
        page = desk.items(project(world), operation.id, results=frozenset(), start=place, limit=40)
        seen += [item.id for item in page.items]
        place = page.next_place
    every = [*deliveries(world, endpoint), *deliveries(world, skipped)]
    assert sorted(seen) == sorted(one.id for one in every)
    only = desk.items(
        project(world), operation.id, results=frozenset({"skipped"}), start=(0, 0), limit=40
    )
    assert {item.id for item in only.items} == {one.id for one in deliveries(world, skipped)}


# -- the same key, other bodies, other projects -------------------------------------------


def test_a_key_with_another_body_is_refused(world: World) -> None:
    start(world, "k")
    with pytest.raises(InvalidInput) as refused:
        start(world, "k", status=["failed"])
    assert refused.value.code == "idempotency_key_reused"
    world.ingest(idempotency_key="k")  # keys of events are others


def test_another_project_sees_nothing(world: World) -> None:
    operation = start(world)
    stranger = ProjectId(world.new_project("other").id)
    for call in (world.desk().get, world.desk().cancel, world.desk().resume):
        with pytest.raises(NotFound):
            call(stranger, operation.id)
    assert world.desk().newest(stranger, before=None, limit=10) == []


# -- crashes, duplicates, lost messages ---------------------------------------------------


@pytest.mark.parametrize("at", range(9))
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_worker_killed_at_any_write_loses_and_doubles_nothing(
    world: World, at: int, after: bool
) -> None:
    endpoint = failed(world, 130)
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
    final = now(world, operation)
    assert (final.counts.total, final.counts.done, final.counts.succeeded) == (130, 130, 130)
    assert set(requests(world).values()) == {1}
    check_each_once(world, endpoint, operation)


@pytest.mark.parametrize("queue", ["deliver_queue", "operate_queue"])
@pytest.mark.parametrize("at", range(2))
def test_a_worker_killed_at_any_send_loses_and_doubles_nothing(
    world: World, queue: str, at: int
) -> None:
    endpoint = failed(world, 130)
    operation = start(world)
    sends = 0

    def maybe_die(_: object) -> None:
        nonlocal sends
        sends += 1
        if sends == at + 1:
            raise WorkerDied

    getattr(world, queue).before_send = maybe_die
    drive(world, operation)
    assert now(world, operation).counts.succeeded == 130
    check_each_once(world, endpoint, operation)
    assert set(requests(world).values()) == {1}


def drive(world: World, operation: Operation) -> None:
    """Works until the operation is over, however often the operate worker dies."""
    for _ in range(400):
        for message in list(world.operate_queue.take(1)):
            try:
                world.operate_once([message])
            except WorkerDied:
                continue
        if not now(world, operation).is_active:
            break
        world.clock.advance(5)
    world.table.before_write = world.table.after_write = lambda _: None
    world.run_for(200, step=10)
    assert now(world, operation).state is OperationState.COMPLETED


def test_a_lost_message_is_sent_again_by_sweep(world: World) -> None:
    endpoint = failed(world, 20)
    operation = start(world)
    world.operate_queue.messages.clear()
    world.run_for(400, step=10)
    assert now(world, operation).state is OperationState.COMPLETED
    check_each_once(world, endpoint, operation)
    assert now(world, operation).due_ms is None


def test_duplicates_do_no_harm_and_do_not_multiply(world: World) -> None:
    endpoint = failed(world, 300)
    operation = start(world)
    for message in list(world.operate_queue.messages):
        for _ in range(5):
            world.operate_queue.put(message.body)
    sent_before = world.operate_queue.sent
    world.run_for(20)
    assert now(world, operation).counts.succeeded == 300
    assert set(requests(world).values()) == {1}
    check_each_once(world, endpoint, operation)
    assert world.operate_queue.sent - sent_before < 10


def test_two_workers_at_one_page_do_each_item_once(world: World) -> None:
    endpoint = failed(world, 100)
    operation = start(world)
    (message,) = world.operate_queue.messages
    met = False

    def overtake(ops: Sequence[Put | Change]) -> None:
        nonlocal met
        if not met and isinstance(ops[0], Change) and "D#" in ops[0].after["SK"]["S"]:
            met = True  # the other worker does the whole page while this one is about to write
            current = now(world, operation)
            world.operator().run(OperateTaskV1(project(world), operation.id, current.version))

    world.table.before_write = overtake
    world.operate_once([message])
    assert met
    world.run_for(20)
    final = now(world, operation)
    assert (final.state, final.counts.done, final.counts.succeeded) == ("completed", 100, 100)
    assert set(requests(world).values()) == {1}
    check_each_once(world, endpoint, operation)


def test_a_dead_letter_fails_the_operation_and_it_can_be_resumed(world: World) -> None:
    endpoint = failed(world, 20)
    operation = start(world)

    def broken(_: Sequence[Put | Change]) -> None:
        raise Unavailable("the table is away")

    for _ in range(8):
        world.table.before_write = broken
        for message in list(world.operate_queue.take(1)):
            with pytest.raises(Unavailable):
                world.operate_once([message])
        world.table.before_write = lambda _: None
        world.clock.advance(61)
    assert len(world.operate_queue.dead) == 1
    world.sweep()
    dead = now(world, operation)
    assert (dead.state, dead.reason) == (OperationState.FAILED, "dead_letter_operate")
    assert world.operate_queue.dead == []
    world.desk().resume(project(world), operation.id)
    world.run_for(10)
    assert now(world, operation).state is OperationState.COMPLETED
    check_each_once(world, endpoint, operation)


def test_a_page_under_way_when_it_is_cancelled_is_counted(world: World) -> None:
    failed(world, 100)
    operation = start(world)

    def cancel(_: Any) -> None:
        world.deliver_queue.before_send = lambda _: None
        world.desk().cancel(project(world), operation.id)

    world.deliver_queue.before_send = cancel
    world.run_for(5)
    final = now(world, operation)
    assert (final.state, final.counts.done) == (OperationState.CANCELLED, 100)
    world.desk().resume(project(world), operation.id)
    world.run_for(5)
    final = now(world, operation)
    assert (final.state, final.counts.done) == (OperationState.COMPLETED, 100)
    assert set(requests(world).values()) == {1}


def test_an_expired_operation_is_not_there(world: World) -> None:
    operation = start(world)
    world.operate_queue.messages.clear()
    world.clock.advance(31 * 86_400)
    with pytest.raises(NotFound):
        world.desk().get(project(world), operation.id)
    assert world.desk().newest(project(world), before=None, limit=10) == []


def test_what_was_expunged_is_left_alone(world: World) -> None:
    endpoint = failed(world, 2)
    operation = start(world)
    expunged = deliveries(world, endpoint)[0].event_id
    world.expunging().run(project(world), expunged, KeyId(KEY))
    world.run_for(5)
    final = now(world, operation)
    assert (final.state, final.counts.skipped, final.counts.succeeded) == ("completed", 1, 1)
    (page,) = world.operations.pages(project(world), operation.id, [0])
    assert {item.reason for item in page.items} == {"", "data_expunged"}
    assert len(world.sender.requests) == 1


@pytest.mark.parametrize("is_final", [True, False])
def test_fc_49_a_write_that_is_not_taken_is_its_items_own_affair(
    world: World, is_final: bool
) -> None:
    endpoint = failed(world, 12)
    unlucky = deliveries(world, endpoint)[5].id
    ledger, left = world.ledger.write, [99 if is_final else 1]

    def write(writes: Sequence[Write]) -> list[Written | Lost | Failed]:
        refused = [isinstance(w.after, DeliveryRecord) and w.after.id == unlucky for w in writes]
        if not any(refused) or not left[0]:
            return ledger(writes)
        left[0] -= 1
        taken = iter(ledger([w for w, no in zip(writes, refused, strict=True) if not no]))
        return [Failed("not written", is_final) if no else next(taken) for no in refused]

    world.ledger.write = write  # type: ignore[method-assign] # takes all but one
    operation = start(world, endpoints=[endpoint.id])
    for _ in range(200):
        with suppress(Unavailable):
            world.run()
        world.clock.advance(1)
    counts = now(world, operation).counts
    assert (counts.done, counts.succeeded, counts.failed) == (12, 12 - is_final, int(is_final))
    sent = requests(world)
    assert set(sent.values()) == {1}
    assert (unlucky in sent) is not is_final
