"""Disabling and deleting cancel what is pending: at once, no more than that, and to the end."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import ProjectId
from hooktrace.domain.messages import DeliverTaskV1, decode
from hooktrace.domain.registry import Endpoint, RateLimit
from hooktrace.domain.states import DeliveryStatus, EventStatus
from hooktrace.registry_ports import Stop
from hooktrace.usecases import manage_endpoints as use
from hooktrace.usecases.amend import any_version
from hooktrace.usecases.look_after_failures import LookAfterFailures
from tests.world import World

SCHEDULE = (3_600, 3_600)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def endpoint(world: World) -> Endpoint:
    made = world.endpoint(retry_schedule=SCHEDULE)
    world.subscription(made, event_types=("order.*",))
    world.sender.script[made.url] = [503]
    return made


def retrying(world: World, count: int, event_type: str = "order.created") -> list[EventRecord]:
    events = [world.ingest(event_type=event_type) for _ in range(count)]
    world.run()
    return events


def disable(world: World, endpoint: Endpoint) -> Endpoint:
    desk = world.endpoint_desk()
    return use.disable_endpoint(
        world.project.id, endpoint.id, "manual", check=any_version, desk=desk
    )


def enable(world: World, endpoint: Endpoint) -> use.Enabled:
    desk = world.endpoint_desk()
    return use.enable_endpoint(world.project.id, endpoint.id, check=any_version, desk=desk)


def delete(world: World, endpoint: Endpoint) -> None:
    desk = world.endpoint_desk()
    use.delete_endpoint(world.project.id, endpoint.id, check=any_version, desk=desk)


def delivery(world: World, event: EventRecord) -> DeliveryRecord:
    (only,) = world.trace(event).deliveries
    return only


def ends(world: World, events: list[EventRecord]) -> Counter[tuple[str, str | None]]:
    found = (delivery(world, event) for event in events)
    return Counter((str(one.status), one.reason) for one in found)


def stop_of(endpoint: Endpoint) -> Stop:
    since_ms = endpoint.disabled_ms or 0
    return Stop(endpoint.project_id, endpoint.id, since_ms, endpoint.version)


def test_fc_43_disabled_while_retries_wait(world: World, endpoint: Endpoint) -> None:
    events = retrying(world, 20)
    sent = len(world.sender.requests)
    disable(world, endpoint)
    assert ends(world, events) == {("cancelled", "endpoint_disabled"): 20}
    assert all(delivery(world, e).next_attempt_ms is None for e in events)
    world.notify()
    assert {world.trace(e).event.status for e in events} == {EventStatus.FAILED}
    world.run_for(2 * 3_600, step=60)
    assert len(world.sender.requests) == sent
    since_ms = enable(world, endpoint).cancelled_since_ms
    assert since_ms is not None
    assert since_ms <= min(e.accepted_ms for e in events)
    world.run_for(2 * 3_600, step=60)
    assert len(world.sender.requests) == sent
    assert world.registry.endpoints.pending_stops() == []


def test_fc_44_a_deletion_cancels_what_waits(world: World, endpoint: Endpoint) -> None:
    other = world.endpoint("http://127.0.0.1:9/other", retry_schedule=SCHEDULE)
    world.subscription(other, event_types=("else.where",))
    world.sender.script[other.url] = [503]
    events, untouched = retrying(world, 3), retrying(world, 3, "else.where")
    delete(world, endpoint)
    assert ends(world, events) == {("cancelled", "endpoint_deleted"): 3}
    assert ends(world, untouched) == {("retrying", None): 3}


def test_fc_45_410_cancels_the_others_within_a_minute_and_is_told(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=SCHEDULE)
    for _ in range(3):
        world.subscription(endpoint)
    world.sender.script[endpoint.url] = [503] * 9 + [410, 200]
    events = retrying(world, 10)
    sent = len(world.sender.requests)
    world.run_for(60)
    assert ends(world, events) == {
        ("cancelled", "endpoint_disabled"): 9,
        ("failed", "permanent_status_410"): 1,
    }
    (told,) = world.told_of_endpoints
    assert (told.kind, told.detail["reason"]) == ("endpoint.disabled", "gone")
    world.run_for(2 * 3_600, step=60)
    assert len(world.sender.requests) == sent
    last = world.ingest()
    world.run()
    trace = world.trace(last)
    assert trace.event.status is EventStatus.DISCARDED
    assert trace.event.report is not None
    assert trace.event.report["misses"]["endpoint_disabled"] == 3


def test_five_days_of_failures_cancel_what_is_pending(world: World, endpoint: Endpoint) -> None:
    for days in (0, 4, 1):
        world.clock.advance(days * 86_400)
        last = retrying(world, 2)
    world.sweep()
    assert ends(world, last) == {("cancelled", "endpoint_disabled"): 2}


def test_what_is_too_much_for_a_call_is_done_by_sweep(world: World, endpoint: Endpoint) -> None:
    events = retrying(world, 30)
    disabled = world.registry.endpoints.replace_endpoint(
        endpoint.disabled("manual", world.clock.ms), before=endpoint
    )
    done = world.stopping(rows_in_call=7).start(stop_of(disabled))
    assert 0 < done < 30
    rounds = 0
    while world.registry.endpoints.pending_stops():
        world.stopping(rows_a_round=5).finish()
        world.clock.advance(60)
        rounds += 1
        assert rounds < 40
    assert rounds > 3
    assert ends(world, events) == {("cancelled", "endpoint_disabled"): 30}


def test_a_walk_goes_on_behind_the_retries_of_others(world: World) -> None:
    world.endpoint("http://127.0.0.1:9/first", retry_schedule=SCHEDULE)
    others = [world.endpoint(f"http://127.0.0.1:9/{n}", retry_schedule=SCHEDULE) for n in range(4)]
    for one in others:
        world.subscription(one)
        world.sender.script[one.url] = [503]
    events = retrying(world, 12)
    disable_only = others[-1]
    world.registry.endpoints.replace_endpoint(
        disable_only.disabled("manual", world.clock.ms), before=disable_only
    )
    for _ in range(60):
        world.stopping(rows_a_round=4).finish()
        world.clock.advance(60)
    found = [one for e in events for one in world.trace(e).deliveries]
    assert Counter((one.endpoint_id == disable_only.id, str(one.status)) for one in found) == {
        (True, "cancelled"): 12,
        (False, "retrying"): 36,
    }
    assert world.registry.endpoints.pending_stops() == []


class EnablesMeanwhile:
    """Endpoints of which one is enabled again between two looks at it."""

    def __init__(self, world: World, endpoint: Endpoint, looks: int) -> None:
        self.world, self.endpoint, self.looks = world, endpoint, looks

    def get_endpoint(self, project_id: str, endpoint_id: str) -> Endpoint | None:
        self.looks -= 1
        if self.looks == 0:
            enable(self.world, self.endpoint)
        return self.world.registry.endpoints.get_endpoint(project_id, endpoint_id)


def test_work_ends_when_the_endpoint_is_enabled_again(world: World, endpoint: Endpoint) -> None:
    events = retrying(world, 20)
    disabled = world.registry.endpoints.replace_endpoint(
        endpoint.disabled("manual", world.clock.ms), before=endpoint
    )
    meanwhile: Any = EnablesMeanwhile(world, endpoint, looks=2)
    done = world.stopping(endpoints=meanwhile).start(stop_of(disabled))
    counted = ends(world, events)
    assert 0 < done < 20
    assert counted == {("cancelled", "endpoint_disabled"): done, ("retrying", None): 20 - done}
    for _ in range(5):
        world.sweep()
        world.clock.advance(60)
    assert ends(world, events) == counted
    assert world.registry.endpoints.pending_stops() == []


def test_a_stop_does_nothing_to_a_later_one(world: World, endpoint: Endpoint) -> None:
    """Disabled, enabled, and disabled again: the first stop's worker must not decide any more."""
    first = disable(world, endpoint)
    enable(world, endpoint)
    events = retrying(world, 3)
    world.clock.advance(1)
    second = world.registry.endpoints.get_endpoint(world.project.id, endpoint.id)
    assert second is not None
    second = world.registry.endpoints.replace_endpoint(
        second.disabled("manual", world.clock.ms), before=second
    )
    assert world.stopping().start(stop_of(first)) == 0
    world.registry.endpoints.clear_stop(stop_of(first))
    assert [s.version for s in world.registry.endpoints.pending_stops()] == [second.version]
    world.sweep()
    assert ends(world, events) == {("cancelled", "endpoint_disabled"): 3}


