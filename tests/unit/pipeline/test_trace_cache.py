"""Traces from the cache: none of them is ever older than what a caller was told."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from functions.manage.forgetting import forgetting
from hooktrace.adapters.memory.trace_cache import MemoryTraceCache
from hooktrace.adapters.records import changed_after_the_end
from hooktrace.adapters.tables import Change
from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.domain.states import EventStatus
from hooktrace.reading_ports import FORGOTTEN_SECONDS
from hooktrace.usecases.cached_traces import (
    ABSENT_SECONDS,
    FILL_SECONDS,
    TRACE_SECONDS,
    CachedTraces,
    is_settled,
)
from tests.inhabited import with_id
from tests.whole_api import Answer, WholeApi
from tests.world import World
from tools.openapi import collect_routes

CHANGING = [
    route
    for route in collect_routes()
    if route.method != "GET" and route.path.startswith(("/v1/events/{", "/v1/deliveries/{"))
]


class Cached:
    """A project on the whole API, with the cache in memory."""

    def __init__(self) -> None:
        self.world = World()
        self.api = WholeApi(self.world)
        self.project, tokens = self.api.project("cached")
        self.token = tokens["admin"]
        self.endpoint = self.made("/v1/endpoints", url="http://127.0.0.1:9999/in")
        self.made("/v1/subscriptions", endpoint_id=self.endpoint["id"], event_types=["order.*"])

    def made(self, path: str, **body: Any) -> dict[str, Any]:
        return dict(self.api.call("POST", path, body, token=self.token).json)

    def event(self, event_type: str = "order.created", **more: Any) -> str:
        identifier = str(self.made("/v1/events", type=event_type, data={"n": 1}, **more)["id"])
        self.world.run()
        return identifier

    def get(self, event: str, query: str = "") -> Answer:
        return self.api.call("GET", f"/v1/events/{event}", token=self.token, query=query)

    def post(self, path: str) -> Answer:
        return self.api.call("POST", path, token=self.token)

    def reads(self, ask: Callable[[], object]) -> int:
        """How many reads of the ledger an action costs."""
        before = self.world.table.meter.counts["reads"]
        ask()
        return self.world.table.meter.counts["reads"] - before

    def notify(self) -> None:
        """What the stream holds is rolled up, and what it says is forgotten."""
        records = {"Records": list(self.world.table.stream)}
        self.world.notify()
        self.api.trace_cache.forget(dict.fromkeys(changed_after_the_end(records)))


@pytest.fixture
def cached() -> Cached:
    return Cached()


@pytest.mark.parametrize("event_type", ["order.created", "nobody.wants"])
def test_an_ended_trace_is_read_without_the_ledger(cached: Cached, event_type: str) -> None:
    event = cached.event(event_type)
    first = cached.get(event)
    assert first.json["status"] in ("succeeded", "discarded")
    assert cached.reads(lambda: cached.get(event)) == 0
    assert cached.reads(lambda: cached.get(event, "wait=20")) == 0
    again = cached.get(event)
    assert (again.text, again.headers["etag"]) == (first.text, first.headers["etag"])
    headers = {"if-none-match": first.headers["etag"]}
    same = cached.api.call("GET", f"/v1/events/{event}", token=cached.token, headers=headers)
    assert same.status == 304


def test_after_a_manual_retry_the_next_get_shows_the_new_state(cached: Cached) -> None:
    event = cached.event()
    delivery = cached.get(event).json["deliveries"][0]["id"]
    assert cached.reads(lambda: cached.get(event)) == 0
    assert cached.post(f"/v1/deliveries/{delivery}/retry").status == 202
    now = cached.get(event).json["deliveries"][0]
    assert now["status"] == "delivering"
    cached.world.run()
    now = cached.get(event).json
    assert (now["status"], now["deliveries"][0]["attempts_total"]) == ("succeeded", 2)
    cached.world.clock.advance(FORGOTTEN_SECONDS)
    assert cached.get(event).json == now
    assert cached.reads(lambda: cached.get(event)) == 0


def test_after_a_replay_the_next_get_shows_the_new_state(cached: Cached) -> None:
    event = cached.event("parcel.sent")
    assert cached.get(event).json["status"] == "discarded"
    cached.made("/v1/subscriptions", endpoint_id=cached.endpoint["id"], event_types=["parcel.*"])
    assert cached.post(f"/v1/events/{event}/replay").status == 202
    assert cached.get(event).json["status"] == "delivering"
    cached.world.run()
    assert cached.get(event).json["status"] == "succeeded"


def test_what_was_read_before_a_retry_and_comes_late_is_not_kept(cached: Cached) -> None:
    """GET reads the old state; the retry is made and answered; then GET fills the cache."""
    event = cached.event()
    delivery = cached.get(event).json["deliveries"][0]["id"]
    cached.api.trace_cache.values.clear()
    keep = cached.api.trace_cache.keep
    late: list[Callable[[], None]] = []

    def hold(*args: Any, **more: Any) -> None:
        late.append(lambda: keep(*args, **more))

    cached.api.trace_cache.keep = hold  # type: ignore[method-assign] # the filler is slow
    assert cached.get(event).json["status"] == "succeeded"
    cached.api.trace_cache.keep = keep  # type: ignore[method-assign] # as it was
    assert cached.post(f"/v1/deliveries/{delivery}/retry").status == 202
    cached.world.clock.advance(FILL_SECONDS - 1)
    late[0]()
    assert cached.get(event).json["deliveries"][0]["status"] == "delivering"


@pytest.mark.parametrize("seconds", [0, FILL_SECONDS - 1, FILL_SECONDS, FORGOTTEN_SECONDS * 2])
def test_a_slow_reader_keeps_only_what_it_read_of_late(cached: Cached, seconds: int) -> None:
    event = cached.event()
    project, identifier = ProjectId(cached.project), EventId(event)

    class Slow:
        def event(self, *args: Any) -> Any:
            found = cached.world.reader().event(*args)
            cached.world.clock.advance(seconds)
            return found

    memory = MemoryTraceCache(cached.world.clock)
    traces = CachedTraces(Slow(), memory, cached.world.clock)  # type: ignore[arg-type] # slow
    assert traces.event(project, event) is not None
    assert (memory.get(project, identifier) is not None) == (seconds < FILL_SECONDS)


def test_nothing_under_way_is_kept(cached: Cached) -> None:
    cached.world.sender.script["http://127.0.0.1:9999/in"] = [500]
    retrying = cached.event()
    waiting = str(cached.made("/v1/events", type="order.created", data={})["id"])
    for event, status in ((retrying, "delivering"), (waiting, "accepted")):
        assert cached.get(event).json["status"] == status
        assert cached.reads(lambda one=event: cached.get(one)) > 0
    assert cached.api.trace_cache.values == {}


def test_an_event_that_lags_behind_its_deliveries_is_not_kept(cached: Cached) -> None:
    """The retry has succeeded, the roll-up has not come yet: both are at an end, and do not fit."""
    event = cached.event()
    trace = cached.world.reader().event(ProjectId(cached.project), event)
    assert trace is not None
    assert is_settled(trace)
    lagging = replace(trace, event=replace(trace.event, status=EventStatus.FAILED))
    assert not is_settled(lagging)
    assert not is_settled(replace(trace, deliveries=()))
    paged = replace(trace, event=replace(trace.event, plan_pages=1))
    assert not is_settled(paged)


def test_a_late_change_of_an_ended_delivery_is_forgotten_from_the_stream(cached: Cached) -> None:
    event = cached.event()
    cached.notify()
    cached.get(event)
    assert cached.reads(lambda: cached.get(event)) == 0
    table = cached.world.table
    key = next(key for key in table._items if key[1].startswith(f"D#{event[4:]}"))
    item = dict(table._items[key])
    after = item | {"v": {"N": str(int(item["v"]["N"]) + 1)}, "u": {"N": "1"}}
    assert table.write([Change(item, after)]) == [None]
    cached.notify()
    assert cached.reads(lambda: cached.get(event)) > 0
    assert cached.get(event).json["deliveries"][0]["version"] == int(after["v"]["N"])


def test_on_the_happy_path_nothing_is_forgotten(cached: Cached) -> None:
    cached.made("/v1/events", type="order.created", data={})
    cached.world.match_once()
    cached.world.deliver_once()
    records = {"Records": list(cached.world.table.stream)}
    assert records["Records"]
    assert list(changed_after_the_end(records)) == []


def test_what_is_not_there_is_asked_once_in_a_while(cached: Cached) -> None:
    ghost = "evt_01M3250V00YPRPA8JAB2VS3201"
    assert cached.get(ghost).status == 404
    assert cached.reads(lambda: cached.get(ghost)) == 0
    assert cached.get(ghost).status == 404
    cached.world.clock.advance(ABSENT_SECONDS)
    assert cached.reads(lambda: cached.get(ghost)) == 1


def test_of_another_projects_event_only_its_absence_is_kept(cached: Cached) -> None:
    event = cached.event()
    _, others = cached.api.project("other")
    for _ in range(2):
        foreign = cached.api.call("GET", f"/v1/events/{event}", token=others["admin"])
        assert foreign.status == 404
        assert cached.get(event).json["status"] == "succeeded"


def test_a_kept_trace_expires_by_itself_and_with_its_event(cached: Cached) -> None:
    event = cached.event()
    cached.get(event)
    cached.world.clock.advance(TRACE_SECONDS)
    assert cached.reads(lambda: cached.get(event)) > 0
    trace = cached.world.reader().event(ProjectId(cached.project), event)
    assert trace is not None
    assert trace.event.expires_s is not None
    cached.world.clock.ms = (trace.event.expires_s - 20) * 1000
    cached.api.wire()  # the key was read long ago
    assert cached.get(event).status == 200
    assert cached.reads(lambda: cached.get(event)) == 0
    cached.world.clock.advance(19)
    assert cached.get(event).status == 200
    cached.world.clock.advance(1)
    assert cached.get(event).status == 404


def test_a_cache_that_is_away_changes_no_answer(cached: Cached) -> None:
    event = cached.event()
    shown = cached.get(event)
    cached.api.trace_cache.broken = True
    assert cached.get(event).text == shown.text
    delivery = shown.json["deliveries"][0]["id"]
    assert cached.post(f"/v1/deliveries/{delivery}/retry").status == 202
    assert cached.api.lines[-1]["not_forgotten"] == event
    assert cached.get(event).json["deliveries"][0]["status"] == "delivering"


@pytest.mark.parametrize(
    ("event_type", "data", "units", "most_bytes"),
    [
        ("nobody.wants", "x" * 200, 1, 310),
        ("order.created", 350, 2, 1_000),
        ("order.created", 5_000, 4, 6_500),
        ("order.created", 20_000, 8, 25_000),
    ],
)
def test_read_units_and_bytes_are_those_of_the_documentation(
    cached: Cached, event_type: str, data: str | int, units: int, most_bytes: int
) -> None:
    rand = random.Random(1)  # as hex: half of it is left when it is packed
    text = data if isinstance(data, str) else rand.randbytes(data).hex()
    event = str(cached.made("/v1/events", type=event_type, data={"n": text})["id"])
    cached.world.run()
    before = cached.world.table.meter.counts["rru_halves"]
    cached.get(event)
    assert cached.world.table.meter.counts["rru_halves"] - before == 2 * units
    value, _ = cached.api.trace_cache.values[(cached.project, event)]
    assert most_bytes * 0.9 < len(value) <= most_bytes


def test_later_pages_of_a_trace_are_read_from_the_ledger(cached: Cached) -> None:
    event = cached.event()
    cached.get(event)
    assert cached.reads(lambda: cached.get(event, "deliveries_from=1")) > 0


@pytest.mark.parametrize("route", CHANGING, ids=lambda route: route.key)
def test_every_call_that_changes_a_trace_forgets_it_before(route: Any) -> None:
    told: list[str] = []

    class Desk:
        @property
        def traces(self) -> Any:
            return self

        def forget(self, refs: Iterable[tuple[ProjectId, EventId]]) -> None:
            told.extend(f"forget {event}" for _, event in refs)

    event, endpoint = "evt_01M3250V00YPRPA8JAB2VS3201", "01M3250V00YPRPA8JAB2VS3202"
    collection = route.path.split("/")[2]
    identifier = event if collection == "events" else f"dlv_{event[4:]}_{endpoint}_0"
    cached = Cached()
    desk: Any = Desk()

    def handler(_: Any) -> Any:
        told.append("change")

    wrapped = forgetting(lambda: desk, replace(route, handler=handler))
    request: Any = type("R", (), {"path_params": {"id": identifier}, "project_id": "p", "log": {}})
    wrapped.handler(request)
    assert told == [f"forget {event}", "change"]
    path = with_id(route, identifier)  # and so it is wired
    cached.api.call(route.method, path, token=cached.token)
    assert (cached.project, event) in cached.api.trace_cache.values


def test_calls_that_change_no_trace_forget_nothing() -> None:
    changing = {route.key for route in CHANGING}
    others = [route for route in collect_routes() if route.key not in changing]
    assert all(forgetting(lambda: None, route) is route for route in others)  # type: ignore[arg-type, return-value] # not asked
