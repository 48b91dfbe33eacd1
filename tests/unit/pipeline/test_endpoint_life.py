"""An endpoint from its first failure to its disabling and back, in fake time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from hooktrace.adapters.endpoint_healths import HEALTH
from hooktrace.adapters.items import key_of
from hooktrace.adapters.tables import Change, Put
from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.endpoint_health import DAY_MS, EndpointHealth, HealthState
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.registry import Endpoint
from hooktrace.domain.states import DeliveryStatus, EventStatus
from hooktrace.usecases import manage_endpoints as use
from hooktrace.usecases.amend import any_version
from hooktrace.usecases.endpoint_life import Seen
from tests.fakes import WorkerDied, answer
from tests.world import World

HOUR = 3_600
DAY = 24 * HOUR


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def endpoint(world: World) -> Endpoint:
    made = world.endpoint(retry_schedule=())
    world.subscription(made)
    return made


def try_once(world: World, endpoint: Endpoint, *results: Any) -> EventRecord:
    """One event, answered so."""
    world.sender.script[endpoint.url] = list(results)
    event = world.ingest()
    world.run()
    return event


def now(world: World, endpoint: Endpoint) -> Endpoint:
    found = world.registry.endpoints.get_endpoint(world.project.id, endpoint.id)
    assert found is not None
    return found


def kept(world: World, endpoint: Endpoint) -> EndpointHealth | None:
    key = EndpointId(endpoint.id)
    return world.healths.healths([(ProjectId(world.project.id), key)]).get(key)


def told(world: World) -> list[str]:
    world.notify()
    return [one.kind for one in world.told_of_endpoints]


def enable(world: World, endpoint: Endpoint) -> use.Enabled:
    desk = world.endpoint_desk()
    return use.enable_endpoint(world.project.id, endpoint.id, check=any_version, desk=desk)


def disable(world: World, endpoint: Endpoint) -> Endpoint:
    desk = world.endpoint_desk()
    return use.disable_endpoint(
        world.project.id, endpoint.id, "manual", check=any_version, desk=desk
    )


def die_at_health(world: World) -> None:
    """The worker that writes health next dies before it does."""

    def die(ops: Sequence[Put | Change]) -> None:
        if any(is_health(op) for op in ops):
            world.table.before_write = lambda _: None
            raise WorkerDied

    world.table.before_write = die


def is_health(op: Put | Change) -> bool:
    return key_of(op.item if isinstance(op, Put) else op.after)[1].startswith(HEALTH)


# Five days


def test_five_days_of_failures_end_in_a_warning_and_a_day_later_in_a_disabling(
    world: World, endpoint: Endpoint
) -> None:
    start = world.clock.ms
    disabled_at = None
    for _ in range(6 * 24):
        try_once(world, endpoint, 503)
        if now(world, endpoint).state == "disabled":
            disabled_at = world.clock.ms
            break
        world.clock.advance(HOUR)
    assert disabled_at == start + 5 * DAY_MS
    assert told(world) == ["endpoint.warned", "endpoint.disabled"]
    warned, disabled = world.told_of_endpoints
    assert warned.at_ms == start + 4 * DAY_MS
    assert (warned.detail["outcome"], warned.detail["response_status"]) == ("http_error", 503)
    assert disabled.detail["reason"] == "failing"
    stands = now(world, endpoint)
    assert (stands.disabled_reason, stands.disabled_ms) == ("failing", disabled_at)
    assert world.trace(try_once(world, endpoint, 200)).event.status is EventStatus.DISCARDED


def test_what_was_told_of_is_told_to_have_recovered_once(world: World, endpoint: Endpoint) -> None:
    try_once(world, endpoint, 500)
    world.clock.advance(4 * DAY)
    try_once(world, endpoint, 500)
    assert told(world) == ["endpoint.warned"]
    for _ in range(3):
        try_once(world, endpoint, 200)
    assert told(world) == ["endpoint.warned", "endpoint.recovered"]
    health = kept(world, endpoint)
    assert health is not None
    assert (health.state, health.failing_since_ms) == (HealthState.WORKING, None)


def test_one_success_begins_the_five_days_anew(world: World, endpoint: Endpoint) -> None:
    for _ in range(12):
        try_once(world, endpoint, 500)
        world.clock.advance(3 * DAY)
        try_once(world, endpoint, 200)
        world.clock.advance(DAY)
    assert told(world) == []
    assert now(world, endpoint).state == "enabled"


def test_after_a_long_silence_the_warning_still_comes_a_day_before(
    world: World, endpoint: Endpoint
) -> None:
    try_once(world, endpoint, 500)
    world.clock.advance(10 * DAY)
    try_once(world, endpoint, 500)
    assert told(world) == ["endpoint.warned"]
    world.clock.advance(DAY - 1)
    try_once(world, endpoint, 500)
    assert now(world, endpoint).state == "enabled"
    world.clock.advance(1)
    try_once(world, endpoint, 500)
    assert now(world, endpoint).disabled_reason == "failing"
    assert told(world) == ["endpoint.warned", "endpoint.disabled"]


def test_an_endpoint_enabled_again_has_five_days_again_and_recovers(
    world: World, endpoint: Endpoint
) -> None:
    for days in (0, 4, 1):
        world.clock.advance(days * DAY)
        try_once(world, endpoint, 500)
    assert now(world, endpoint).state == "disabled"
    world.clock.advance(DAY)
    enable(world, endpoint)
    for hours in (1, 90):
        world.clock.advance(hours * HOUR)
        try_once(world, endpoint, 500)
    assert now(world, endpoint).state == "enabled"
    assert told(world) == ["endpoint.warned", "endpoint.disabled"]
    try_once(world, endpoint, 200)
    assert told(world) == ["endpoint.warned", "endpoint.disabled", "endpoint.recovered"]


def test_a_forced_attempt_to_a_disabled_endpoint_says_nothing(
    world: World, endpoint: Endpoint
) -> None:
    event = try_once(world, endpoint, 500)
    disable(world, endpoint)
    before = kept(world, endpoint)
    world.sender.script[endpoint.url] = [200]
    delivery = world.trace(event).deliveries[0].id
    world.steering().retry(ProjectId(world.project.id), delivery, "key_x", force=True)
    world.run()
    assert world.trace(event).deliveries[0].status is DeliveryStatus.SUCCEEDED
    assert kept(world, endpoint) == before
    assert told(world) == ["endpoint.disabled"]


# Costs


def test_an_endpoint_that_works_has_no_record_and_costs_one_read_a_batch(
    world: World, endpoint: Endpoint
) -> None:
    for _ in range(10):
        world.ingest()
    world.match_once()
    reads: list[int] = []
    whole = world.healths.healths

    def count(refs: Any) -> Any:
        asked = list(refs)
        reads.append(len(asked))
        return whole(asked)

    world.healths.healths = count  # type: ignore[method-assign] # counts and passes on
    assert len(world.deliver_once()) == 10
    assert reads == [1]
    assert kept(world, endpoint) is None


def test_a_worker_that_saw_it_work_does_not_look_again_for_ten_seconds(
    world: World, endpoint: Endpoint
) -> None:
    life = world.life()
    success = Seen(endpoint, AttemptOutcome.SUCCESS, 200)

    def reads() -> int:
        before = world.table.meter.counts["reads"]
        life.note([success])
        return world.table.meter.counts["reads"] - before

    assert [reads(), reads()] == [1, 0]
    world.clock.advance(10)
    assert reads() == 1
    life.note([Seen(endpoint, AttemptOutcome.TIMEOUT)])
    assert reads() == 1
    endpoint = world.change(endpoint, description="changed")
    success = Seen(endpoint, AttemptOutcome.SUCCESS, 200)
    assert [reads(), reads()] == [1, 0]
    health = kept(world, endpoint)
    assert health is not None
    assert health.state is HealthState.WORKING


def test_a_batch_with_a_success_does_not_do_nothing_but_fail(
    world: World, endpoint: Endpoint
) -> None:
    failed = Seen(endpoint, AttemptOutcome.HTTP_ERROR, 500)
    world.life().note([failed, Seen(endpoint, AttemptOutcome.SUCCESS, 200), failed])
    assert kept(world, endpoint) is None


# Races and crashes


@pytest.mark.parametrize("days", [4, 5])
def test_of_two_workers_at_once_one_makes_the_change(
    world: World, endpoint: Endpoint, days: int
) -> None:
    failed = Seen(endpoint, AttemptOutcome.HTTP_ERROR, 500)
    for at in range(0, days, 4):
        world.life().note([failed])
        world.clock.advance(4 * DAY if at == 0 else DAY)
    other = world.life()

    def overtake(_: Sequence[Put | Change]) -> None:
        world.table.before_write = lambda _: None
        other.note([failed])

    world.table.before_write = overtake
    world.life().note([failed])
    last = "endpoint.warned" if days == 4 else "endpoint.disabled"
    assert told(world).count(last) == 1
    assert told(world) == ["endpoint.warned", "endpoint.disabled"][: days - 3]
    assert len({one.id for one in world.told_of_endpoints}) == days - 3


def test_a_worker_that_dies_before_the_change_is_made_up_for_by_the_next_result(
    world: World, endpoint: Endpoint
) -> None:
    for days in (0, 4):
        world.clock.advance(days * DAY)
        die_at_health(world)
        with pytest.raises(WorkerDied):
            try_once(world, endpoint, 500)
        world.clock.advance(600)
        try_once(world, endpoint, 500)
    health = kept(world, endpoint)
    assert health is not None
    assert health.state is HealthState.WARNED
    assert told(world) == ["endpoint.warned"]


def test_a_store_that_does_not_answer_delays_no_delivery(world: World, endpoint: Endpoint) -> None:
    def refuse(ops: Sequence[Put | Change]) -> None:
        if any(is_health(op) for op in ops):
            raise Unavailable("not now")

    world.table.before_write = refuse
    event = try_once(world, endpoint, 500)
    assert world.trace(event).deliveries[0].status is DeliveryStatus.FAILED
    assert kept(world, endpoint) is None


@pytest.mark.parametrize("enabled_again", [False, True])
def test_a_disabling_that_was_cut_off_before_it_was_told_is_told_once(
    world: World, endpoint: Endpoint, enabled_again: bool
) -> None:
    die_at_health(world)
    with pytest.raises(WorkerDied):
        try_once(world, endpoint, 410)
    assert now(world, endpoint).disabled_reason == "gone"
    assert told(world) == []
    if enabled_again:
        enable(world, endpoint)
    for _ in range(5):
        world.sweep()
        world.clock.advance(60)
    assert told(world) == ["endpoint.disabled"]
    assert world.told_of_endpoints[0].detail["reason"] == "gone"
    assert world.registry.endpoints.pending_stops() == []


def test_a_manager_that_dies_before_it_is_told_is_made_up_for_before_a_deletion(
    world: World, endpoint: Endpoint
) -> None:
    die_at_health(world)
    with pytest.raises(WorkerDied):
        disable(world, endpoint)
    desk = world.endpoint_desk()
    use.delete_endpoint(world.project.id, endpoint.id, check=any_version, desk=desk)
    assert told(world) == ["endpoint.disabled"]


def test_results_of_attempts_from_before_the_disabling_do_not_count(
    world: World, endpoint: Endpoint
) -> None:
    disable(world, endpoint)
    disabled = kept(world, endpoint)
    for outcome in (AttemptOutcome.SUCCESS, AttemptOutcome.TIMEOUT):
        world.life().note([Seen(endpoint, outcome)])
        assert kept(world, endpoint) == disabled
    again = enable(world, endpoint).endpoint
    world.life().note([Seen(again, AttemptOutcome.SUCCESS, 200)])
    assert told(world) == ["endpoint.disabled", "endpoint.recovered"]


def test_a_disabling_is_not_told_again_by_one_who_read_it_long_ago(
    world: World, endpoint: Endpoint
) -> None:
    old = disable(world, endpoint)
    changed = world.change(old, description="changed while disabled")
    world.life().announce(changed)
    again = enable(world, endpoint).endpoint
    world.life().note([Seen(again, AttemptOutcome.SUCCESS, 200)])
    for stale in (old, changed):
        world.life().announce(stale)
    assert told(world) == ["endpoint.disabled", "endpoint.recovered"]
    world.clock.advance(1)
    disable(world, endpoint)
    assert told(world)[2:] == ["endpoint.disabled"]
    assert len({one.id for one in world.told_of_endpoints}) == 3


# What GET shows


def test_health_shows_what_is_kept_and_what_the_newest_deliveries_say(
    world: World, endpoint: Endpoint
) -> None:
    def report() -> Any:
        return use.read_health(now(world, endpoint), desk=world.endpoint_desk())

    assert (report().state, report().last_success_ms) == ("untried", None)
    try_once(world, endpoint, 200)
    worked = report()
    assert (worked.state, worked.last_failure, worked.disables_ms) == ("working", None, None)
    assert worked.last_success_ms == world.clock.ms + 7
    world.clock.advance(HOUR)
    since = world.clock.ms
    for _ in range(25):
        try_once(world, endpoint, replace(answer(503), duration_ms=0))
        world.clock.advance(60)
    failing = report()
    assert (failing.state, failing.failing_since_ms) == ("failing", since)
    assert failing.last_success_ms == worked.last_success_ms
    assert failing.last_failure.at_ms == world.clock.ms - 60_000
    assert (failing.last_failure.outcome, failing.last_failure.status) == ("http_error", 503)
    assert failing.disables_ms == since + 5 * DAY_MS
    world.clock.advance(6 * DAY)
    assert report().disables_ms == world.clock.ms + DAY_MS
    try_once(world, endpoint, 503)
    assert (report().state, report().warned_ms) == ("warned", world.clock.ms)
    disable(world, endpoint)
    assert (report().state, report().disables_ms) == ("disabled", None)
    enable(world, endpoint)
    assert (report().state, report().failing_since_ms) == ("untried", None)
    try_once(world, endpoint, 200)
    assert (report().state, report().failing_since_ms) == ("working", None)