def test_a_retry_that_slips_in_behind_the_first_walk_is_cancelled_by_the_second(
    world: World, endpoint: Endpoint
) -> None:
    """The worker looked at the endpoint before it was disabled, and wrote after the walk."""
    late = world.ingest()
    world.match_once()

    class LooksEarly:
        """What the worker sees of the endpoint: as it was."""

        def __init__(self) -> None:
            self.whole = world.registry.endpoints

        def get_endpoints(self, *_: object) -> dict[str, Endpoint]:
            disable(world, endpoint)
            return {endpoint.id: endpoint}

        def __getattr__(self, name: str) -> Any:
            return getattr(self.whole, name)

    worker = world.deliverer()
    early: Any = LooksEarly()  # what it does not have it passes on
    worker._failures = LookAfterFailures(endpoints=early, life=world.life())
    (message,) = world.deliver_queue.take()
    task = decode(message.body)
    assert isinstance(task, DeliverTaskV1)
    worker.run([task], lambda: 60_000)
    assert delivery(world, late).status is DeliveryStatus.RETRYING
    for _ in range(4):
        world.sweep()
        world.clock.advance(60)
    assert ends(world, [late]) == {("cancelled", "endpoint_disabled"): 1}
    assert world.registry.endpoints.pending_stops() == []


