"""A batch that the ledger takes in part: each event has its own answer, and only some go again."""

from __future__ import annotations

import json

import pytest

from hooktrace.adapters.tables import Change, Put
from hooktrace.domain.errors import Unavailable
from tests.whole_api import WholeApi
from tests.world import World


@pytest.fixture
def world() -> World:
    return World()


def body(*numbers: int) -> str:
    return json.dumps({"events": [{"type": "order.created", "data": n} for n in numbers]})


def refuse(world: World, *calls: int) -> None:
    """The table refuses these writes of events, counted from 0."""
    seen = iter(range(1_000))

    def look(op: Put | Change) -> None:
        if isinstance(op, Put) and op.item["SK"]["S"].startswith("E#") and next(seen) in calls:
            raise Unavailable("throttled")

    world.table.before_op = look


def test_fc_08_what_was_not_stored_is_told_and_the_rest_is_accepted(world: World) -> None:
    api = WholeApi(world)
    _, tokens = api.project("batches")
    refuse(world, 1)
    answer = api.call("POST", "/v1/events/batch", body(0, 1, 2), token=tokens["write"])
    assert answer.status == 202
    items = answer.json["items"]
    assert [one["status"] for one in items] == [202, 503, 202]
    assert items[1]["problem"]["code"] == "unavailable"
    assert "event" not in items[1]
    (again,) = api.call("POST", "/v1/events/batch", body(1), token=tokens["write"]).json["items"]
    assert again["status"] == 202
    assert len(world.match_queue.messages) == 3
    line = next(one for one in api.lines if one.get("not_stored"))
    assert (line["accepted"], line["not_stored"]) == (2, 1)


def test_a_batch_of_which_nothing_was_stored_is_a_503_as_a_whole(world: World) -> None:
    api = WholeApi(world)
    _, tokens = api.project("batches")
    refuse(world, 0, 1)
    answer = api.call("POST", "/v1/events/batch", body(0, 1), token=tokens["write"])
    assert answer.status == 503
    assert answer.headers["retry-after"]
    assert world.match_queue.messages == []
