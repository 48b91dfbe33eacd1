"""Crashes, duplicates, lost messages and races: each ends right, and on the record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hooktrace.adapters.items import event_key
from hooktrace.domain.attempts import AttemptOutcome, OutgoingRequest
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import ProjectId
from hooktrace.domain.messages import encode
from hooktrace.domain.states import DeliveryStatus, EventStatus
from hooktrace.usecases.delivery_jobs import PutBack, Settled
from hooktrace.usecases.ingest_events import match_task
from hooktrace.usecases.sweep import Ages
from tests.fakes import WorkerDied, answer
from tests.world import World


@pytest.fixture
def world() -> World:
    return World(ages=Ages(first_seconds=120, second_seconds=600))


def the_delivery(world: World, event: EventRecord) -> DeliveryRecord:
    (delivery,) = world.trace(event).deliveries
    return delivery


def fail_next(queue: Any) -> None:
    def refuse(_: object) -> None:
        queue.before_send = lambda _: None
        raise Unavailable("the queue is away")

    queue.before_send = refuse


def test_fc_03a_a_crash_between_record_and_message_heals(world: World) -> None:
    world.subscription(world.endpoint())
    fail_next(world.match_queue)
    with pytest.raises(Unavailable):
        world.ingest()
    (partition,) = [p for p in world.table._order if p.startswith(world.project.id)]
    assert world.match_queue.messages == []
    world.run_for(300)
    (key,) = [k for k in world.table._order[partition] if k.startswith("E#")]
    assert world.table.get([(partition, key)])[(partition, key)]["s"]["S"] == "succeeded"
    assert len(world.sender.requests) == 1


def test_fc_03b_a_message_whose_record_does_not_exist_makes_it(world: World) -> None:
    world.subscription(world.endpoint())
    event = world.ingest()
    world.table.delete(event_key(event.project_id, event.id))
    world.run()
    trace = world.trace(event)
    assert trace.event.status is EventStatus.SUCCEEDED
    assert trace.event.expires_s is not None
    assert trace.payload is not None
    assert len(world.sender.requests) == 1


def test_fc_03c_a_lost_deliver_message_is_sent_again(world: World) -> None:
    world.subscription(world.endpoint())
    event = world.ingest()
    world.match_once()
    world.deliver_queue.messages.clear()
    world.run_for(300)
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    assert len(world.sender.requests) == 1


def test_fc_03c_a_lost_retry_message_is_sent_again(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(60,))
    world.sender.script[endpoint.url] = [500, 200]
    world.subscription(endpoint)
    event = world.ingest()
    world.run()
    world.deliver_queue.messages.clear()
    world.run_for(400)
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    assert len(world.sender.requests) == 2


def test_fc_16_same_id_new_timestamp_same_body(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(400,))
    world.sender.script[endpoint.url] = [503, 200]
    world.subscription(endpoint)
    event = world.ingest()
    world.run_for(450)
    first, second = world.sender.requests
    one, two = dict(first.headers), dict(second.headers)
    assert one["webhook-id"] == two["webhook-id"] == event.id
    assert first.body == second.body
    assert int(two["webhook-timestamp"]) - int(one["webhook-timestamp"]) >= 360
    assert one["webhook-signature"] != two["webhook-signature"]
    assert [a.number for a in the_delivery(world, event).attempts] == [1, 2]


def test_fc_36_beyond_a_queues_wait_sweep_sends_in_time(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(901, 86_400))
    world.sender.script[endpoint.url] = [500, 500, 200]
    world.subscription(endpoint)
    event = world.ingest()
    world.run()
    delivery = the_delivery(world, event)
    assert delivery.due_ms == delivery.next_attempt_ms
    assert world.deliver_queue.messages == []
    world.run_for(960, step=5)
    assert len(world.sender.requests) == 2
    world.run_for(86_460, step=20)
    assert the_delivery(world, event).status is DeliveryStatus.SUCCEEDED
    assert len(world.sender.requests) == 3
    assert the_delivery(world, event).due_ms is None


def test_fc_37_the_end_of_the_schedule(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(1, 1))
    world.sender.script[endpoint.url] = [403]
    world.subscription(endpoint)
    event = world.ingest()
    world.run_for(10)
    delivery = the_delivery(world, event)
    assert [a.number for a in delivery.attempts] == [1, 2, 3]
    assert delivery.status is DeliveryStatus.FAILED
    assert delivery.reason == "attempts_exhausted"
    assert delivery.next_attempt_ms is None
    assert world.trace(event).event.status is EventStatus.FAILED
    assert len(world.sender.requests) == 3


def test_fc_39_duplicates_while_in_flight_and_after(world: World) -> None:
    world.subscription(world.endpoint())
    event = world.ingest()
    world.match_once()
    (message,) = world.deliver_queue.take()
    seen: list[Any] = []

    def while_in_flight(_: OutgoingRequest) -> int:
        for _ in range(10):
            copy = replace(message, id="copy")
            world.deliver_queue.messages.append(copy)
            seen.extend(world.deliver_once([copy]))
        return 200

    world.sender.script["http://127.0.0.1:9/hook"] = [while_in_flight]
    world.deliver_once([message])
    assert [type(one) for one in seen] == [PutBack] * 10
    world.run_for(120)
    assert world.deliver_queue.messages == []
    assert world.deliver_queue.dead == []
    assert len(world.sender.requests) == 1
    assert [a.number for a in the_delivery(world, event).attempts] == [1]


def test_fc_40_the_worker_died_after_the_post(world: World) -> None:
    world.subscription(world.endpoint())
    world.sender.script["http://127.0.0.1:9/hook"] = [WorkerDied(), 200]
    event = world.ingest()
    world.match_once()
    with pytest.raises(WorkerDied):
        world.deliver_once()
    in_flight = the_delivery(world, event)
    assert in_flight.status is DeliveryStatus.DELIVERING
    lease = in_flight.lease_until_ms
    assert lease is not None
    assert lease - world.clock.now_ms() > 15_000
    world.run_for(200)
    delivery = the_delivery(world, event)
    lost, good = delivery.attempts
    assert lost.outcome is AttemptOutcome.WORKER_LOST
    assert lost.started_ms + (lost.duration_ms or 0) == lease
    assert (good.number, good.outcome) == (2, AttemptOutcome.SUCCESS)
    assert delivery.status is DeliveryStatus.SUCCEEDED
    assert delivery.step == 0
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    ids = {dict(r.headers)["webhook-id"] for r in world.sender.requests}
    assert ids == {event.id}
    assert len(world.sender.requests) == 2


def test_fc_60_a_request_that_our_own_code_fails_at_takes_no_neighbour_along(world: World) -> None:
    urls = [f"http://127.0.0.1:{port}/hook" for port in (8001, 8002, 8003)]
    for url in urls:
        world.subscription(world.endpoint(url))
    world.sender.script[urls[1]] = [ValueError("of no kind that the sender knows")]
    event = world.ingest()
    world.match_once()
    answers = world.deliver_once()
    (broken,) = [one for one in answers if isinstance(one, PutBack)]
    assert broken.why.startswith("the request broke off: ValueError in send, line ")
    statuses = sorted(one.status for one in world.trace(event).deliveries)
    assert statuses == ["delivering", "succeeded", "succeeded"]
    world.run_for(3600, step=10)
    assert [r.url for r in world.sender.requests].count(urls[0]) == 1
    trace = world.trace(event)
    (failed,) = [one for one in trace.deliveries if one.status is DeliveryStatus.FAILED]
    assert failed.reason == "dead_letter_deliver"
    assert {a.outcome for a in failed.attempts} == {AttemptOutcome.WORKER_LOST}
    assert trace.event.status is EventStatus.PARTIAL


def test_a_late_result_fills_in_its_own_attempt_and_ends_the_delivery(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(600,))
    world.subscription(endpoint)
    event = world.ingest()
    world.match_once()
    (message,) = world.deliver_queue.take()

    def outlive_the_lease(_: OutgoingRequest) -> int:
        world.clock.advance(60)
        world.sender.script[endpoint.url] = [500]
        copy = replace(message, id="again")
        world.deliver_queue.messages.append(copy)
        world.deliver_once([copy])
        return 200

    world.sender.script[endpoint.url] = [outlive_the_lease]
    world.deliver_once([message])
    delivery = the_delivery(world, event)
    assert [a.outcome for a in delivery.attempts] == [
        AttemptOutcome.SUCCESS,
        AttemptOutcome.HTTP_ERROR,
    ]
    assert delivery.status is DeliveryStatus.SUCCEEDED
    world.run_for(1_300, step=10)
    assert len(world.sender.requests) == 2


@pytest.mark.parametrize("number", range(6))
def test_fc_41_a_write_that_succeeded_and_reported_failure(world: World, number: int) -> None:
    """The n-th conditional write happens, then is repeated and refused, as an SDK would see it."""
    world.subscription(world.endpoint())
    plain, calls = world.table.write, []

    def repeating(ops: Any) -> Any:
        calls.append(ops)
        first = plain(ops)
        return plain(ops) if len(calls) == number + 1 else first

    world.table.write = repeating  # type: ignore[method-assign] # the fault is the point
    event = world.ingest()
    world.run()
    trace = world.trace(event)
    assert trace.event.status is EventStatus.SUCCEEDED
    assert [a.number for a in trace.deliveries[0].attempts] == [1]
    assert len(world.sender.requests) == 1
    assert world.deliver_queue.messages == []


def test_a_request_that_breaks_off_costs_no_other_its_result_like_fc_40(world: World) -> None:
    """A fault of ours in one request is as a death of that one alone; it ends by its message."""
    good = world.endpoint("http://127.0.0.1:9/good")
    bad = world.endpoint("http://127.0.0.1:9/bad")
    for endpoint in (good, bad):
        world.subscription(endpoint)
    world.sender.script[bad.url] = [ValueError("secret"), ValueError("secret"), 200]
    events = [world.ingest() for _ in range(4)]
    world.match_once()
    answers = world.deliver_once()
    back = [one for one in answers if isinstance(one, PutBack)]
    assert len(back) == 2
    assert all("ValueError in send" in one.why and "secret" not in one.why for one in back)
    world.run_for(200, step=5)
    for event in events:
        assert world.trace(event).event.status is EventStatus.SUCCEEDED
    requests = [request.url for request in world.sender.requests]
    assert (requests.count(good.url), requests.count(bad.url)) == (4, 6)
    outcomes = [[a.outcome for a in d.attempts] for e in events for d in world.trace(e).deliveries]
    assert outcomes.count([AttemptOutcome.WORKER_LOST, AttemptOutcome.SUCCESS]) == 2


def test_fc_42_three_matchers_one_event_and_one_killed(world: World) -> None:
    for _ in range(250):
        world.subscription(world.endpoint())
    event = world.ingest()
    body = world.match_queue.messages[0].body
    world.match_queue.put(body)
    world.match_queue.put(body)

    def die(_: object) -> None:
        world.deliver_queue.before_send = lambda _: None
        raise WorkerDied

    world.deliver_queue.before_send = die
    with pytest.raises(WorkerDied):
        world.match_once([world.match_queue.messages[0]])
    world.run_for(130)
    trace = world.trace(event)
    assert trace.event.status is EventStatus.SUCCEEDED
    assert trace.event.report is not None
    assert trace.event.report["matched"] == 250
    deliveries = [dict(r.headers)["hooktrace-delivery-id"] for r in world.sender.requests]
    assert len(deliveries) == len(set(deliveries)) == 250


def test_the_first_matchers_decision_stands(world: World) -> None:
    world.subscription(world.endpoint())
    event = world.ingest()
    body = world.match_queue.messages[0].body
    world.match_once()
    world.subscription(world.endpoint("http://127.0.0.1:9/later"))
    world.match_queue.put(body)
    world.run()
    assert len(world.trace(event).deliveries) == 1
    assert {r.url for r in world.sender.requests} == {"http://127.0.0.1:9/hook"}


def test_fc_45_410_disables_the_endpoint_and_cancels_the_rest(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(30,))
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [500, 410]
    first, second = world.ingest(), world.ingest()
    world.run_for(60)
    traces = [world.trace(e) for e in (first, second)]
    assert sorted(t.deliveries[0].status for t in traces) == ["cancelled", "failed"]
    assert {t.deliveries[0].reason for t in traces} == {"endpoint_disabled", "permanent_status_410"}
    now = world.registry.endpoints.get_endpoint(world.project.id, endpoint.id)
    assert now is not None
    assert (now.state, now.disabled_reason) == ("disabled", "gone")
    third = world.ingest()
    world.run()
    trace = world.trace(third)
    assert trace.event.status is EventStatus.DISCARDED
    assert trace.event.report is not None
    assert trace.event.report["misses"]["endpoint_disabled"] == 1
    assert len(world.sender.requests) == 2


def test_fc_44_deleted_with_a_request_in_flight(world: World) -> None:
    for status, ended, reason in (
        (200, DeliveryStatus.SUCCEEDED, None),
        (500, DeliveryStatus.CANCELLED, "endpoint_deleted"),
    ):
        endpoint = world.endpoint(f"http://127.0.0.1:9/{status}")
        world.subscription(endpoint, event_types=(f"held.{status}",))

        def delete(_: OutgoingRequest, endpoint: Any = endpoint, status: int = status) -> Any:
            world.registry.endpoints.delete_endpoint(endpoint)
            return answer(status)

        world.sender.script[endpoint.url] = [delete]
        event = world.ingest(event_type=f"held.{status}")
        world.run_for(60)
        delivery = the_delivery(world, event)
        assert (delivery.status, delivery.reason) == (ended, reason)
        assert delivery.attempts[0].status == status
        assert delivery.next_attempt_ms is None
    assert len(world.sender.requests) == 2


def test_fc_46_a_retry_goes_where_the_endpoint_is_now(world: World) -> None:
    endpoint = world.endpoint("http://127.0.0.1:9/old", retry_schedule=(5,))
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [503]
    event = world.ingest()
    world.run()
    world.change(endpoint, url="http://127.0.0.1:9/new")
    world.run_for(60)
    old, new = the_delivery(world, event).attempts
    assert (old.url, new.url) == ("http://127.0.0.1:9/old", "http://127.0.0.1:9/new")
    assert world.trace(event).event.status is EventStatus.SUCCEEDED


@pytest.mark.parametrize("status", [410, 404])
def test_what_the_old_address_answers_is_not_final_like_fc_46(world: World, status: int) -> None:
    """The customer moved house while the request was under way; the old house says: gone."""
    endpoint = world.endpoint(
        "http://127.0.0.1:9/old", retry_schedule=(5,), permanent_statuses=(404,)
    )
    world.subscription(endpoint)

    def moves(_: OutgoingRequest) -> Any:
        world.change(endpoint, url="http://127.0.0.1:9/new")
        return answer(status)

    world.sender.script[endpoint.url] = [moves]
    event = world.ingest()
    world.run_for(60)
    assert [a.status for a in the_delivery(world, event).attempts] == [status, 200]
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    now = world.registry.endpoints.get_endpoint(world.project.id, endpoint.id)
    assert now is not None
    assert now.state == "enabled"


def test_fc_60_one_rotten_message_spoils_no_other(world: World) -> None:
    world.subscription(world.endpoint())
    events = [world.ingest() for _ in range(7)]
    world.match_queue.put("this is not JSON")
    world.match_queue.put('{"kind":"match.v99"}')
    ghost = world.ingest()
    task = replace(match_task(ghost, None), packed=None)
    world.match_queue.messages.pop()
    for key in [k for k in world.table._items if k[1].endswith(ghost.ulid)]:
        world.table.delete(key)
    world.match_queue.put(encode(task))
    world.run_for(900, step=30)
    assert all(world.trace(e).event.status is EventStatus.SUCCEEDED for e in events)
    assert len(world.sender.requests) == 7
    assert {m.receives for m in world.match_queue.dead} == {6}
    assert world.match_queue.messages == []


def test_a_dead_deliver_message_is_written_back_to_its_trace(world: World) -> None:
    world.subscription(world.endpoint())
    event = world.ingest()
    world.match_once()
    (message,) = world.deliver_queue.messages
    world.deliver_queue.messages.clear()
    world.deliver_queue.dead.append(message)
    world.clock.advance(1)
    world.sweep()
    world.run_for(200)
    delivery = the_delivery(world, event)
    assert (delivery.status, delivery.reason) == (DeliveryStatus.FAILED, "dead_letter_deliver")
    assert world.trace(event).event.status is EventStatus.FAILED
    assert world.deliver_queue.dead == []


def test_fc_63_the_attempt_list_grows_past_what_an_item_holds(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(1,) * 130)
    world.subscription(endpoint)
    noise = [
        answer(500, response_body=f"{n}:" + "x" * 900, response_body_bytes=902) for n in range(130)
    ]
    world.sender.script[endpoint.url] = [*noise, 200]
    event = world.ingest()
    world.run_for(200)
    delivery = the_delivery(world, event)
    assert delivery.status is DeliveryStatus.SUCCEEDED
    assert delivery.attempts_total == 131
    reader_view = world.trace(event).deliveries[0]
    assert reader_view.attempts[-1].number == 131
    whole = world.reader().delivery(ProjectId(world.project.id), delivery.id)
    assert whole is not None
    assert [a.number for a in whole.attempts] == list(range(32, 132))


def test_a_message_for_another_attempt_of_the_past_is_over(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(60, 60))
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [500]
    world.ingest()
    world.match_once()
    body = world.deliver_queue.messages[0].body
    world.run_for(70)
    world.deliver_queue.put(body)
    before = len(world.sender.requests)
    (one,) = world.deliver_once()
    assert isinstance(one, Settled)
    assert len(world.sender.requests) == before


@pytest.mark.parametrize("dies", [False, True])
def test_a_dead_message_while_an_attempt_is_in_flight_has_failed_too(
    world: World, dies: bool
) -> None:
    """Whether the attempt then fails or its worker dies: a dead letter is no cancellation."""
    endpoint = world.endpoint(retry_schedule=(5,))
    world.subscription(endpoint)
    event = world.ingest()
    world.match_once()
    (message,) = world.deliver_queue.take()

    def meanwhile(_: OutgoingRequest) -> int:
        world.deliver_queue.dead.append(replace(message, id="dead"))
        world.sweep()
        if dies:
            raise WorkerDied
        return 500

    world.sender.script[endpoint.url] = [meanwhile]
    if dies:
        with pytest.raises(WorkerDied):
            world.deliver_once([message])
    else:
        world.deliver_once([message])
    world.run_for(300, step=5)
    delivery = the_delivery(world, event)
    assert (delivery.status, delivery.reason) == (DeliveryStatus.FAILED, "dead_letter_deliver")
    assert world.trace(event).event.status is EventStatus.FAILED
    assert len(world.sender.requests) == 1
