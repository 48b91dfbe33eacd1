"""What the rooms' lines hold: metrics as CloudWatch reads them, ids to find, nothing foreign."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hooktrace.api.metrics import DIMENSIONS, NAMESPACE, UNITS, with_metrics
from hooktrace.domain.ids import bare
from hooktrace.domain.matching import MatchReport, discard_reason
from tests.fakes import WorkerDied, answer
from tests.logged_world import LoggedWorld, data_of
from tests.unit.pipeline.test_happy_path import SAMPLE


@pytest.fixture
def world() -> LoggedWorld:
    return LoggedWorld()


def test_there_are_ten_names_and_no_ids_among_the_dimensions() -> None:
    assert len(UNITS) <= 10
    assert set(DIMENSIONS.values()) == {"outcome", "reason"}
    assert set(DIMENSIONS) <= set(UNITS)


def test_a_delivered_event_is_counted_once_in_each_room(world: LoggedWorld) -> None:
    world.subscription(world.endpoint())
    world.ingest()
    world.clock.advance(0.25)
    world.run()
    assert [line["room"] for line in world.lines] == ["match", "deliver"]
    assert world.total("Accepted") == 1
    assert world.total("Attempts") == world.total("Attempts", outcome="success") == 1
    assert world.total("Delivered") == 1
    assert world.data("Retries") == []
    (first,) = world.data("TimeToFirstAttempt")
    assert (first.dimensions, first.unit, first.values) == ((), "Milliseconds", (250,))
    assert {d.dimensions for d in world.data("TimeToTerminal")} == {(), (("outcome", "success"),)}


def test_a_message_that_comes_twice_is_accepted_once(world: LoggedWorld) -> None:
    world.subscription(world.endpoint())
    world.ingest()
    (message,) = world.match_queue.take()
    world.match_once([message])
    world.match_queue.put(message.body)
    world.match_once()
    assert world.total("Accepted") == 1


def test_failures_and_retries_have_their_outcome(world: LoggedWorld) -> None:
    endpoint = world.endpoint(retry_schedule=(5, 5))
    world.sender.script[endpoint.url] = [503, 200]
    world.subscription(endpoint)
    event = world.ingest()
    world.run_for(60)
    assert world.total("Attempts", outcome="http_error") == 1
    assert world.total("Attempts", outcome="success") == 1
    assert world.total("Retries") == 1
    assert len(world.data("TimeToFirstAttempt")) == 1
    (ended,) = [d for d in world.data("TimeToTerminal") if d.dimensions]
    assert dict(ended.dimensions) == {"outcome": "success"}
    assert 30_000 <= ended.values[0] <= 60_000  # 503 without Retry-After waits 30 s
    failed = next(line for line in world.lines if line.get("outcome") == "http_error")
    assert failed["http"] == 503
    assert failed["ids"] == f"{bare(event.id)}_{bare(endpoint.id)}_0:1"
    assert (failed["slowest"], failed["slowest_ms"]) == (bare(endpoint.id), 7)


def test_a_batch_with_two_kinds_of_outcome_has_a_line_for_each(world: LoggedWorld) -> None:
    urls = [f"http://127.0.0.1:9/{n}" for n in range(4)]
    for url, status in zip(urls, (200, 500, 500, 404), strict=True):
        world.sender.script[url] = [status]
        world.subscription(world.endpoint(url))
    world.ingest()
    world.match_once()
    world.deliver_once()
    lines = [line for line in world.lines if line["room"] == "deliver"]
    assert sorted((line["outcome"], line.get("http"), line["Attempts"]) for line in lines) == [
        ("http_error", 404, 1),
        ("http_error", 500, 2),
        ("success", None, 1),
    ]
    assert world.total("Attempts") == 4
    assert world.total("Delivered") == 1


def test_a_worker_that_dies_is_an_attempt_too(world: LoggedWorld) -> None:
    endpoint = world.endpoint()
    world.sender.script[endpoint.url] = [WorkerDied(), 200]
    world.subscription(endpoint)
    world.ingest()
    with pytest.raises(WorkerDied):
        world.run()
    world.run_for(600)
    assert world.total("Attempts", outcome="worker_lost") == 1
    assert world.total("Attempts", outcome="success") == 1
    assert world.total("Attempts") == 2


def test_the_slow_lane_is_counted(world: LoggedWorld) -> None:
    world.subscription(world.endpoint())
    world.ingest()
    world.run()
    assert world.data("SlowAttempts") == []
    world.slow = True
    world.ingest()
    world.run()
    assert world.total("SlowAttempts") == 1


def test_discarded_events_say_why(world: LoggedWorld) -> None:
    world.ingest()
    world.run()
    assert world.total("Discarded", reason="no_subscriptions") == 1
    world.subscription(
        world.endpoint(), event_types=("order.created",), filter_text='{"data":{"a":2}}'
    )
    world.ingest()
    world.ingest(event_type="user.created")
    world.run()
    assert world.total("Discarded", reason="filter") == 1
    assert world.total("Discarded", reason="type") == 1
    assert world.total("Discarded") == world.total("Accepted") == 3
    main, further = world.lines[-2:]
    assert main["done"].keys() == {"discarded"}
    assert further.keys() == {"room", "reason", "ids", "Discarded", "_aws"}


@pytest.mark.parametrize(
    ("considered", "misses", "reason"),
    [
        (0, {}, "no_subscriptions"),
        (2, {"type": 2}, "type"),
        (3, {"type": 2, "endpoint_disabled": 1}, "disabled"),
        (1, {"subscription_disabled": 1}, "disabled"),
        (3, {"type": 1, "filter": 1, "endpoint_disabled": 1}, "filter"),
    ],
)
def test_the_reason_is_the_nearest_miss(considered: int, misses: Any, reason: str) -> None:
    assert discard_reason(MatchReport(considered, 0, misses, tuple)) == reason


def test_sweep_counts_what_it_repaired_and_what_waited_longest(world: LoggedWorld) -> None:
    world.subscription(world.endpoint())
    world.sweep()
    assert world.lines == [{"room": "sweep"}]
    world.ingest()
    world.match_queue.messages.clear()  # lost
    world.clock.advance(200)
    world.sweep()
    assert world.total("SweepRepairs") == 1
    (waiting,) = world.data("OldestWaiting")
    assert (waiting.unit, waiting.values) == ("Seconds", (200,))
    assert world.lines[-1]["match_sent_again"] == 1


def test_replays_and_attempts_by_hand_have_no_times(world: LoggedWorld) -> None:
    endpoint = world.endpoint(retry_schedule=())
    world.sender.script[endpoint.url] = [500, 200]
    world.subscription(endpoint)
    event = world.ingest()
    world.run()
    (delivery,) = world.trace(event).deliveries
    before = len(world.data("TimeToTerminal"))
    world.clock.advance(3_600)
    world.steering().retry(event.project_id, delivery.id, "key_1", force=False)
    world.run()
    assert world.total("Delivered") == 1
    assert len(world.data("TimeToTerminal")) == before


def test_the_happy_path_logs_little_in_batches_of_ten(world: LoggedWorld) -> None:
    """Budget: 400 bytes for each event with the lines of ingest and notify (about 250)."""
    world.subscription(world.endpoint())
    for _ in range(100):
        world.ingest(SAMPLE)
    world.clock.advance(0.28)
    world.sender.script["http://127.0.0.1:9/hook"] = [replace(answer(), duration_ms=203)]
    world.run()
    assert len(world.lines) == 20
    assert world.total("Delivered") == 100
    assert world.bytes() / 100 <= 142


def test_lines_hold_no_values_of_events_or_endpoints(world: LoggedWorld) -> None:
    url = "http://127.0.0.1:9/path-of-customer"
    endpoint = world.endpoint(url, headers=(("x-token", "s3cr3t"),), retry_schedule=())
    world.sender.script[url] = [replace(answer(500), response_body="their words")]
    world.subscription(endpoint, filter_text='{"data":{"card":{"$exists":true}}}')
    world.ingest(b'{"card":"4111111111111111"}')
    world.ingest(b'{"name":"Jo"}')
    world.run()
    world.sweep()
    text = json.dumps(world.lines)
    for foreign in ("4111", "Jo", "s3cr3t", "path-of-customer", "their words", "whsec"):
        assert foreign not in text


def test_powertools_reads_back_what_the_line_says() -> None:
    line = with_metrics({"room": "x", "outcome": "timeout"}, {"Attempts": 2, "Retries": 0})
    assert [(d.namespace, d.name, d.dimensions, d.values) for d in data_of(line)] == [
        (NAMESPACE, "Attempts", (("outcome", "timeout"),), (2,)),
        (NAMESPACE, "Attempts", (), (2,)),
    ]
    assert "Retries" not in line
    assert with_metrics({"room": "x"}, {"Accepted": 0, "TimeToFirstAttempt": []}) == {"room": "x"}
