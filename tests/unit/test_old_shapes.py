"""A rolling upgrade: what an earlier version stored and queued is read, and gone on with.

`tests/data/shapes_of_0_1.json` was written by the code of that time, once. It is never made anew:
a release that changes a shape adds a file beside it.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.domain.messages import DeliverTaskV1, MatchTaskV1, decode
from hooktrace.domain.registry import Project
from hooktrace.domain.states import DeliveryStatus, EventStatus
from tests.world import World

OLD = json.loads((Path(__file__).parents[1] / "data" / "shapes_of_0_1.json").read_text())


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"bytes"}:
            return base64.b64decode(value["bytes"])
        return {name: _value(one) for name, one in value.items()}
    return [_value(one) for one in value] if isinstance(value, list) else value


@pytest.fixture
def world() -> World:
    """A world of today on the ledger of then, with the endpoints that it names."""
    world = World(seed=99)
    world.clock.ms = OLD["now_ms"]
    world.table.store([_value(item) for item in OLD["items"]])
    return world


def _trace(world: World, name: str) -> Any:
    trace = world.reader().event(ProjectId(OLD["project"]), EventId(OLD["events"][name]))
    assert trace is not None
    return trace


def test_traces_of_then_are_read(world: World) -> None:
    discarded = _trace(world, "discarded").event
    assert (discarded.status, discarded.report["considered"]) == (EventStatus.DISCARDED, 0)
    partly = _trace(world, "partly")
    assert partly.event.status is EventStatus.DELIVERING
    assert partly.event.idempotency_key == "k1"
    assert partly.payload.data == b'{"n":1.0}'
    done, retrying = sorted(partly.deliveries, key=lambda one: one.status, reverse=True)
    assert (done.status, retrying.status) == (DeliveryStatus.SUCCEEDED, DeliveryStatus.RETRYING)
    assert [attempt.outcome for attempt in retrying.attempts] == ["http_error", "http_error"]
    assert retrying.next_attempt_ms is not None
    assert _trace(world, "waiting").event.status is EventStatus.ACCEPTED


def test_messages_of_then_are_understood() -> None:
    match, deliver = map(decode, OLD["messages"])
    assert isinstance(match, MatchTaskV1)
    assert isinstance(deliver, DeliverTaskV1)
    assert match.event_id == deliver.event_id == OLD["events"]["partly"]
    assert (deliver.attempt, deliver.replay) == (1, 0)
    assert deliver.packed == match.packed


def test_work_of_then_goes_on(world: World) -> None:
    """Messages that were queued are done, and the audit finds what has none."""
    for body in OLD["messages"]:
        queue = world.match_queue if '"kind":"match' in body else world.deliver_queue
        queue.put(body)
    world.run()
    assert world.sender.requests == []  # all of it had been done
    old = Project(id=OLD["project"], name="old", created_ms=0, allow_http=True)
    world.registry.projects.create_project(old, [])
    world.clock.advance(400)
    world.sweep()
    world.run()
    assert _trace(world, "waiting").event.status is EventStatus.DISCARDED
