"""How long events are kept: successes and failures apart, all parts together, hidden at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hooktrace.domain.errors import NotFound
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import KeyId, ProjectId
from hooktrace.domain.states import DeliveryStatus, EventStatus
from tests.fakes import WorkerDied
from tests.unit.history.test_expunge import large
from tests.unit.listing.room import Room
from tests.unit.manage.room import make_room
from tests.world import World

KEY = KeyId("key_01M3250V00YPRPA8JAB2VS3WER")
DAY = 86_400


@pytest.fixture
def world() -> World:
    world = World()
    keep(world, 10, 60)
    return world


def keep(world: World, days: int, failure_days: int | None) -> None:
    """A project with this retention."""
    world.project = world.new_project(
        "kept", retention_days=days, failure_retention_days=failure_days
    )


def days_left(world: World) -> dict[str, set[float]]:
    """Kind of item → days that items of it are kept, from now."""
    now_s = world.clock.ms / 1000
    left: dict[str, set[float]] = {}
    for (_, sort), item in world.table._items.items():
        if sort[:2] in {"E#", "D#", "B#", "M#", "A#"}:
            left.setdefault(sort[0], set()).add(round((int(item["x"]["N"]) - now_s) / DAY, 1))
    return left


def failing(world: World, **more: Any) -> EventRecord:
    endpoint = world.endpoint("http://127.0.0.1:9/bad", retry_schedule=())
    world.sender.script[endpoint.url] = [500]
    world.subscription(endpoint)
    return world.ingest(large(2_000), **more)


def test_a_success_is_kept_for_its_days_and_its_delivery_with_it(world: World) -> None:
    world.subscription(world.endpoint())
    event = world.ingest(large(2_000))
    assert days_left(world) == {"B": {60}, "E": {60}}
    world.match_once()
    world.deliver_once()
    assert days_left(world)["D"] == {10}
    world.notify()
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    assert days_left(world) == {"B": {60}, "E": {10}, "D": {10}}


def test_a_failure_is_kept_for_its_days_with_all_that_belongs_to_it(world: World) -> None:
    event = failing(world)
    world.run()
    assert world.trace(event).event.status is EventStatus.FAILED
    assert days_left(world) == {"B": {60}, "E": {60}, "D": {60}}


def test_what_was_discarded_or_rejected_is_no_failure(world: World) -> None:
    world.ingest()
    world.run()
    assert days_left(world) == {"E": {10}}
    from hooktrace.domain.events import Payload
    from hooktrace.domain.new_event import NewEvent

    report = {"considered": 0, "matched": 0, "misses": {}, "near_misses": []}
    rejected = world.ingester().reject(NewEvent("a", Payload(b"{}")), world.project, report)
    assert rejected.expires_s == world.clock.ms // 1000 + 10 * DAY


def test_the_successes_of_a_partial_event_last_as_long_as_it(world: World) -> None:
    world.subscription(world.endpoint("http://127.0.0.1:9/good"))
    event = failing(world)
    world.run()
    assert world.trace(event).event.status is EventStatus.PARTIAL
    assert days_left(world) == {"B": {60}, "E": {60}, "D": {60}}
    world.clock.advance(59 * DAY)
    assert {d.status for d in world.trace(event).deliveries} == {
        DeliveryStatus.SUCCEEDED,
        DeliveryStatus.FAILED,
    }


def test_a_crash_before_the_partial_event_is_written_is_healed(world: World) -> None:
    world.subscription(world.endpoint("http://127.0.0.1:9/good"))
    event = failing(world)
    world.match_once()
    world.deliver_once()
    writes = []

    def dies(ops: Any) -> None:
        writes.append(ops)
        raise WorkerDied

    records = list(world.table.stream)
    world.table.after_write = dies
    with pytest.raises(WorkerDied):
        world.notify()
    assert len(writes) == 1  # the delivery is longer kept; the event does not say partial yet
    world.table.after_write = lambda _: None
    world.table.stream = records
    world.notify()
    assert world.trace(event).event.status is EventStatus.PARTIAL
    assert days_left(world) == {"B": {60}, "E": {60}, "D": {60}}


def test_projects_that_keep_both_alike_pay_nothing_more() -> None:
    world = World()
    keep(world, 30, None)
    world.subscription(world.endpoint("http://127.0.0.1:9/good"))
    event = failing(world)
    world.run()
    assert world.trace(event).event.status is EventStatus.PARTIAL
    assert days_left(world) == {"B": {30}, "E": {30}, "D": {30}}
    # payload, event, report, two deliveries born and ended, roll-up; the failing endpoint's health
    assert world.table.meter.counts["writes"] == 1 + 1 + 1 + 2 * 2 + 1 + 1


def test_a_retry_by_hand_moves_it_from_one_to_the_other(world: World) -> None:
    event = failing(world)
    world.run()
    url = "http://127.0.0.1:9/bad"
    steering = world.steering()
    for answers, kept in (([200], 10), ([500], 60), ([200], 10)):
        world.sender.script[url] = answers
        delivery = world.trace(event).deliveries[0].id
        steering.retry(ProjectId(event.project_id), delivery, KEY, force=False)
        world.run()
        assert days_left(world) == {"B": {60}, "E": {kept}, "D": {kept}}


def test_a_changed_setting_holds_for_what_ends_afterwards(world: World) -> None:
    from dataclasses import replace

    world.subscription(world.endpoint())
    world.ingest()
    world.run()
    before = world.project
    world.project = world.registry.projects.replace_project(
        replace(before, retention_days=3), before=before
    )
    world.clock.advance(31)  # projects are remembered for half a minute
    world.ingest()
    world.run()
    kept = sorted(
        int(item["x"]["N"]) - world.clock.ms // 1000
        for (_, sort), item in world.table._items.items()
        if sort.startswith("E#")
    )
    assert kept == [3 * DAY, 10 * DAY - 31]


def test_what_is_under_way_outlives_a_short_retention_and_its_end_can_be_seen() -> None:
    world = World()
    keep(world, 1, None)
    endpoint = world.endpoint(retry_schedule=(2 * DAY // 4,) * 4)
    world.sender.script[endpoint.url] = [500, 500, 500, 500, 200]
    world.subscription(endpoint)
    event = world.ingest()
    world.run_for(2.2 * DAY, step=300)
    trace = world.trace(event)
    assert trace.event.status is EventStatus.SUCCEEDED
    assert [one.number for one in trace.deliveries[0].attempts] == [1, 2, 3, 4, 5]
    left_s = (trace.event.expires_s or 0) - trace.event.updated_ms // 1000
    assert 0.9 * DAY < left_s <= DAY


def expire(world: World) -> None:
    """Deletes what has expired, as TTL does sooner or later."""
    now_s = world.clock.ms / 1000
    for key, item in list(world.table._items.items()):
        if "x" in item and int(item["x"]["N"]) < now_s:
            world.table.delete(key)


def run_and_expire(world: World, days: float) -> None:
    for _ in range(round(days * 8)):
        world.run_for(DAY / 8, step=DAY / 48)
        expire(world)


@pytest.mark.parametrize("others", [1, 60])
@pytest.mark.parametrize(("days", "failure_days"), [(1, None), (2, None), (2, 30)])
def test_a_delivery_is_not_gone_while_its_event_is_under_way_like_fc_64(
    days: int, failure_days: int | None, others: int
) -> None:
    """It would count as one that was never begun, and the event would never end."""
    world = World()
    keep(world, days, failure_days)
    for number in range(others):
        world.subscription(world.endpoint(f"http://127.0.0.1:9/{number}"))
    late = world.endpoint("http://127.0.0.1:9/late", retry_schedule=(3_600,))
    world.sender.script[late.url] = [500, 200]
    bad = world.endpoint("http://127.0.0.1:9/bad", retry_schedule=(DAY, DAY, DAY))
    world.sender.script[bad.url] = [500, 500, 500, 200]
    for endpoint in (late, bad):
        world.subscription(endpoint)
    event = world.ingest()
    run_and_expire(world, 2.5)
    trace = world.trace(event)
    assert trace.event.status is EventStatus.DELIVERING
    states = [d.status for d in trace.deliveries]
    assert states.count(DeliveryStatus.SUCCEEDED) == min(100, others + 1)
    run_and_expire(world, 1)
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    assert len(world.sender.requests) == others + 2 + 4
    left = {kind: kept for kind, kept in days_left(world).items() if kind in "ED"}
    assert len({left for kept in left.values() for left in kept}) == 1


@pytest.mark.parametrize(("before", "after"), [(30, 1), (1, 30)])
def test_a_setting_that_changes_midway_leaves_no_half_a_trace_like_fc_64(
    before: int, after: int
) -> None:
    from dataclasses import replace

    world = World()
    keep(world, before, None)
    world.subscription(world.endpoint("http://127.0.0.1:9/good"))
    slow = world.endpoint("http://127.0.0.1:9/slow", retry_schedule=(60,))
    world.subscription(slow)
    world.sender.script[slow.url] = [500, 200]
    event = world.ingest()
    world.run()
    was = world.project
    world.registry.projects.replace_project(replace(was, retention_days=after), before=was)
    world.run_for(120, step=31)
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    assert days_left(world)["D"] == days_left(world)["E"] == {after}


def test_a_replay_in_the_last_hour_is_under_way_like_any_other_like_fc_64() -> None:
    world = World()
    keep(world, 1, None)
    world.subscription(world.endpoint("http://127.0.0.1:9/good"))
    event = world.ingest()
    world.run()
    world.clock.advance(23.5 * 3_600)
    bad = world.endpoint("http://127.0.0.1:9/bad", retry_schedule=(DAY,))
    world.sender.script[bad.url] = [500, 200]
    world.subscription(bad)
    world.replaying().run(ProjectId(event.project_id), event.id, KEY)
    run_and_expire(world, 0.5)
    first, *_ = world.trace(event).deliveries
    assert (first.replay, first.status) == (0, DeliveryStatus.SUCCEEDED)
    run_and_expire(world, 1)
    trace = world.trace(event)
    assert trace.event.status is EventStatus.SUCCEEDED
    assert {d.status for d in trace.deliveries} == {DeliveryStatus.SUCCEEDED}
    run_and_expire(world, 1.5)
    assert world.reader().event(ProjectId(event.project_id), event.id) is None
    assert set(days_left(world)) <= {"B"}


def test_a_retry_between_two_roll_ups_changes_no_expiry_like_fc_64(world: World) -> None:
    """The event was partial before and is partial after: the roll-up sees no change of status."""
    other = world.endpoint("http://127.0.0.1:9/other", retry_schedule=())
    world.sender.script[other.url] = [500, 200]
    world.subscription(other)
    world.subscription(world.endpoint("http://127.0.0.1:9/good"))
    event = failing(world)
    world.run()
    assert world.trace(event).event.status is EventStatus.PARTIAL
    failed = next(d for d in world.trace(event).deliveries if d.endpoint_id == other.id)
    world.steering().retry(ProjectId(event.project_id), failed.id, KEY, force=False)
    world.deliver_once()
    world.notify()
    assert world.trace(event).event.status is EventStatus.PARTIAL
    assert days_left(world) == {"B": {60}, "E": {60}, "D": {60}}


def test_a_delivery_that_outlived_its_event_is_not_listed_like_fc_64(world: World) -> None:
    room = Room(world)
    event = failing(world)
    world.run()
    world.clock.advance(11 * DAY)
    assert room.walk("/v1/deliveries") == room.walk("/v1/deliveries", status="failed") != []
    world.table.delete(next(key for key in world.table._items if key[1] == f"E#{event.ulid}"))
    for query in ({}, {"status": "failed"}, {"outcome": "http_error"}, {"order": "asc"}):
        assert room.walk("/v1/deliveries", **query) == []


def test_pages_of_a_long_plan_and_shelved_attempts_expire(world: World) -> None:
    for number in range(60):
        world.subscription(world.endpoint(f"http://127.0.0.1:9/{number}"))
    bad = world.endpoint("http://127.0.0.1:9/bad", retry_schedule=(1,) * 12)
    world.sender.script[bad.url] = [500]
    world.subscription(bad)
    event = world.ingest()
    world.run_for(120)
    assert world.trace(event).event.status is EventStatus.PARTIAL
    assert days_left(world) == {kind: {60.0} for kind in "EDMA"}


def _trace(world: World, room: Room, event: EventRecord, delivery: str) -> bool:
    return room.get(f"/v1/events/{event.id}").status == 200


def _delivery(world: World, room: Room, event: EventRecord, delivery: str) -> bool:
    return room.get(f"/v1/deliveries/{delivery}").status == 200


def _lists(world: World, room: Room, event: EventRecord, delivery: str) -> bool:
    found = {
        (path, bool(room.walk(path, **query)))
        for path in ("/v1/events", "/v1/deliveries")
        for query in ({}, {"status": "failed"}, {"endpoint_id": f"ep_{delivery.split('_')[2]}"})
    }
    assert len({shown for _, shown in found}) == 1
    return found.pop()[1]


def _acts(act: Callable[[World, EventRecord, str], object]) -> Callable[..., bool]:
    def shown(world: World, _: Room, event: EventRecord, delivery: str) -> bool:
        try:
            act(world, event, delivery)
        except NotFound:
            return False
        return True

    return shown


_retry = _acts(
    lambda world, event, delivery: world.steering().retry(
        ProjectId(event.project_id), delivery, KEY, force=True
    )
)
_replay = _acts(
    lambda world, event, _: world.replaying().run(ProjectId(event.project_id), event.id, KEY)
)
_expunge = _acts(
    lambda world, event, _: world.expunging().run(ProjectId(event.project_id), event.id, KEY)
)


@pytest.mark.parametrize("path", [_trace, _delivery, _lists, _retry, _replay, _expunge])
def test_expired_is_hidden_on_every_path_before_it_is_deleted(
    world: World, path: Callable[[World, Room, EventRecord, str], bool]
) -> None:
    room = Room(world)
    event = failing(world)
    world.run()
    delivery = world.trace(event).deliveries[0].id
    arrived = world.clock.ms
    world.clock.ms = arrived + 60 * DAY * 1000
    assert not path(world, room, event, delivery)
    world.clock.ms = arrived + 60 * DAY * 1000 - 1_000
    assert path(world, room, event, delivery)


def test_sweep_sends_nothing_of_what_has_expired(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(DAY,) * 20)
    world.sender.script[endpoint.url] = [500]
    world.subscription(endpoint)
    event = world.ingest()
    world.run()
    world.clock.ms += 61 * DAY * 1000
    world.sweep()
    world.run()
    assert len(world.sender.requests) == 1
    assert world.reader().event(ProjectId(event.project_id), event.id) is None


def test_failures_are_never_kept_shorter() -> None:
    room = make_room(allow_loopback=False)
    path = f"/v1/projects/{room.projects['P']}"
    assert room.call("GET", path).json["failure_retention_days"] is None
    set_both = {"retention_days": 20, "failure_retention_days": 90}
    answer = room.call("PATCH", path, set_both)
    assert answer.status == 200
    assert answer.json["failure_retention_days"] == 90
    for body in ({"failure_retention_days": 19}, {"retention_days": 91}):
        (name,) = body
        refused = room.call("PATCH", path, body)
        assert refused.status == 400
        assert refused.faults == {(f"/{name}", "invalid_field")}
    assert room.call("PATCH", path, {"failure_retention_days": None}).status == 200
    made = {"name": "x", "retention_days": 5, "failure_retention_days": 4}
    assert room.call("POST", "/v1/projects", made).status == 400
