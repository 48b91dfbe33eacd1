"""Statistics: what is counted, in which window, and what it costs."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from hooktrace.adapters.items import item_bytes
from hooktrace.adapters.memory.table import MemoryTable
from hooktrace.adapters.stats import TableStats, happenings
from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.registry import Project
from hooktrace.domain.stats import DAY_MS, NAMES, Happened, RollUp, RollUpKey
from hooktrace.usecases.keep_stats import KeepStats
from hooktrace.usecases.read_stats import ReadStats
from tests.fakes import WorkerDied, answer
from tests.unit.listing.room import Room
from tests.unit.pipeline.test_happy_path import SAMPLE
from tests.world import World

PROJECT = ProjectId("prj_01M3250V00YPRPA8JAB2VS3201")
ENDPOINT = EndpointId("ep_01M3250V00YPRPA8JAB2VS3201")
NONE = {"accepted": 0, "rejected": 0, "discarded": 0, "succeeded": 0, "partial": 0, "failed": 0}


def hour(room: Room, **params: object) -> dict[str, Any]:
    answer = room.get("/v1/stats", params)
    assert answer.status == 200, answer.json
    window: dict[str, Any] = answer.json["windows"][0]
    return window


def counted(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def test_each_outcome_counts_where_it_belongs(world: World, room: Room) -> None:
    good, bad, shaky = (
        world.endpoint(f"http://127.0.0.1:9/{name}", retry_schedule=schedule)
        for name, schedule in (("good", None), ("bad", ()), ("shaky", (1,)))
    )
    timeout = replace(answer(500), outcome=AttemptOutcome.TIMEOUT)
    world.sender.script |= {bad.url: [500], shaky.url: [timeout, 200]}
    world.subscription(good, event_types=("a.good", "a.both"))
    world.subscription(bad, event_types=("a.bad", "a.both"))
    world.subscription(shaky, event_types=("a.shaky",))
    for kind in ("a.good", "a.bad", "a.both", "a.shaky", "nobody"):
        world.ingest(event_type=kind)
    world.run_for(10)

    whole = hour(room)
    assert counted(whole["events_entered"]) == {
        "accepted": 5,
        "discarded": 1,
        "succeeded": 2,
        "partial": 1,
        "failed": 1,
    }
    assert counted(whole["deliveries_entered"]) == {"succeeded": 3, "failed": 2, "retrying": 1}
    assert counted(whole["attempts_ended"]) == {"success": 3, "http_error": 2, "timeout": 1}

    one = hour(room, endpoint_id=shaky.id)
    assert one["events_entered"] is None
    assert counted(one["deliveries_entered"]) == {"succeeded": 1, "retrying": 1}
    assert counted(one["attempts_ended"]) == {"success": 1, "timeout": 1}


def test_a_worker_that_died_counts_and_a_late_result_counts_again(world: World, room: Room) -> None:
    endpoint = world.endpoint(timeout_seconds=1)
    world.subscription(endpoint)

    def dies(_: object) -> None:
        raise WorkerDied

    world.sender.script[endpoint.url] = [dies, 200]
    world.ingest()
    with pytest.raises(WorkerDied):
        world.run()
    world.run_for(120)
    assert counted(hour(room)["attempts_ended"]) == {"success": 1, "worker_lost": 1}


def test_windows_end_and_begin_with_whole_slots_hours_and_days(world: World, room: Room) -> None:
    world.subscription(world.endpoint())
    world.clock.ms = 20_700 * DAY_MS + 1_000  # a second past midnight
    world.ingest()
    world.run()
    seen = []
    for minutes in (0, 59, 66, 23 * 60, 25 * 60 + 10, 29 * 24 * 60, 32 * 24 * 60):
        world.clock.ms = 20_700 * DAY_MS + 1_000 + minutes * 60_000
        windows = room.get("/v1/stats").json["windows"]
        seen.append([window["events_entered"]["accepted"] for window in windows])
    assert seen == [
        [1, 1, 1],
        [1, 1, 1],
        [0, 1, 1],
        [0, 1, 1],
        [0, 0, 1],
        [0, 0, 1],
        [0, 0, 0],
    ]
    world.clock.ms = 20_700 * DAY_MS + 7_384_000  # 02:03:04
    windows = room.get("/v1/stats").json["windows"]
    assert [(window["window"], window["from"][10:]) for window in windows] == [
        ("hour", "T01:00:00.000Z"),
        ("day", "T02:00:00.000Z"),
        ("30d", "T00:00:00.000Z"),
    ]


def test_nobody_sees_anothers_and_an_unknown_endpoint_has_none(world: World, room: Room) -> None:
    endpoint = world.endpoint()
    world.subscription(endpoint)
    world.ingest()
    world.run()
    assert hour(room, endpoint_id=endpoint.id)["attempts_ended"]["success"] == 1
    world.project = world.new_project("other")
    assert counted(hour(room, endpoint_id=endpoint.id)["attempts_ended"]) == {}
    assert hour(room)["events_entered"] == NONE
    assert room.get("/v1/stats", {"endpoint_id": "ep_x"}).status == 400


def test_a_deployment_without_statistics_says_so(room: Room) -> None:
    room.wired.stats = None
    answer = room.get("/v1/stats")
    assert (answer.status, answer.json["code"]) == (409, "statistics_off")


def test_lambda_writes_binary_attributes_in_base64(world: World) -> None:
    import base64

    world.subscription(world.endpoint())
    world.ingest()
    world.match_once()
    world.deliver_once()
    plain = [r for r in world.table.stream if r["dynamodb"]["Keys"]["SK"]["S"].startswith("D#")]

    def encoded(value: Any) -> Any:
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        return {k: encoded(v) for k, v in value.items()} if isinstance(value, dict) else value

    as_lambda = [encoded(record) for record in plain]
    assert list(happenings({"Records": as_lambda})) == list(happenings({"Records": plain}))
    (one,) = happenings({"Records": as_lambda})
    assert one.names == ("delivery.succeeded", "attempt.success")


def test_removals_and_other_items_count_nothing() -> None:
    keys = {"PK": {"S": f"{PROJECT}#0"}, "SK": {"S": "E#01M3250V00YPRPA8JAB2VS3201"}}
    other = {"PK": {"S": f"{PROJECT}#stats#0"}, "SK": {"S": "S#all#020700"}}
    records = [
        {"eventName": "REMOVE", "dynamodb": {"Keys": keys, "OldImage": {"s": {"S": "failed"}}}},
        {"eventName": "INSERT", "dynamodb": {"Keys": other, "NewImage": {"v": {"N": "1"}}}},
    ]
    assert list(happenings({"Records": records})) == []


def made(number: int, *names: str, at_ms: int = 20_700 * DAY_MS, lane: int = 0) -> Happened:
    record = f"D#{number}#1"
    return Happened(PROJECT, lane, record, at_ms, names or ("delivery.succeeded",), ENDPOINT)


def total(table: MemoryTable, lane: int = 0) -> Counter[str]:
    counts: Counter[str] = Counter()
    for one in TableStats(table).days(PROJECT, lane, None, 0, 30_000):
        for hour_counts in one.hours.values():
            counts.update(hour_counts)
    return counts


def test_a_batch_of_one_project_costs_a_write_for_it_and_one_for_each_endpoint() -> None:
    table = MemoryTable()
    keep = KeepStats(stats=TableStats(table))
    batch = [made(number, "delivery.succeeded", "attempt.success") for number in range(100)]
    assert keep.run(batch) == 2
    assert table.meter.counts["writes"] == 2
    assert table.meter.counts["wru"] == 2
    assert keep.run(batch) == 0
    assert table.meter.counts["writes"] == 2
    assert total(table) == {"delivery.succeeded": 100, "attempt.success": 100}


def test_a_busy_day_stays_within_two_kilobytes() -> None:
    """All counters, in every hour, with numbers of six digits and full memories."""
    table = MemoryTable()
    keep = KeepStats(stats=TableStats(table))
    number = 0
    for slot in range(0, 288, 3):
        at_ms = 20_700 * DAY_MS + slot * 300_000
        batch = [made(number + n, *NAMES[:12], at_ms=at_ms) for n in range(100)]
        keep.run(batch)
        number += len(batch)
    sizes = [item_bytes(item) for key, item in table._items.items() if key[1].startswith("S#")]
    assert max(sizes) <= 2_048


def test_whoever_loses_adds_to_what_stands_there(monkeypatch: pytest.MonkeyPatch) -> None:
    table = MemoryTable()
    other = KeepStats(stats=TableStats(table))
    raced: list[int] = []

    def race(_: object) -> None:
        if len(raced) < 3:
            raced.append(1)
            other.run([made(1_000 + len(raced))])

    KeepStats(stats=TableStats(table)).run([made(0)])
    table.before_write = race
    KeepStats(stats=TableStats(table)).run([made(1)])
    assert total(table) == {"delivery.succeeded": 5}


def test_a_write_that_reported_a_failure_is_not_counted_again() -> None:
    table = MemoryTable()
    keep = KeepStats(stats=TableStats(table))

    def fail(_: object) -> None:
        raise Unavailable("time-out")

    table.after_write = fail
    with pytest.raises(Unavailable):
        keep.run([made(0), made(1)])
    table.after_write = lambda _: None
    keep.run([made(0), made(1)])
    assert total(table) == {"delivery.succeeded": 2}


def test_statistics_that_never_come_to_rest_are_unavailable() -> None:
    table = MemoryTable()
    keep, busy = (KeepStats(stats=TableStats(table)) for _ in range(2))
    racing: list[int] = []

    def race(_: object) -> None:
        if not racing or racing[-1]:
            racing.append(0)
            busy.run([made(len(racing))])
            racing.append(1)

    table.before_write = race
    with pytest.raises(Unavailable, match="keep changing"):
        keep.run([made(0)])


def test_what_statistics_add_to_the_write_plan() -> None:
    """Ten events in one stream batch: the six units stay; the roll-ups are counted apart."""
    costs = {}
    for statistics in (False, True):
        world = World(statistics=statistics)
        world.subscription(world.endpoint())
        for _ in range(10):
            world.ingest(SAMPLE)
        world.run()
        costs[statistics] = world.table.meter.counts["wru"]
    assert costs[False] == 60
    # Project and endpoint, in each of the four shards that ten events and deliveries lie in.
    assert costs[True] - costs[False] <= 8


class OneProject:
    """Fulfils `Projects` and `Clock`, at the end of day 20 730."""

    def get_project(self, _: str) -> Project:
        return Project(id=PROJECT, name="p", created_ms=0)

    def now_ms(self) -> int:
        return 20_731 * DAY_MS - 1


@pytest.mark.parametrize("endpoint", [None, ENDPOINT])
@pytest.mark.parametrize("events", [1_000, 1_000_000])
def test_reading_costs_the_same_at_any_number_of_events(
    endpoint: EndpointId | None, events: int
) -> None:
    """Spread over 30 days, every hour used: one Query to a shard, of 31 items within 2 KB."""
    table, chance = MemoryTable(), random.Random(1)
    each = max(1, events // (4 * 31 * 24))
    for lane, day in product(range(4), range(20_700, 20_731)):
        counts = {
            hour: {name: chance.randint(1, 2 * each) for name in NAMES[:8]} for hour in range(24)
        }
        seen = (chance.randbytes(500),)
        key = RollUpKey(PROJECT, lane, endpoint, day)
        assert TableStats(table).write([(RollUp(key, counts, {}, seen, 1), None)]) == {}
    table.meter.counts.clear()
    one = OneProject()
    found = ReadStats(stats=TableStats(table), projects=one, clock=one).run(PROJECT, endpoint)
    assert sum(found.windows[2].counts.values()) >= events / 2
    assert table.meter.counts["reads"] == 4
    assert table.meter.counts["rru_halves"] / 2 <= 4 * 31 * 2_048 / 4_096
