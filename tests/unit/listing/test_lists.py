"""The lists' filters, limits and borders."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.ids import EndpointId, ulid
from hooktrace.domain.states import Trigger
from hooktrace.ports import Write
from tests.fakes import answer
from tests.unit.listing.room import Room
from tests.world import World

EVENTS, DELIVERIES = "/v1/events", "/v1/deliveries"

UNKNOWN = ["state=failed", "Status=failed", "page=2", "offset=1"]
MALFORMED = [
    "status=lost",
    "status=",
    "endpoint_id=ep_1",
    "subscription_id=ep_01M3250TZGJFMQFPC4DRBKE000",
    "trigger=hand",
    "outcome=error",
    "response_status=99",
    "response_status=600",
    "response_status=5_0",
    "response_status=2xx",
    "order=up",
    "order=asc&order=desc",
    "limit=0",
    "limit=201",
    "limit=many",
    "limit=5&limit=6",
    "idempotency_key=",
    "type=",
]


@pytest.mark.parametrize("path", [EVENTS, DELIVERIES])
@pytest.mark.parametrize("query", UNKNOWN)
def test_unknown_parameters_are_refused(room: Room, path: str, query: str) -> None:
    refused = room.raw(path, query)
    assert (refused.status, refused.json["code"]) == (400, "unknown_parameter")


@pytest.mark.parametrize("path", [EVENTS, DELIVERIES])
@pytest.mark.parametrize("query", MALFORMED)
def test_malformed_parameters_are_refused(room: Room, path: str, query: str) -> None:
    refused = room.raw(path, query)
    assert (refused.status, refused.json["code"]) == (400, "invalid_parameter")
    assert refused.json["errors"][0]["parameter"] == query.split("=")[0]


def test_each_list_knows_its_own_statuses(room: Room) -> None:
    assert room.get(EVENTS, {"status": "discarded"}).status == 200
    assert room.get(DELIVERIES, {"status": "discarded"}).status == 400
    assert room.get(DELIVERIES, {"status": "cancelled"}).status == 200
    assert room.get(EVENTS, {"status": "cancelled"}).status == 400


def test_repeated_parameters_are_alternatives(world: World, room: Room) -> None:
    made = {name: world.ingest(event_type=name).id for name in ("a", "b", "c")}
    world.run()
    found = room.get(EVENTS, [("type", "a"), ("type", "c")])
    assert set(found.ids) == {made["a"], made["c"]}
    both = room.get(EVENTS, [("status", "discarded"), ("status", "failed"), ("type", "b")])
    assert both.ids == [made["b"]]


def test_an_empty_project_has_one_empty_last_page(room: Room) -> None:
    for path in (EVENTS, DELIVERIES):
        page = room.get(path)
        assert page.json == {"items": [], "next_cursor": None, "looked_until": None}


def test_filters_on_deliveries_must_hold_together(world: World, room: Room) -> None:
    bad, good = world.endpoint("http://127.0.0.1:9/bad"), world.endpoint()
    world.change(bad, permanent_statuses=(418,))
    world.sender.script[bad.url] = [418]
    subscription = world.subscription(bad)
    world.subscription(good)
    event = world.ingest()
    world.run()
    for params, fits in (
        ({"endpoint_id": bad.id, "response_status": 418}, True),
        ({"endpoint_id": good.id, "response_status": 418}, False),
        ({"endpoint_id": good.id, "outcome": "success", "status": "partial"}, True),
        ({"subscription_id": subscription.id, "outcome": "http_error"}, True),
        ({"subscription_id": subscription.id, "outcome": "success"}, False),
        ({"subscription_id": subscription.id}, True),
        ({"outcome": "success", "response_status": 418}, False),
    ):
        assert room.walk(EVENTS, **params) == ([event.id] if fits else []), params
    assert len(room.walk(DELIVERIES)) == 2
    assert len(room.walk(DELIVERIES, status="failed", endpoint_id=bad.id)) == 1
    assert room.walk(DELIVERIES, status="failed", endpoint_id=good.id) == []


def test_deliveries_that_wait_for_their_first_attempt_are_pending(world: World, room: Room) -> None:
    for _ in range(3):
        world.subscription(world.endpoint())
    first, second = world.ingest(), world.ingest()
    world.match_once()
    assert room.walk(DELIVERIES) == []
    assert len(room.walk(DELIVERIES, status="pending", limit=2)) == 6
    world.run()
    third = world.ingest()
    world.match_once()
    pending = [i for p in room.pages(DELIVERIES, {"status": "pending"}) for i in p.json["items"]]
    assert {item["event_id"] for item in pending} == {third.id}
    assert {item["status"] for item in pending} == {"pending"}
    done = room.walk(DELIVERIES, status="succeeded", limit=1, order="asc")
    assert len(done) == 6
    assert {i.split("_")[1] for i in done} == {first.ulid, second.ulid}


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 7, 50, 200])
def test_a_fan_out_longer_than_a_page(world: World, room: Room, limit: int, order: str) -> None:
    number = 120
    for count in range(number):
        endpoint = world.endpoint(f"http://127.0.0.1:9/{count}", permanent_statuses=(400,))
        world.sender.script[endpoint.url] = [400]
        world.subscription(endpoint, event_types=("fan",))
    world.ingest()
    event = world.ingest(event_type="fan")
    world.ingest()
    world.run()
    for params in ({}, {"status": "failed"}, {"outcome": "http_error"}):
        found = room.walk(DELIVERIES, limit=limit, order=order, **params)
        assert len(found) == len(set(found)) == number
    assert room.walk(DELIVERIES, limit=limit, order=order, status="pending") == []
    assert room.walk(EVENTS, limit=limit, order=order, status="failed") == [event.id]
    assert room.walk(EVENTS, limit=limit, order=order, outcome="http_error") == [event.id]
    found = room.walk(EVENTS, limit=limit, order=order, status="failed", response_status=400)
    assert found == [event.id]


def test_manual_attempts_are_found_without_looking_at_everything(world: World, room: Room) -> None:
    endpoint = world.endpoint()
    world.subscription(endpoint)
    events = [world.ingest() for _ in range(300)]
    world.run()
    chosen = world.trace(events[17]).deliveries[0]
    by_hand = replace(chosen.attempts[0], number=2, trigger=Trigger.MANUAL, requested_by="key_1")
    retried = replace(
        chosen,
        attempts=(*chosen.attempts, by_hand),
        attempts_total=2,
        version=chosen.version + 1,
        write_token="by hand",
    )
    world.ledger.write([Write(retried, chosen)])
    world.table.meter.counts.clear()
    assert room.walk(DELIVERIES, trigger="manual") == [chosen.id]
    assert room.walk(EVENTS, trigger="manual", status="succeeded") == [events[17].id]
    assert room.walk(EVENTS, trigger="manual", status="delivering") == []
    assert world.table.meter.counts["rru_halves"] <= 60


def test_nothing_of_another_project_shows(world: World, room: Room) -> None:
    mine, endpoint = world.project, world.endpoint()
    world.subscription(endpoint)
    for _ in range(120):
        world.ingest()
    world.run()
    world.project = world.new_project("other")
    nowhere = EndpointId(f"ep_{ulid(1, bytes(10))}")
    for path in (EVENTS, DELIVERIES):
        for params in ({}, {"status": "succeeded"}, {"trigger": "manual"}):
            assert room.walk(path, **params) == []
        theirs = room.get(path, {"endpoint_id": endpoint.id, "limit": 5})
        unknown = room.get(path, {"endpoint_id": nowhere, "limit": 5})
        assert theirs == unknown
        assert theirs.cursor is None
    world.project = mine
    assert len(room.walk(DELIVERIES, endpoint_id=endpoint.id, limit=7)) == 120


def test_a_project_may_get_more_shards(world: World, room: Room) -> None:
    made = [world.ingest().id for _ in range(20)]
    cursor = room.get(EVENTS, {"limit": 5, "order": "asc"}).cursor
    grown = replace(world.project, shards=16)
    world.project = world.registry.projects.replace_project(grown, before=world.project)
    world.clock.ms += 5
    later = [world.ingest().id for _ in range(40)]
    assert set(room.walk(EVENTS, limit=7)) == {*made, *later}
    rest = room.get(EVENTS, {"limit": 200, "order": "asc", "cursor": cursor})
    assert len(rest.ids) == 15  # what was there when that walk began
    assert set(rest.ids) < set(made)


def test_a_retry_under_way_is_always_on_the_list_of_retries(world: World) -> None:
    endpoint = world.endpoint()
    world.subscription(endpoint)
    event = world.ingest()
    world.run()
    ended = world.trace(event).deliveries[0]
    manual = replace(ended.attempts[0], trigger=Trigger.MANUAL)
    first_by_hand: DeliveryRecord = replace(ended, attempts=(manual,))
    statuses = {"retrying": "retrying", "delivering": "retrying"}
    for status, listed in statuses.items():
        record = replace(first_by_hand, status=type(ended.status)(status))
        assert record.attention == listed


@pytest.mark.parametrize("path", [EVENTS, DELIVERIES])
def test_fc_51_a_page_is_cut_before_it_is_larger_than_an_answer_may_be(
    world: World, room: Room, path: str
) -> None:
    quotes = '"' * 200  # each is four bytes where the gateway puts our JSON into its own
    if path == EVENTS:
        for number in range(12):
            names = [f"{letter}{quotes}" for letter in "abc"]
            only = json.dumps({"data": {name: {"$in": [f"{quotes}{number}"]} for name in names}})
            world.subscription(world.endpoint(), filter_text=only)
        made = [world.ingest(json.dumps(dict.fromkeys(names, quotes)).encode()) for _ in range(100)]
    else:
        endpoint = world.endpoint(retry_schedule=(1,) * 9)
        world.subscription(endpoint)
        world.sender.script[endpoint.url] = [answer(500, response_body=quotes * 20)]
        made = [world.ingest() for _ in range(100)]
    world.run_for(30)
    pages = list(room.pages(path, {"limit": 200}))
    assert 1 < len(pages) < 10
    assert all(len(json.dumps(json.dumps(page.json))) < 6_000_000 for page in pages)
    ids = [identifier for page in pages for identifier in page.ids]
    assert len(ids) == len(set(ids)) == len(made)


def test_a_delivery_says_when_its_event_was_accepted(world: World, room: Room) -> None:
    world.subscription(world.endpoint())
    event = world.ingest()
    world.clock.advance(5)
    world.run()
    (shown,) = room.get(DELIVERIES).json["items"]
    (of_trace,) = room.get(f"{EVENTS}/{event.id}").json["deliveries"]
    (listed,) = room.get(EVENTS).json["items"]
    assert shown["accepted_at"] == of_trace["accepted_at"] == listed["accepted_at"]
    assert shown["updated_at"] > shown["accepted_at"]
