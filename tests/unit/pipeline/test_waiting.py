"""Waiting for an outcome: at once when it is there, bounded when it is not."""

from __future__ import annotations

from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.domain.states import EventStatus
from hooktrace.usecases.await_outcome import AwaitOutcome
from tests.world import World


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


def waiting(world: World, time: Time) -> AwaitOutcome:
    return AwaitOutcome(world.ledger, pause=time.pause, monotonic=time.monotonic)


def test_the_outcome_ends_the_waiting() -> None:
    world = World()
    world.subscription(world.endpoint())
    event = world.ingest()
    time = Time(world, at=3.0)
    status = waiting(world, time).run(event.project_id, event.id, 20)
    assert status is EventStatus.SUCCEEDED
    assert 3.0 <= time.now < 5.0
    assert time.naps < 12


def test_waiting_ends_in_time_without_an_outcome() -> None:
    world = World()
    event = world.ingest()
    time = Time(world, at=1_000.0)
    assert waiting(world, time).run(event.project_id, event.id, 999) is EventStatus.ACCEPTED
    assert time.now == 25.0


def test_nothing_is_waited_for_that_is_not_there() -> None:
    world = World()
    time = Time(world, at=1_000.0)
    ghost = EventId("evt_01M3250V00YPRPA8JAB2VS3201")
    assert waiting(world, time).run(ProjectId(world.project.id), ghost, 20) is None
    assert time.naps == 0