def test_forced_retries_go_on_and_one_in_flight_ends_by_itself(
    world: World, endpoint: Endpoint
) -> None:
    forced, held = retrying(world, 2)
    disable_now = [disable]

    def hold(_: object) -> int:
        disable_now.pop()(world, endpoint)
        assert delivery(world, held).status is DeliveryStatus.DELIVERING
        project = ProjectId(world.project.id)
        assert delivery(world, forced).reason == "endpoint_disabled"
        world.steering().retry(project, delivery(world, forced).id, "key_x", force=True)
        world.stopping().finish()
        assert delivery(world, forced).by_hand == "key_x"
        return 503

    world.sender.script[endpoint.url] = [hold, 200]
    project = ProjectId(world.project.id)
    world.steering().retry(project, delivery(world, held).id, "key_x", force=False)
    world.run()
    assert delivery(world, held).status is DeliveryStatus.CANCELLED
    assert delivery(world, held).attempts[-1].status == 503
    assert delivery(world, forced).status is DeliveryStatus.SUCCEEDED


def test_a_retry_asked_for_by_hand_is_cancelled_too(world: World, endpoint: Endpoint) -> None:
    (event,) = retrying(world, 1)
    project = ProjectId(world.project.id)
    world.steering().retry(project, delivery(world, event).id, "key_x", force=False)
    sent = len(world.sender.requests)
    disable(world, endpoint)
    assert ends(world, [event]) == {("cancelled", "endpoint_disabled"): 1}
    world.run_for(300, step=10)
    assert len(world.sender.requests) == sent


def test_the_call_succeeds_when_only_its_cleaning_up_fails(
    world: World, endpoint: Endpoint
) -> None:
    events = retrying(world, 4)

    def refuse(_: object) -> None:
        raise Unavailable("not now")

    world.table.before_write = refuse
    assert disable(world, endpoint).state == "disabled"
    assert ends(world, events) == {("retrying", None): 4}
    world.table.before_write = lambda _: None
    world.sweep()
    world.notify()
    assert ends(world, events) == {("cancelled", "endpoint_disabled"): 4}
    assert [one.kind for one in world.told_of_endpoints] == ["endpoint.disabled"]


def test_the_health_of_a_deleted_endpoint_expires(world: World, endpoint: Endpoint) -> None:
    retrying(world, 1)
    delete(world, endpoint)
    for _ in range(4):
        world.sweep()
        world.clock.advance(60)
    found = world.healths.healths([(ProjectId(world.project.id), endpoint.id)])  # type: ignore[list-item] # any text is an id
    (health,) = found.values()
    assert health.expires_s is not None
    assert health.expires_s * 1_000 > world.clock.ms
    world.notify()
    assert world.told_of_endpoints == []


def answers_410(world: World, endpoint: Endpoint) -> None:
    world.sender.script[endpoint.url] = [410]
    world.change(endpoint, rate_limit=RateLimit(2, 3_600))
    world.ingest(event_type="order.created")
    world.run()


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (disable, "endpoint_disabled"),
        (delete, "endpoint_deleted"),
        (answers_410, "endpoint_disabled"),
    ],
)
def test_what_waits_for_a_rate_limit_is_cancelled_like_fc_45(
    world: World, endpoint: Endpoint, stop: Any, reason: str
) -> None:
    """Its turn may be hours away; that is no reason to leave it pending for so long."""
    limited = world.change(endpoint, rate_limit=RateLimit(1, 3_600))
    world.sender.script[endpoint.url] = [200]
    first, *waiting = retrying(world, 6)
    assert {delivery(world, event).waiting_for for event in waiting} == {"rate_limit"}
    if stop is answers_410:
        world.clock.advance(4_000)
        world.deliver_queue.messages.clear()  # let none of these be the one that meets the 410
    stop(world, limited)
    world.run_for(70, step=10)
    assert ends(world, waiting) == {("cancelled", reason): 5}
    assert world.trace(waiting[0]).event.status is EventStatus.FAILED
    assert delivery(world, first).status is DeliveryStatus.SUCCEEDED


def test_a_waiting_delivery_that_goes_leaves_the_list(world: World, endpoint: Endpoint) -> None:
    world.change(endpoint, rate_limit=RateLimit(1, 60))
    world.sender.script[endpoint.url] = [200]
    _, waiting = retrying(world, 2)
    assert delivery(world, waiting).attention == "waiting"
    world.run_for(90, step=5)
    assert delivery(world, waiting).status is DeliveryStatus.SUCCEEDED
    assert delivery(world, waiting).attention is None
