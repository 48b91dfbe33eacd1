"""Every field that a saved query names stands in a line that the code writes; so do metrics."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hooktrace.api.http import Request, Response, Route, make_handler
from hooktrace.api.metrics import DIMENSIONS, NAMESPACE, UNITS
from infra.alarm_table import OWN, Series, Thresholds, alarm_table
from infra.dashboard import OUTCOMES, REASONS
from infra.permissions import ROOMS
from infra.saved_queries import QUERIES, SavedQuery
from tests.fakes import WorkerDied
from tests.logged_world import LoggedWorld
from tests.unit.api.gateway import gateway_event
from tests.whole_api import WholeApi

ROOT = Path(__file__).resolve().parents[3]
WORDS = {
    *("fields", "filter", "stats", "sort", "limit", "by", "as", "and", "or", "like", "asc", "desc"),
    *("sum", "count", "max", "avg", "pct", "bin", "ispresent", "h", "EVENT"),
}
OF_CLOUDWATCH = {"@timestamp", "@message"}


def worked_world() -> LoggedWorld:
    """A story in which every kind of worker line is written."""
    world = LoggedWorld()
    world.ingest()
    world.run()  # discarded
    good = world.endpoint("http://127.0.0.1:9/good")
    bad = world.endpoint("http://127.0.0.1:9/bad", retry_schedule=(5,))
    world.sender.script[bad.url] = [WorkerDied(), 503]
    world.subscription(good)
    world.subscription(bad, event_types=("order.created",))
    world.ingest()
    world.match_once()
    messages = world.deliver_queue.take()
    with pytest.raises(WorkerDied):
        world.deliver_once(messages)
    world.deliver_queue.put(messages[1].body)
    world.deliver_once()  # another worker holds the lease
    world.slow = True
    world.run_for(900)
    world.sender.script[bad.url] = [503]
    world.change(bad, retry_schedule=(3_600,))
    _lost_on_the_way(world)
    world.ingest()
    world.run_for(3_700)  # its retry was due after an hour
    world.ingest()
    world.match_queue.messages.clear()  # lost, and found by sweep
    world.clock.advance(200)
    world.match_queue.put("not a message of ours")
    world.match_queue.put(messages[0].body)
    world.match_queue.dead, world.match_queue.messages = world.match_queue.messages, []
    world.sweep()
    return world


def _lost_on_the_way(world: LoggedWorld) -> None:
    """Of one event the deliveries are lost, of another the end is told to nobody."""
    world.ingest()
    world.match_once()
    world.deliver_queue.messages.clear()
    world.clock.advance(200)
    world.sweep()
    world.ingest(event_type="user.created")
    world.match_once()
    while any(m.visible_ms <= world.clock.ms for m in world.deliver_queue.messages):
        world.deliver_once()
    world.table.stream.clear()
    world.clock.advance(400)
    world.sweep()
    world.run()


def api_lines() -> list[dict[str, Any]]:
    """What rooms behind the API write: of what went well, what was refused, what broke."""
    api = WholeApi(LoggedWorld())
    _, tokens = api.project("main")
    made = api.call("POST", "/v1/events", {"type": "a", "data": 1}, token=tokens["write"])
    refused = api.call("POST", "/v1/events", {"type": "a"}, token=tokens["write"])
    assert (made.status, refused.status) == (202, 400)
    lines = [dict(line) for line in api.lines]

    def broken(_request: Request) -> Response:
        raise RuntimeError("broken")

    route = Route(
        method="POST",
        path="/v1/things",
        handler=broken,
        scope=None,
        operation_id="x",
        summary="x",
    )
    handler = make_handler(
        [route],
        authenticate=lambda _: pytest.fail("no key is asked for"),
        room="manage",
        max_body_bytes=1,
        log=lambda line: lines.append(dict(line)),
    )
    handler(gateway_event(), None)
    return lines


def cold_line() -> dict[str, Any]:
    """The first line of a new process."""
    program = "from hooktrace.api.log import print_line; print_line({'room': 'match'})"
    out = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "shared")},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    line: dict[str, Any] = json.loads(out)
    return line


def fields_of(query: SavedQuery) -> set[str]:
    """The fields that a query names: what is left without texts, comments, words and aliases."""
    text = "\n".join(line for line in query.text if not line.startswith("#"))
    text = re.sub(r'"[^"]*"|/[^/]*/', " ", text)
    aliases = set(re.findall(r"\bas ([a-z_0-9]+)", text))
    named = {name.rstrip(".") for name in re.findall(r"[@A-Za-z_][@\w]*", text)}
    return named - WORDS - aliases - OF_CLOUDWATCH


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    return [*worked_world().lines, *api_lines(), cold_line()]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_every_field_of_a_query_stands_in_a_line(
    query: SavedQuery, lines: list[dict[str, Any]]
) -> None:
    found = fields_of(query)
    assert found, query
    written = {name for line in lines for name in line}
    assert found - written == set()
    assert set(query.rooms) <= set(ROOMS)


def test_every_documented_field_stands_in_a_line_and_the_other_way_round(
    lines: list[dict[str, Any]],
) -> None:
    table = (ROOT / "docs" / "metrics.md").read_text().split("## Metrics")[0]
    rows = [row for row in table.splitlines() if row.startswith("| `")]
    told = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])}
    notify = {"told", "records", "bodies_deleted"}  # its handler writes these itself
    # of disabled endpoints in sweep, whose tests are those of endpoint life
    told_elsewhere = {"accepted", "refused", "stops", "stopped"}
    told_elsewhere |= {
        "due_cut_off",
        "audits_cut_off",
        "unrepairable",
    }  # of a round that had too much to do
    told_elsewhere |= {"lines", "objects", "unread", "payloads_gone"}  # its own tests read them
    written = {name for line in lines for name in line} - set(UNITS) - {"_aws"}
    assert written - told == set()
    assert told - written - notify - told_elsewhere == set()


def test_every_metric_that_an_alarm_watches_is_written(lines: list[dict[str, Any]]) -> None:
    """By the rooms' own code, under the very names and dimensions."""
    world = worked_world()
    written = {(d.namespace, d.name, d.dimensions) for d in world.data()}
    table = alarm_table(
        rooms=ROOMS, queues=(), drained=(), streams=(), tables=(), thresholds=Thresholds()
    )
    own = [one for alarm in table for one in alarm.series if one.namespace == OWN]
    assert len(own) >= 7
    assert {(one.namespace, one.name, one.dimensions) for one in own} - written == set()
    assert OWN == NAMESPACE


def test_all_ten_metrics_are_written() -> None:
    assert {d.name for d in worked_world().data()} == set(UNITS)


def test_the_dashboard_names_outcomes_and_reasons_that_exist() -> None:
    from typing import get_args

    from hooktrace.domain.attempts import AttemptOutcome
    from hooktrace.domain.matching import DiscardReason

    assert set(OUTCOMES) <= {str(one) for one in AttemptOutcome}
    assert set(REASONS) == set(get_args(DiscardReason))
    assert set(DIMENSIONS.values()) == {"outcome", "reason"}
    assert Series(OWN, "Attempts", "Sum").dimensions == ()
