"""One intent, one event: idempotency keys, their races and crash points."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hooktrace.adapters.items import claim_key, next_version
from hooktrace.adapters.tables import Change
from hooktrace.domain.errors import Conflict, InvalidInput, Unavailable
from hooktrace.domain.events import Payload
from hooktrace.domain.ids import ProjectId
from hooktrace.domain.new_event import NewEvent
from hooktrace.domain.states import EventStatus
from hooktrace.usecases.ingest_events import Accepted
from hooktrace.usecases.matching_sets import MatchingSets
from hooktrace.usecases.reject_unmatched import reject_unmatched
from tests.fakes import WorkerDied
from tests.world import World


@pytest.fixture
def world() -> World:
    world = World()
    world.subscription(world.endpoint())
    return world


def new(key: str | None, data: bytes = b'{"a":1}') -> NewEvent:
    return NewEvent("order.created", Payload(data), idempotency_key=key)


def post(world: World, *news: NewEvent) -> list[Any]:
    return list(world.ingester().run(news, world.project))


def test_fc_05_many_callers_one_key_one_body(world: World) -> None:
    with ThreadPoolExecutor(40) as pool:
        answers = [a for (a,) in pool.map(lambda _: post(world, new("k-race")), range(200))]
    assert len({a.record.id for a in answers}) == 1
    assert sum(not a.duplicate for a in answers) == 1
    world.run()
    assert len(world.sender.requests) == 1


def test_fc_06_the_same_key_with_another_body_is_refused(world: World) -> None:
    (first,) = post(world, new("k2"))
    (other,) = post(world, new("k2", b'{"a":2}'))
    assert isinstance(other, InvalidInput)
    assert other.code == "idempotency_key_reused"
    assert first.record.id in other.message
    (again,) = post(world, new("k2"))
    assert (again.record.id, again.duplicate) == (first.record.id, True)
    world.run()
    assert len(world.sender.requests) == 1


def test_a_key_that_others_keep_taking_over_is_at_work(world: World) -> None:
    post(world, new("k"))
    key = claim_key(ProjectId(world.project.id), "k")

    def outpaced(ops: Any) -> None:
        """Somebody else takes the expired claim over, right before each write."""
        (stands,) = world.table.get([key]).values()
        world.table.before_write = lambda _: None
        world.table.write([Change(stands, next_version(stands, stands))])
        world.table.before_write = outpaced

    world.clock.advance(25 * 3600)
    world.table.before_write = outpaced
    seen = len(world.table.stream)
    (busy,) = post(world, new("k"))
    assert isinstance(busy, Conflict)
    assert (busy.code, busy.retry_after_seconds) == ("idempotency_in_progress", 1)
    written = {one["dynamodb"]["Keys"]["SK"]["S"][0] for one in world.table.stream[seen:]}
    assert written == {"I"}
    world.table.before_write = lambda _: None
    (taken,) = post(world, new("k"))
    assert not taken.duplicate


def test_fc_08_one_key_twice_inside_a_batch_and_again_outside(world: World) -> None:
    batch = [new("k"), new(None), new(None), new("k"), new(None), new("k", b"2")]
    answers = post(world, *batch)
    assert isinstance(answers[5], InvalidInput)
    good = [a for a in answers if isinstance(a, Accepted)]
    assert len(good) == 5
    assert answers[3].duplicate
    assert answers[3].record.id == answers[0].record.id
    (outside,) = post(world, new("k"))
    assert (outside.record.id, outside.duplicate) == (answers[0].record.id, True)
    world.run()
    assert len(world.sender.requests) == 4


@pytest.mark.parametrize("step", ["after the key", "after the record", "before the answer"])
def test_fc_07_killed_at_each_step_and_sent_again(world: World, step: str) -> None:
    calls = []

    def die(ops: Any) -> None:
        calls.append(ops)
        if len(calls) == 2:
            world.table.before_write = lambda _: None
            raise WorkerDied

    def die_at_queue(_: Any) -> None:
        world.match_queue.before_send = lambda _: None
        raise WorkerDied

    if step == "after the key":
        world.table.before_write = die
    elif step == "after the record":
        world.match_queue.before_send = die_at_queue
    if step != "before the answer":
        with pytest.raises(WorkerDied):
            post(world, new("lost-1"))
    else:
        post(world, new("lost-1"))
    (again,) = post(world, new("lost-1"))
    assert again.duplicate
    world.run()
    assert world.trace(again.record).event.status is EventStatus.SUCCEEDED
    assert len(world.sender.requests) == 1


def test_a_key_is_free_again_after_a_day(world: World) -> None:
    (first,) = post(world, new("k"))
    world.clock.advance(86_399)
    (same,) = post(world, new("k"))
    assert same.record.id == first.record.id
    world.clock.advance(2)
    (later,) = post(world, new("k"))
    assert later.record.id != first.record.id
    assert not later.duplicate


def test_keys_of_one_project_mean_nothing_in_another(world: World) -> None:
    (first,) = post(world, new("k"))
    world.project = world.new_project("other")
    (other,) = post(world, new("k"))
    assert first.record.id != other.record.id


def test_a_queue_that_refuses_is_503_and_the_same_call_heals_it(world: World) -> None:
    def refuse(_: Any) -> None:
        world.match_queue.before_send = lambda _: None
        raise Unavailable("away")

    world.match_queue.before_send = refuse
    with pytest.raises(Unavailable):
        post(world, new("k"))
    (again,) = post(world, new("k"))
    world.run()
    assert world.trace(again.record).event.status is EventStatus.SUCCEEDED


def test_strict_ingest_records_the_refusal_and_frees_the_key(world: World) -> None:
    sets = MatchingSets(world.registry.matching)
    stray = NewEvent("nobody.wants", Payload(b"{}"), idempotency_key="k")
    for subscription in world.registry.subscriptions.list_subscriptions(
        world.project.id, limit=10, after=None, endpoint_id=None
    ).items:
        world.registry.subscriptions.delete_subscription(subscription)
    rejected = reject_unmatched(stray, world.project, sets=sets, events=world.ingester())
    assert rejected is not None
    trace = world.trace(rejected)
    assert trace.event.status is EventStatus.REJECTED
    assert trace.event.report is not None
    assert trace.event.report["considered"] == 0
    world.run()
    assert world.sender.requests == []
    world.subscription(world.endpoint())
    assert reject_unmatched(stray, world.project, sets=sets, events=world.ingester()) is None
    (accepted,) = post(world, stray)
    assert not accepted.duplicate


def test_strict_ingest_answers_a_known_key_with_its_event(world: World) -> None:
    sets = MatchingSets(world.registry.matching)
    (first,) = post(world, new("strict"))
    world.run()
    for subscription in world.registry.subscriptions.list_subscriptions(
        world.project.id, limit=10, after=None, endpoint_id=None
    ).items:
        world.registry.subscriptions.delete_subscription(subscription)
    again = new("strict")
    assert reject_unmatched(again, world.project, sets=sets, events=world.ingester()) is None
    (answer,) = post(world, again)
    assert (answer.record.id, answer.duplicate) == (first.record.id, True)


def test_a_batch_of_keys_and_large_bodies_is_a_few_calls(world: World) -> None:
    """100 keys one by one, then 100 payloads, would be 200 round trips within 29 seconds."""
    writes: list[int] = []
    stored: list[list[Any]] = []
    plain = world.table.store

    def store(found: Any) -> None:
        stored.append([(one["PK"]["S"], one["SK"]["S"]) for one in found])
        plain(found)

    world.table.before_write = lambda ops: writes.append(len(ops))
    world.table.store = store  # type: ignore[method-assign] # counted
    data = b'"%s"' % world.chance.random.randbytes(3_000).hex().encode()
    news = [new(f"k{n}", data) for n in range(49)] + [new(None, data), new("k0", data)]
    answers = post(world, *news)
    assert writes == [50, 51]
    (keys,) = stored
    assert len(keys) == len(set(keys)) == 50
    assert answers[50].record.id == answers[0].record.id
    assert answers[50].duplicate
    again = post(world, *news)
    assert [one.record.id for one in again[:49]] == [one.record.id for one in answers[:49]]
    world.run()
    assert len(world.sender.requests) == 51


def test_keys_that_have_expired_are_taken_over_in_one_batch(world: World) -> None:
    first = post(world, new("a"), new("b"))
    world.clock.advance(86_401)
    answers = post(world, new("a", b"2"), new("b"), new("a", b"2"), new("c"))
    assert {one.record.id for one in answers}.isdisjoint({one.record.id for one in first})
    assert [one.duplicate for one in answers] == [False, False, True, False]
    assert answers[2].record.id == answers[0].record.id
