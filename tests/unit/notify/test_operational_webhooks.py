"""Operational webhooks: created once, delivered by the same pipeline, never about themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hooktrace.adapters.records import status_changes
from hooktrace.domain.errors import InvalidInput, Unavailable
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.new_event import parse_new_event
from hooktrace.domain.notification_kinds import KINDS, NotificationChoice
from hooktrace.domain.notifications import Notification, notification_of
from hooktrace.domain.operational import operational_event_id
from hooktrace.domain.registry import Endpoint
from hooktrace.domain.retry import DEFAULT_SCHEDULE
from hooktrace.domain.states import DeliveryStatus, EventStatus
from hooktrace.usecases.cached_projects import CachedProjects
from tests.fakes import WorkerDied
from tests.unit.history.test_retention import KEY
from tests.world import World

OPS = "http://127.0.0.1:9/ops"
BAD = "http://127.0.0.1:9/bad"
SECRET_WORD = "the-word-that-must-not-leak"


@pytest.fixture
def world() -> World:
    return World()


def choose(world: World, *endpoints: Endpoint, kinds: tuple[str, ...] | None = None) -> None:
    before = world.registry.projects.get_project(world.project.id)
    assert before is not None
    choice = NotificationChoice(kinds, tuple(one.id for one in endpoints))
    after = replace(before, notifications=choice)
    world.project = world.registry.projects.replace_project(after, before=before)


def failing_endpoint(world: World, **more: Any) -> Endpoint:
    endpoint = world.endpoint(BAD, **({"retry_schedule": ()} | more))
    world.subscription(endpoint)
    world.sender.script[BAD] = [500]
    return endpoint


def operational(world: World) -> list[EventRecord]:
    """The operational events on the ledger, oldest first."""
    project = ProjectId(world.project.id)
    found = [
        event
        for shard in range(world.project.shards)
        for event in world.ledger.events_in_shard(project, shard, 0, world.clock.ms + 1)
        if event.type.startswith("hooktrace.")
    ]
    return sorted(found, key=lambda event: (event.accepted_ms, event.type))


def requests(world: World, url: str = OPS) -> list[Any]:
    return [request for request in world.sender.requests if request.url == url]


def _events_and_deliveries(world: World) -> int:
    page = [world.table.range(f"{world.project.id}#{n}", "0", "~", limit=1_000) for n in range(4)]
    return sum(len(one.items) for one in page)


def drive(world: World, rounds: int = 5) -> None:
    for _ in range(rounds):
        world.run()


def test_a_failed_delivery_is_told_to_the_projects_own_endpoint(world: World) -> None:
    choose(world, world.endpoint(OPS), kinds=("delivery.failed",))
    bad = failing_endpoint(world)
    event = world.ingest()
    drive(world)
    (told,) = operational(world)
    assert (told.type, told.status) == ("hooktrace.delivery.failed", EventStatus.SUCCEEDED)
    (request,) = requests(world)
    body = json.loads(request.body)
    assert body["type"] == "hooktrace.delivery.failed"
    assert body["data"]["event_id"] == event.id
    assert body["data"]["endpoint_id"] == bad.id
    assert body["timestamp"] == body["data"]["time"]
    headers = dict(request.headers)
    assert headers["webhook-id"] == told.id
    assert headers["webhook-signature"].startswith("v1,")
    assert body["data"] == world.bus[0].detail


def test_customers_subscriptions_never_get_them(world: World) -> None:
    everything = world.endpoint("http://127.0.0.1:9/customer")
    world.subscription(everything)
    choose(world, world.endpoint(OPS))
    failing_endpoint(world)
    world.ingest()
    drive(world)
    assert {json.loads(r.body)["type"] for r in requests(world, everything.url)} == {
        "order.created"
    }
    assert len(requests(world)) == 2  # the delivery failed, and with it the event is partial


def test_fc_62_a_webhook_about_a_failing_webhook(world: World) -> None:
    """One operational event, the attempts of the schedule, an end, and no growth."""
    ops = world.endpoint(OPS)
    world.sender.script[OPS] = [500]
    choose(world, ops, kinds=("delivery.failed",))
    failing_endpoint(world)
    world.ingest()
    world.run_for(300)
    assert len(operational(world)) == 1
    assert len(requests(world)) == 2  # at once, and after 5 seconds; the next is not due yet
    world.run_for(sum(DEFAULT_SCHEDULE) * 1.2, step=600)
    (told,) = operational(world)
    assert told.status is EventStatus.FAILED
    assert len(requests(world)) == len(DEFAULT_SCHEDULE) + 1
    assert [one.kind for one in world.bus] == ["delivery.failed"]
    size = _events_and_deliveries(world)
    world.run_for(86_400, step=600)
    assert len(requests(world)) == len(DEFAULT_SCHEDULE) + 1
    assert _events_and_deliveries(world) == size
    assert not world.deliver_queue.messages


def test_an_endpoint_is_not_told_of_itself(world: World) -> None:
    one, other = world.endpoint(OPS), world.endpoint("http://127.0.0.1:9/other")
    choose(world, one, other)
    detail = {"project_id": world.project.id, "kind": "endpoint.warned"}
    about = Notification("n", "endpoint.warned", EndpointId(one.id), world.clock.ms, detail)
    world.teller().run([about])
    (event,) = operational(world)
    assert [plan.endpoint_id for plan in event.plan] == [other.id]
    assert world.bus == [about]


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        (None, ["delivery.failed", "event.partial"]),
        ((), []),
        (("event.partial",), ["event.partial"]),
        (("delivery.succeeded", "event.succeeded"), ["delivery.succeeded"]),
    ],
)
def test_a_project_chooses_kinds_for_bus_and_webhooks(
    world: World, kinds: tuple[str, ...] | None, told: list[str]
) -> None:
    choose(world, world.endpoint(OPS), kinds=kinds)
    world.subscription(world.endpoint("http://127.0.0.1:9/good"))
    failing_endpoint(world)
    world.ingest()
    drive(world)
    assert sorted(one.kind for one in world.bus) == told
    assert sorted(event.type for event in operational(world)) == [f"hooktrace.{k}" for k in told]
    assert sorted(json.loads(r.body)["data"]["kind"] for r in requests(world)) == told


def test_successes_are_told_to_those_who_ask(world: World) -> None:
    world.subscription(world.endpoint("http://127.0.0.1:9/good"))
    world.ingest()
    drive(world)
    assert world.bus == []
    choose(world, kinds=("event.succeeded", "delivery.succeeded", "delivery.recovered"))
    world.ingest()
    drive(world)
    assert [one.kind for one in world.bus] == ["delivery.succeeded", "event.succeeded"]
    assert operational(world) == []


def test_duplicate_stream_batches_make_one_event_and_one_request(world: World) -> None:
    choose(world, world.endpoint(OPS), kinds=("delivery.failed",))
    failing_endpoint(world)
    world.ingest()
    world.match_once()
    world.deliver_once()
    batch = list(world.table.stream)
    for _ in range(3):
        world.table.stream = [*batch, *batch]
        world.notify()
    drive(world)
    world.table.stream = list(batch)
    drive(world)
    assert len(operational(world)) == 1
    assert len(requests(world)) == 1
    assert len({one.id for one in world.bus}) == 1


class _Broken:
    """A queue or bus that fails, or at which the worker dies."""

    def __init__(self, how: BaseException) -> None:
        self.how = how

    def send(self, _tasks: object) -> None:
        raise self.how

    def publish(self, _notifications: object) -> None:
        raise self.how


def _notable(world: World) -> list[Notification]:
    changes = status_changes({"Records": list(world.table.stream)})
    return [one for one in map(notification_of, changes) if one is not None]


@pytest.mark.parametrize("how", [WorkerDied(), Unavailable("no queue")])
@pytest.mark.parametrize("comes_again", [True, False])
def test_a_crash_between_the_event_and_its_message(
    world: World, how: BaseException, comes_again: bool
) -> None:
    """The stream batch comes again and sends it; if it never does, sweep sends it."""
    choose(world, world.endpoint(OPS), kinds=("delivery.failed",))
    failing_endpoint(world)
    world.ingest()
    world.match_once()
    world.deliver_once()
    notable, teller = _notable(world), world.teller(queue=_Broken(how))
    with pytest.raises(type(how)):
        teller.run(notable)
    assert len(operational(world)) == 1
    assert world.bus == []
    if comes_again:
        drive(world)
        assert len(requests(world)) == 1
        assert len(world.bus) == 1
    else:
        world.table.stream = []
    world.run_for(1_200, step=10)
    assert len(requests(world)) == 1
    assert operational(world)[0].status is EventStatus.SUCCEEDED
    assert operational(world)[0].due_ms is None


def test_a_bus_that_refuses_repeats_without_a_second_webhook(world: World) -> None:
    choose(world, world.endpoint(OPS), kinds=("delivery.failed",))
    failing_endpoint(world)
    world.ingest()
    world.match_once()
    world.deliver_once()
    notable, teller = _notable(world), world.teller(bus=_Broken(Unavailable("no bus")))
    for _ in range(3):
        with pytest.raises(Unavailable):
            teller.run(notable)
    drive(world)
    assert (len(operational(world)), len(requests(world))) == (1, 1)


def test_those_of_one_event_keep_their_order(world: World) -> None:
    choose(world, world.endpoint(OPS))
    bad = failing_endpoint(world, retry_schedule=(1,))
    events = [world.ingest() for _ in range(20)]
    world.run_for(5)
    world.sender.script[BAD] = [200]
    for event in events:
        delivery = world.trace(event).deliveries[0]
        assert delivery.status is DeliveryStatus.FAILED
        project = ProjectId(event.project_id)
        world.steering().retry(project, delivery.id, key_id="key_x", force=False)
    world.run_for(5)
    for event in events:
        told = [one.kind for one in world.bus if one.about == event.id]
        assert told == ["delivery.failed", "event.failed", "delivery.recovered"]
        sent = [json.loads(r.body)["data"] for r in requests(world)]
        assert [d["kind"] for d in sent if d["event_id"] == event.id] == told
    assert bad.id in {one.detail.get("endpoint_id") for one in world.bus}


def test_nothing_of_the_event_leaks(world: World) -> None:
    """No body, header, secret, or value of a clause, of any kind of notification."""
    every = KINDS
    choose(world, world.endpoint(OPS), kinds=every)
    bad = failing_endpoint(world, headers=(("x-token", SECRET_WORD),))
    world.sender.script[BAD] = [lambda _: 500]
    near = world.endpoint("http://127.0.0.1:9/near")
    world.subscription(near, filter_text='{"data":{"word":"another"}}', event_types=("a.b",))
    body = json.dumps({"word": SECRET_WORD}).encode()
    world.ingest(body, headers={"x-word": SECRET_WORD})
    world.ingest(body, "a.b", headers={"x-word": SECRET_WORD})
    drive(world)
    told = json.dumps([one.detail for one in world.bus])
    sent = b"".join(request.body for request in requests(world))
    assert len(world.bus) >= 4
    secrets = [secret.value for secret in bad.secrets]
    for word in (SECRET_WORD, "another", *secrets):
        assert word not in told
        assert word.encode() not in sent


def test_an_operational_event_has_a_trace_and_can_be_replayed(world: World) -> None:
    ops = world.endpoint(OPS)
    world.sender.script[OPS] = [410]
    choose(world, ops, kinds=("delivery.failed",))
    failing_endpoint(world)
    world.ingest()
    drive(world)
    (told,) = operational(world)
    trace = world.trace(told)
    assert trace.event.status is EventStatus.FAILED
    assert (trace.event.report, trace.event.traceparent) == (None, None)
    assert trace.deliveries[0].matched_by == ()
    again = world.registry.endpoints.get_endpoint(ops.project_id, ops.id)
    assert again is not None
    world.change(again, state="enabled", disabled_reason=None, disabled_ms=None)
    world.sender.script[OPS] = [200]
    replay = world.replaying().run(ProjectId(told.project_id), told.id, KEY)
    assert [(one.endpoint_id, one.replay) for one in replay.added] == [(ops.id, 1)]
    drive(world)
    assert world.trace(told).event.status is EventStatus.SUCCEEDED
    assert [one.kind for one in world.bus if one.kind.startswith("delivery")] == ["delivery.failed"]


def test_the_event_id_follows_from_the_notification_alone(world: World) -> None:
    detail = {"project_id": world.project.id}
    one = Notification("n", "event.failed", EndpointId("ep_x"), world.clock.ms, detail)
    grown = replace(world.project, shards=16)
    assert operational_event_id(one, world.project) == operational_event_id(one, grown)
    other = replace(world.project, id="prj_other")
    assert operational_event_id(one, world.project) != operational_event_id(one, other)


def test_no_operational_endpoints_no_writes_and_one_read(world: World) -> None:
    failing_endpoint(world)
    for _ in range(5):
        world.ingest()
    world.match_once()
    world.deliver_once()
    notable = _notable(world)
    reads: list[str] = []

    class Counting:
        def get_project(self, project_id: str) -> Any:
            reads.append(project_id)
            return world.registry.projects.get_project(project_id)

    broken = _Broken(AssertionError("no call"))
    projects = CachedProjects(Counting(), world.clock)
    teller = world.teller(projects=projects, ledger=broken, queue=broken)
    for _ in range(3):
        teller.run(notable)
    assert reads == [world.project.id]
    assert len(world.bus) == 15


@pytest.mark.parametrize("event_type", ["hooktrace", "hooktrace.delivery.failed", "hooktrace.x"])
def test_producers_cannot_send_reserved_types(event_type: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_new_event(json.dumps({"type": event_type, "data": {}}).encode())
    assert (refused.value.code, refused.value.faults[0].pointer) == (
        "reserved_event_type",
        "/type",
    )
    assert parse_new_event(b'{"type": "hooktraces.x", "data": {}}').type == "hooktraces.x"
