"""An event goes in, its whole trace comes out."""

from __future__ import annotations

import json

import pytest
from standardwebhooks import Webhook

from hooktrace.adapters.items import item_bytes
from hooktrace.domain.ids import ProjectId
from hooktrace.domain.states import DeliveryStatus, EventStatus
from tests.world import World

ORDER = {
    "order": {"id": "ord_58210", "number": "2026-58210", "currency": "EUR", "total": 182.4},
    "customer": {"id": "cus_9912", "email": "jo@example.com", "tier": "gold", "country": "DE"},
    "items": [
        {"sku": f"SKU-{n:04}", "name": f"Article {n}", "quantity": n % 3 + 1, "price": 9.5 * n}
        for n in range(1, 11)
    ],
    "shipping": {
        "method": "express",
        "carrier": "dhl",
        "address": {"city": "Köln", "zip": "50667"},
    },
    "flags": {"test": False, "gift": True, "reviewed": None},
}
SAMPLE = json.dumps(ORDER).encode()
assert 900 < len(SAMPLE) < 1_100


@pytest.fixture
def world() -> World:
    return World()


def test_an_event_is_accepted_matched_delivered_and_traced(world: World) -> None:
    endpoint = world.endpoint()
    subscription = world.subscription(endpoint, event_types=("order.*",))
    event = world.ingest(b'{"total": 1.0}')
    assert world.trace(event).event.status is EventStatus.ACCEPTED
    world.run()
    trace = world.trace(event)
    assert trace.event.status is EventStatus.SUCCEEDED
    assert trace.event.report == {
        "considered": 1,
        "matched": 1,
        "misses": {"type": 0, "filter": 0, "endpoint_disabled": 0, "subscription_disabled": 0},
        "near_misses": [],
    }
    (delivery,) = trace.deliveries
    assert delivery.status is DeliveryStatus.SUCCEEDED
    assert delivery.matched_by == (subscription.id,)
    (attempt,) = delivery.attempts
    assert (attempt.number, attempt.trigger, attempt.status) == (1, "automatic", 200)
    assert attempt.outcome == "success"
    assert attempt.address == "127.0.0.1:9"


def test_what_is_sent_is_signed_and_holds_the_very_bytes(world: World) -> None:
    endpoint = world.endpoint()
    world.subscription(endpoint)
    data = '{"n":1.0,"e":1e2,"big":8123456789012345679,"s":"Zoë \\u2028"}'.encode()
    event = world.ingest(data, headers={"X-Region": "eu", "Host": "evil"})
    world.clock.advance(0)
    world.run()
    (request,) = world.sender.requests
    headers = dict(request.headers)
    assert data in request.body
    assert headers["webhook-id"] == event.id
    assert headers["x-region"] == "eu"
    assert "host" not in headers
    assert headers["hooktrace-attempt"] == "1"
    assert headers["hooktrace-trigger"] == "automatic"
    webhook = Webhook(endpoint.secrets[0].value)
    stamp = int(headers["webhook-timestamp"])
    assert abs(stamp - world.clock.now_ms() // 1000) <= 1
    signed = webhook.sign(event.id, _moment(stamp), request.body.decode())
    assert signed in headers["webhook-signature"].split(" ")


def _moment(seconds: int) -> object:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC)


def test_fc_14_headers_about_the_producers_body_are_not_passed_on(world: World) -> None:
    world.subscription(world.endpoint())
    digests = {"Content-MD5": "x", "Content-Digest": "x", "Content-Language": "x", "X-Kept": "x"}
    world.ingest(headers=digests)
    world.run()
    (request,) = world.sender.requests
    sent = {name for name, value in request.headers if value == "x"}
    assert sent == {"x-kept"}


@pytest.mark.parametrize("size", [10, 900, 60_000, 900_000])
def test_payloads_of_every_size_arrive_whole(world: World, size: int) -> None:
    world.subscription(world.endpoint())
    noise = world.chance.random.randbytes(size).hex().encode()
    event = world.ingest(b'{"noise":"' + noise + b'"}')
    world.run()
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    assert noise in world.sender.requests[0].body
    payload = world.trace(event).payload
    assert payload is not None
    assert noise in payload.data
    assert (len(world.blobs.objects) == 1) is (size == 900_000)


def test_two_subscriptions_of_one_endpoint_make_one_delivery(world: World) -> None:
    endpoint = world.endpoint()
    ids = {world.subscription(endpoint).id, world.subscription(endpoint).id}
    event = world.ingest()
    world.run()
    (delivery,) = world.trace(event).deliveries
    assert set(delivery.matched_by) == ids
    assert len(world.sender.requests) == 1


def test_one_endpoint_fails_and_one_succeeds_partial(world: World) -> None:
    good, bad = (
        world.endpoint("http://127.0.0.1:9/good"),
        world.endpoint("http://127.0.0.1:9/bad", retry_schedule=()),
    )
    world.sender.script[bad.url] = [500]
    world.subscription(good)
    world.subscription(bad)
    event = world.ingest()
    world.run()
    trace = world.trace(event)
    assert trace.event.status is EventStatus.PARTIAL
    assert {d.status for d in trace.deliveries} == {DeliveryStatus.SUCCEEDED, DeliveryStatus.FAILED}
    failed = next(d for d in trace.deliveries if d.status is DeliveryStatus.FAILED)
    assert failed.reason == "attempts_exhausted"


def test_a_delivery_not_begun_is_shown_as_pending(world: World) -> None:
    world.subscription(world.endpoint())
    event = world.ingest()
    world.match_once()
    trace = world.trace(event)
    assert trace.event.status is EventStatus.DELIVERING
    (delivery,) = trace.deliveries
    assert delivery.status is DeliveryStatus.PENDING
    alone = world.reader().delivery(ProjectId(world.project.id), delivery.id)
    assert alone == delivery


def test_the_write_plan_costs_six_units(world: World) -> None:
    """DESIGN's budget: put, report, born, its index row, result, roll-up, each within 1 KB."""
    world.subscription(world.endpoint())
    event = world.ingest(SAMPLE)
    world.run()
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    counts = world.table.meter.counts
    assert (counts["writes"], counts["wru"]) == (5, 6)
    assert world.match_queue.sent == world.deliver_queue.sent == 1


def test_every_item_of_the_happy_path_stays_within_a_kilobyte(world: World) -> None:
    world.subscription(world.endpoint())
    world.ingest(SAMPLE)
    world.run()
    sizes = {key[1][:2]: item_bytes(item) for key, item in world.table._items.items()}
    assert set(sizes) == {"E#", "D#"}
    assert max(sizes.values()) <= 1_024, sizes


def test_a_fan_out_to_many_endpoints_is_complete(world: World) -> None:
    for _ in range(250):
        world.subscription(world.endpoint())
    event = world.ingest()
    world.run()
    trace = world.trace(event)
    assert trace.event.status is EventStatus.SUCCEEDED
    assert trace.event.plan_total == 250
    assert len({dict(r.headers)["hooktrace-delivery-id"] for r in world.sender.requests}) == 250
    assert len(world.sender.requests) == 250
