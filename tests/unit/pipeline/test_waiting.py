"""Waiting for an outcome: at once when it is there, bounded when it is not, and not too many."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hooktrace.adapters.waiters import TableWaiters, slot_key
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.domain.states import EventStatus
from hooktrace.reading_ports import WaiterSlot
from hooktrace.usecases.await_outcome import AwaitOutcome, Waited
from tests.fakes import FakeChance, WorkerDied
from tests.whole_api import WholeApi
from tests.world import World

GHOST = EventId("evt_01M3250V00YPRPA8JAB2VS3201")


class Time:
    """Moves by what is slept; at `seconds` something happens."""

    def __init__(self, world: World, at: float) -> None:
        self.world, self.at, self.now, self.naps = world, at, 0.0, 0

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.naps += 1
        if self.now >= self.at:
            self.world.run()

    def monotonic(self) -> float:
        return self.now


def slots(world: World, cap: int) -> TableWaiters:
    return TableWaiters(world.table, world.chance, cap)


def waiting(world: World, time: Time, cap: int = 3) -> AwaitOutcome:
    return AwaitOutcome(
        world.ledger,
        slots(world, cap),
        world.clock,
        pause=time.pause,
        monotonic=time.monotonic,
    )


def held(world: World, cap: int = 3) -> int:
    """How many slots of the project are held just now."""
    keys = [slot_key(ProjectId(world.project.id), number) for number in range(cap)]
    items = world.table.get(keys).values()
    return sum(int(item["l"]["N"]) > world.clock.now_ms() for item in items)


def take(world: World, cap: int = 3, *, seconds: int = 20) -> WaiterSlot | None:
    now_ms = world.clock.now_ms()
    project = ProjectId(world.project.id)
    return slots(world, cap).take(project, now_ms=now_ms, until_ms=now_ms + seconds * 1000)


def test_the_outcome_ends_the_waiting() -> None:
    world = World()
    world.subscription(world.endpoint())
    event = world.ingest()
    time = Time(world, at=3.0)
    waited = waiting(world, time).run(event.project_id, event.id, 20)
    assert waited == Waited(EventStatus.SUCCEEDED)
    assert 3.0 <= time.now < 5.0
    assert time.naps < 12
    assert held(world) == 0


def test_waiting_ends_in_time_without_an_outcome() -> None:
    world = World()
    event = world.ingest()
    time = Time(world, at=1_000.0)
    waited = waiting(world, time).run(event.project_id, event.id, 999)
    assert waited == Waited(EventStatus.ACCEPTED)
    assert time.now == 25.0
    assert held(world) == 0


def test_nothing_is_waited_for_that_is_not_there() -> None:
    world = World()
    time = Time(world, at=1_000.0)
    project = ProjectId(world.project.id)
    assert waiting(world, time).run(project, GHOST, 20) == Waited(None)
    assert time.naps == 0


def test_who_finds_the_outcome_takes_no_slot() -> None:
    world = World()
    event = world.ingest()
    world.run()
    time = Time(world, at=1_000.0)
    before = world.table.meter.counts["writes"]
    waited = waiting(world, time, cap=0).run(event.project_id, event.id, 20)
    assert waited == Waited(EventStatus.DISCARDED)
    assert world.table.meter.counts["writes"] == before


def test_without_a_slot_the_state_comes_at_once() -> None:
    world = World()
    event = world.ingest()
    assert all(take(world) for _ in range(3))
    time = Time(world, at=1_000.0)
    waited = waiting(world, time).run(event.project_id, event.id, 20)
    assert waited == Waited(EventStatus.ACCEPTED, had_slot=False)
    assert time.naps == 0
    assert held(world) == 3


def test_a_project_has_slots_of_its_own() -> None:
    world = World()
    assert all(take(world) for _ in range(3))
    world.project = world.new_project("other")
    assert take(world) is not None


def test_fifty_at_once_never_hold_more_slots_than_there_are() -> None:
    world = World()
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda _: take(world, 5), range(50)))
    taken = [slot for slot in found if slot is not None]
    assert 1 <= len(taken) <= 5
    assert len({slot.number for slot in taken}) == len(taken) == held(world, 5)
    while (slot := take(world, 5)) is not None:  # one after the other they all fill
        taken.append(slot)
    assert len({slot.number for slot in taken}) == len(taken) == 5


def test_a_dead_waiter_frees_its_slot_when_its_time_is_over() -> None:
    world = World()
    event = world.ingest()
    time = Time(world, at=1_000.0)

    def die(_: float) -> None:
        raise WorkerDied

    def vanish(_: WaiterSlot) -> None:
        raise Unavailable("the instance is gone")

    dying = waiting(world, time, cap=1)
    dying._pause = die
    dying._slots.release = vanish  # type: ignore[method-assign] # nothing after its death runs
    with pytest.raises(WorkerDied):
        dying.run(event.project_id, event.id, 20)
    assert held(world, 1) == 1
    world.clock.advance(24.9)
    assert take(world, 1) is None
    world.clock.advance(0.2)
    late = take(world, 1)
    assert late is not None


def test_whoever_comes_late_does_not_free_the_slot_of_another() -> None:
    world = World()
    first = take(world, 1, seconds=1)
    assert first is not None
    world.clock.advance(2)
    second = take(world, 1)
    assert second is not None
    slots(world, 1).release(first)
    assert held(world, 1) == 1
    slots(world, 1).release(second)
    assert held(world, 1) == 0


def test_a_write_that_succeeded_but_looked_lost_is_ones_own() -> None:
    world = World()
    taken = take(world, 1, seconds=1)
    assert taken is not None
    world.clock.advance(2)
    repeated = world.table.write

    def twice(ops: Sequence[Any]) -> list[Any]:
        repeated(ops)
        return repeated(ops)

    world.table.write = twice  # type: ignore[method-assign] # the service repeats what it did
    assert take(world, 1) is not None


def test_when_the_slots_cannot_be_reached_nobody_waits_and_nobody_fails() -> None:
    world = World()
    event = world.ingest()

    class Broken:
        def take(self, *_: object, **__: object) -> None:
            raise Unavailable("no slots")

        def release(self, _: WaiterSlot) -> None:
            raise Unavailable("no slots")

    time = Time(world, at=1_000.0)
    one = AwaitOutcome(
        world.ledger, Broken(), world.clock, pause=time.pause, monotonic=time.monotonic
    )
    waited = one.run(event.project_id, event.id, 20)
    assert waited == Waited(EventStatus.ACCEPTED, had_slot=False)


@pytest.mark.parametrize("wish", ["wait=20", "wait=86400", "respond-async, WAIT = 20"])
def test_the_calls_say_that_they_did_not_wait(wish: str) -> None:
    api = WholeApi(World())
    project, tokens = api.project("busy")
    now_ms = api.world.clock.now_ms()
    every = TableWaiters(api.world.table, FakeChance(7), 20)
    while every.take(ProjectId(project), now_ms=now_ms, until_ms=now_ms + 60_000):
        pass
    event = {"type": "order.created", "data": {}}
    posted = api.call("POST", "/v1/events", event, token=tokens["write"], headers={"prefer": wish})
    assert (posted.status, posted.json["status"]) == (202, "accepted")
    assert "preference-applied" not in posted.headers
    assert posted.headers["retry-after"] == "2"
    path = f"/v1/events/{posted.json['id']}"
    shown = api.call("GET", path, token=tokens["read"], query="wait=20")
    assert (shown.status, shown.json["status"]) == (200, "accepted")
    assert shown.headers["retry-after"] == "2"
    api.world.run()
    shown = api.call("GET", path, token=tokens["read"], query="wait=20")
    assert (shown.status, shown.json["status"]) == (200, "discarded")
    assert "retry-after" not in shown.headers
