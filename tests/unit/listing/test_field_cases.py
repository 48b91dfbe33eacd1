"""Lists as other systems got them wrong: the field cases, by their ids."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from hooktrace.adapters.items import delivery_item, event_item
from hooktrace.domain.events import EventRecord
from hooktrace.domain.times import parse_rfc3339
from tests.fakes import answer
from tests.unit.listing.room import Room
from tests.world import World

EVENTS, DELIVERIES = "/v1/events", "/v1/deliveries"


def many(world: World, number: int, *, each: int = 0, event_type: str = "a") -> list[EventRecord]:
    """Events, `each` of them in every millisecond (0: all in one)."""
    made = []
    for count in range(number):
        if each and count % each == 0:
            world.clock.ms += 1
        made.append(world.ingest(event_type=event_type))
    return made


@pytest.mark.parametrize("limit", [1, 7, 200])
def test_fc_50_a_page_boundary_inside_one_millisecond(world: World, room: Room, limit: int) -> None:
    made = {event.id for event in many(world, 400, each=130)}
    desc = list(room.pages(EVENTS, {"limit": limit}))
    asc = room.walk(EVENTS, limit=limit, order="asc")
    ids = [identifier for page in desc for identifier in page.ids]
    assert set(ids) == made
    assert len(ids) == 400
    assert asc == ids[::-1]
    assert all(page.json["looked_until"] for page in desc[:-1])
    assert desc[-1].json["looked_until"] is None


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_fc_51_one_needle_many_pages(world: World, room: Room, order: str) -> None:
    endpoint = world.endpoint()
    world.subscription(endpoint, event_types=("needle",))
    world.sender.script[endpoint.url] = [
        answer(418, reason="The endpoint answered 418."),
    ]
    world.change(endpoint, retry_schedule=())
    needles = [world.ingest(event_type="needle", idempotency_key="key 1")]
    many(world, 2_500, each=50)
    needles.append(world.ingest(event_type="needle", idempotency_key="key 2"))
    many(world, 2_500, each=50)
    world.run()
    wanted = [event.id for event in needles]
    if order == "desc":
        wanted.reverse()
    for params in (
        {"type": "needle"},
        {"response_status": 418},
        {"status": "failed"},
        {"endpoint_id": endpoint.id},
        {"outcome": "http_error", "trigger": "automatic"},
    ):
        pages = list(room.pages(EVENTS, {"limit": 10, "order": order, **params}))
        assert [i for page in pages for i in page.ids] == wanted, params
        assert all(page.ids or page.cursor for page in pages[:-1])
        assert len(pages) <= 7
    assert room.walk(EVENTS, limit=10, idempotency_key="key 2", order=order) == [needles[1].id]
    assert len(room.walk(DELIVERIES, response_status=418, order=order)) == 2
    assert len(room.walk(DELIVERIES, type="needle", order=order)) == 2


def test_fc_51_the_work_of_a_page_is_bounded(world: World, room: Room) -> None:
    many(world, 3_000, each=50)
    counts = world.table.meter.counts
    counts.clear()
    page = room.get(EVENTS, {"type": "needle"})
    assert page.ids == []
    assert page.cursor
    assert page.json["looked_until"]
    assert counts["reads"] <= 4 + 64 + 1
    assert counts["rru_halves"] <= 1_100


def cursors(world: World, room: Room) -> dict[str, str]:
    """Real cursors that belong elsewhere."""
    found = {
        "other list": room.get(DELIVERIES, {"status": "failed", "limit": 1}),
        "no filter": room.get(EVENTS, {"limit": 1}),
        "other status": room.get(EVENTS, {"status": "discarded", "limit": 1}),
        "other order": room.get(EVENTS, {"status": "failed", "order": "asc", "limit": 1}),
        "other time": room.get(EVENTS, {"status": "failed", "since": "-24h", "limit": 1}),
    }
    mine = world.project
    world.project = world.new_project("other")
    endpoint = world.endpoint()
    failing(world, endpoint.url)
    world.subscription(endpoint)
    many(world, 3)
    world.run()
    found["other project"] = room.get(EVENTS, {"status": "failed", "limit": 1})
    world.project = mine
    return {name: page.cursor for name, page in found.items() if page.cursor}


def failing(world: World, url: str) -> None:
    world.sender.script[url] = [answer(410), answer(410), answer(410)]


def test_fc_52_cursors_that_were_not_meant_for_this(world: World, room: Room) -> None:
    endpoint = world.endpoint(permanent_statuses=(400,))
    world.sender.script[endpoint.url] = [400]
    world.subscription(endpoint, event_types=("order.*",))
    many(world, 3)
    many(world, 3, event_type="order.paid")
    world.run()
    this = {"status": "failed", "order": "desc", "limit": 1}
    good = room.get(EVENTS, this).cursor
    assert good
    flipped = ("B" if good[5] != "B" else "C").join((good[:5], good[6:]))
    vectors = ["", "x", "AAAA", good + "!", good[:-3], flipped, "' OR 1=1", "../../x", "%00"]
    vectors += ["\0", "é", "a" * 5_000, good + "=", good + "A", " " + good]
    foreign = cursors(world, room)
    assert set(foreign) >= {"other list", "no filter", "other status", "other order"}
    assert "other project" in foreign
    for cursor in [*vectors, *foreign.values()]:
        refused = room.get(EVENTS, {**this, "cursor": cursor})
        assert (refused.status, refused.json["code"]) == (400, "invalid_cursor"), cursor
    assert room.get(EVENTS, {**this, "cursor": good}).status == 200
    twice = room.get(EVENTS, [*this.items(), ("cursor", good), ("cursor", good)])
    assert twice.status == 400
    text = base64.urlsafe_b64decode(good + "=" * (-len(good) % 4))
    assert world.project.id.encode() not in text


def test_fc_52_every_changed_letter_is_seen(world: World, room: Room) -> None:
    many(world, 5)
    good = room.get(EVENTS, {"limit": 2}).cursor
    assert good
    for position, letter in enumerate(good):
        other = "A" if letter != "A" else "B"
        changed = good[:position] + other + good[position + 1 :]
        assert room.get(EVENTS, {"limit": 2, "cursor": changed}).status == 400
    assert room.get(EVENTS, {"limit": 7, "cursor": good}).status == 200  # the limit may change


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_fc_53_new_arrivals_while_someone_reads(world: World, room: Room, order: str) -> None:
    existing = {event.id for event in many(world, 1_000, each=13)}
    world.clock.ms += 1
    until = {"until": "-0s"} if order == "asc" else {}
    seen: list[str] = []
    for page in room.pages(EVENTS, {"limit": 50, "order": order, **until}):
        seen += page.ids
        many(world, 7, each=2)
    assert set(seen) >= existing
    assert len(seen) == len(set(seen)) == 1_000
    assert seen == sorted(seen, reverse=order == "desc")


def test_fc_53_an_upward_walk_ends_where_it_began(world: World, room: Room) -> None:
    many(world, 100, each=3)
    pages = 0
    for page in room.pages(EVENTS, {"limit": 10, "order": "asc"}):
        pages += 1
        assert len(page.ids) <= 10
        many(world, 20, each=1)
    assert pages == 10


TIMES = [
    ("since=2026-03-29T10:00:00Z", 200),
    ("since=2026-03-29T12:00:00%2B02:00", 200),
    ("since=2026-03-29T12:00:00+02:00", 400),
    ("since=2026-03-29T10:00:00", 400),
    ("since=2026-03-29", 400),
    ("since=1774778400", 400),
    ("since=2026-03-29T10:00:00.123456789Z", 200),
    ("since=2026-03-29t10:00:00z", 200),
    ("since=2026-02-30T10:00:00Z", 400),
    ("since=2026-12-31T23:59:60Z", 400),
    ("since=10000-01-01T00:00:00Z", 400),
    ("since=2026-03-29T12:00:00Z&until=2026-03-29T10:00:00Z", 400),
    ("since=", 400),
    ("since=yesterday", 400),
    ("since=-24h", 200),
    ("since=-90m&until=-10s", 200),
    ("since=-7d", 200),
    ("since=-999999999d", 200),
    ("since=-1h&until=-2h", 400),
    ("since=-1w", 400),
    ("since=-24h&since=-48h", 400),
    ("since=1960-01-01T00:00:00Z", 200),
    ("until=9999-12-31T23:59:59Z", 200),
]


@pytest.mark.parametrize(("query", "status"), TIMES)
@pytest.mark.parametrize("path", [EVENTS, DELIVERIES])
def test_fc_54_since_and_until_as_people_write_them(
    room: Room, path: str, query: str, status: int
) -> None:
    found = room.raw(path, query)
    assert found.status == status
    if status == 400:
        assert found.json["code"] == "invalid_parameter"
        assert found.json["errors"][0]["parameter"] in {"since", "until"}
        if "until" not in query and query.count("since") == 1:
            assert "RFC 3339" in found.json["detail"]


def test_fc_54_since_is_inclusive_and_until_exclusive(world: World, room: Room) -> None:
    start = parse_rfc3339("2026-03-29T09:00:00Z")
    assert start is not None
    by_minute = {}
    for minute in range(180):
        world.clock.ms = start + minute * 60_000
        by_minute[minute] = world.ingest().id
    found = room.walk(EVENTS, since="2026-03-29T10:00:00Z", until="2026-03-29T11:00:00Z")
    assert found == [by_minute[m] for m in range(119, 59, -1)]
    same = room.walk(EVENTS, since="2026-03-29T12:00:00+02:00", until="2026-03-29T11:00:00Z")
    assert same == found
    assert room.walk(EVENTS, since="-10m", order="asc") == [by_minute[m] for m in range(169, 180)]
    assert room.walk(EVENTS, since="-10m", until="-10m") == []
    world.clock.ms += 3_600_000
    assert room.walk(EVENTS, since="-10m") == []


def test_fc_64_expired_but_not_yet_deleted(world: World, room: Room) -> None:
    endpoint = world.endpoint()
    world.subscription(endpoint)
    failing(world, endpoint.url)
    kept, gone = world.ingest(), world.ingest()
    world.run()
    past = world.clock.ms // 1000 - 3600
    event = world.ledger.events([(gone.project_id, gone.id)])[gone.id]
    for delivery in world.trace(gone).deliveries:
        world.table.store([delivery_item(replace(delivery, expires_s=past))])
    world.table.store([event_item(replace(event, expires_s=past))])
    statuses = {e["status"] for e in room.get(EVENTS).json["items"]}
    for params in ({}, {"status": statuses.pop()}, {"endpoint_id": endpoint.id}):
        assert room.walk(EVENTS, **params) == [kept.id], params
    for filters in ({}, {"endpoint_id": endpoint.id}, {"type": "order.created"}):
        [only] = room.get(DELIVERIES, filters).json["items"]
        assert only["event_id"] == kept.id
    assert room.get(f"{EVENTS}/{gone.id}").status == 404


def test_fc_01_discarded_events_are_listed_with_their_reasons(world: World, room: Room) -> None:
    endpoint = world.endpoint()
    world.subscription(endpoint, event_types=("order.*",))
    discarded = world.ingest(event_type="invoice.paid")
    world.ingest(event_type="order.paid")
    world.run()
    [item] = room.get(EVENTS, {"status": "discarded"}).json["items"]
    assert item["id"] == discarded.id
    assert item["match"]["misses"]["type"] == 1
