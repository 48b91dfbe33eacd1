"""FC-55: the clock steps back."""

from __future__ import annotations

from hooktrace.domain.states import EventStatus
from tests.fakes import WorkerDied
from tests.world import World


def test_fc_55_a_clock_that_steps_back_loses_and_doubles_nothing() -> None:
    world = World()
    endpoint = world.endpoint(retry_schedule=(5, 60))
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [500, WorkerDied(), 200]
    events = []
    for number in range(100):
        if number == 50:
            world.clock.advance(-90)
        events.append(world.ingest())
    assert len({event.id for event in events}) == 100
    world.match_once()
    try:
        world.deliver_once()
    except WorkerDied:
        world.clock.advance(-90)
    world.run_for(600, step=5)
    traces = [world.trace(event) for event in events]
    assert {trace.event.status for trace in traces} == {EventStatus.SUCCEEDED}
    for trace in traces:
        (delivery,) = trace.deliveries
        assert all((a.duration_ms or 0) >= 0 for a in delivery.attempts)
        assert [a.number for a in delivery.attempts] == list(range(1, len(delivery.attempts) + 1))
        assert delivery.due_ms is None
    stamps = [int(dict(r.headers)["webhook-timestamp"]) for r in world.sender.requests]
    assert all(abs(stamp - stamps[0]) < 1_000 for stamp in stamps)
