"""The default schedule to its end, in fake time, with what the trace says at each moment."""

from __future__ import annotations

import pytest

from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.next_step import of_delivery, of_event
from hooktrace.domain.retry import DEFAULT_SCHEDULE, JITTER, QUEUE_DELAY_MAX_SECONDS
from hooktrace.domain.states import DeliveryStatus, EventStatus
from hooktrace.domain.times import rfc3339
from tests.world import World

SWEEP_SECONDS = 60
STEP_SECONDS = 1.0
COARSE_SECONDS = 30


@pytest.mark.parametrize("at", [0.0, 0.5, 0.999])
def test_ten_attempts_at_their_times_and_then_the_end(at: float) -> None:
    world = World()
    world.chance.at = at
    endpoint = world.endpoint()
    world.sender.script[endpoint.url] = [500]
    world.subscription(endpoint)
    event = world.ingest()
    world.run()
    for step, seconds in enumerate(DEFAULT_SCHEDULE):
        trace = world.trace(event)
        (delivery,) = trace.deliveries
        made, due_ms = step + 1, delivery.next_attempt_ms
        assert due_ms is not None
        assert delivery.status is DeliveryStatus.RETRYING
        assert delivery.attempts_total == made
        delay = due_ms - delivery.attempts[-1].started_ms
        assert delay == round(seconds * (1 - JITTER + 2 * JITTER * at) * 1000)
        assert delivery.attempts[-1].next_attempt_ms == due_ms
        of_one = of_delivery(delivery)
        assert of_one is not None
        assert (of_one.action, of_one.at_ms) == ("attempt", due_ms)
        assert of_one.text == f"Attempt {made + 1} follows at {rfc3339(due_ms)}."
        assert of_event(trace.event, trace.deliveries) == of_one
        # Nothing goes out before its time (queue delays are whole seconds) ...
        _wait_until(world, due_ms - 2_000)
        assert len(world.sender.requests) == made
        # ... and it is late by no more than a round of the sweep.
        world.run_for(SWEEP_SECONDS + 4, step=STEP_SECONDS)
        assert len(world.sender.requests) == made + 1
        (delivery,) = world.trace(event).deliveries
        late_ms = delivery.attempts[-1].started_ms - due_ms
        through_sweep = delay > QUEUE_DELAY_MAX_SECONDS * 1000
        assert -1_000 <= late_ms <= (SWEEP_SECONDS if through_sweep else 1) * 1000
    trace = world.trace(event)
    (delivery,) = trace.deliveries
    assert delivery.status is DeliveryStatus.FAILED
    assert delivery.reason == "attempts_exhausted"
    assert [a.outcome for a in delivery.attempts] == [AttemptOutcome.HTTP_ERROR] * 10
    assert trace.event.status is EventStatus.FAILED
    assert of_delivery(delivery) is None
    assert of_event(trace.event, trace.deliveries) is None
    total = (delivery.attempts[-1].started_ms - delivery.attempts[0].started_ms) / 1000
    planned = sum(DEFAULT_SCHEDULE) * (1 - JITTER + 2 * JITTER * at)
    assert planned <= total + 10 <= planned + 10 + 9 * SWEEP_SECONDS
    world.run_for(2 * 86_400, step=600)
    assert len(world.sender.requests) == 10


def _wait_until(world: World, at_ms: int) -> None:
    """In long steps while it is far, then second by second."""
    far = (at_ms - world.clock.ms) // 1000 - COARSE_SECONDS
    if far > 0:
        world.run_for(far, step=COARSE_SECONDS)
    world.run_for((at_ms - world.clock.ms) / 1000, step=STEP_SECONDS)
