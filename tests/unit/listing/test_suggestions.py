"""Suggestions on the trace: made when it is read, from what was decided then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hooktrace.domain.events import EventRecord
from hooktrace.domain.registry import Project
from hooktrace.ports import Write
from tests.unit.listing.room import Room
from tests.world import World


@pytest.fixture
def world() -> World:
    return World()


def _missed(world: World, filter_text: str, data: bytes) -> EventRecord:
    subscription = world.subscription(world.endpoint(), filter_text=filter_text)
    event = world.ingest(data)
    world.run()
    world.registry.subscriptions.delete_subscription(subscription)
    return event


def _clause(world: World, event: EventRecord) -> Any:
    answer = Room(world).get(f"/v1/events/{event.id}")
    assert answer.status == 200
    ((clause,),) = (miss["clauses"] for miss in answer.json["match"]["near_misses"])
    return clause


def _redact(world: World, project: Project, on: bool) -> None:
    before = world.registry.projects.get_project(project.id)
    assert before is not None
    world.registry.projects.replace_project(replace(before, redact_actual=on), before=before)


def test_a_near_miss_says_what_would_have_matched(world: World) -> None:
    """Also when the subscription is gone by then."""
    event = _missed(world, '{"data":{"total":{"$gte":100}}}', b'{"total":99.5}')
    assert _clause(world, event)["suggestion"] == {
        "kind": "replace",
        "text": "`$gte: 99.5` would match: the event has 99.5.",
        "clause": "/data/total/$gte",
        "operator": "$gte",
        "value": 99.5,
    }


def test_a_missing_field_that_stands_elsewhere(world: World) -> None:
    event = _missed(world, '{"data":{"id":7}}', b'{"order":{"id":7}}')
    assert _clause(world, event)["suggestion"] == {
        "kind": "did_you_mean",
        "text": "The event has no `data.id`; did you mean `data.order.id`?"
        " What it has there would match.",
        "path": "data.order.id",
    }


def test_nothing_of_it_is_stored(world: World) -> None:
    event = _missed(world, '{"data":{"total":{"$gte":100}}}', b'{"total":99.5}')
    assert "suggestion" not in str(world.trace(event).event.report)
    (item,) = Room(world).get("/v1/events").json["items"]
    assert "suggestion" not in item["match"]["near_misses"][0]["clauses"][0]


def test_a_redacting_project_gets_none(world: World) -> None:
    """Neither for what was decided while it redacts, nor for what was decided before or after."""
    before = _missed(world, '{"data":{"id":7}}', b'{"order":{"id":7}}')
    _redact(world, world.project, True)
    world.clock.advance(31)
    during = _missed(world, '{"data":{"total":{"$gte":100}}}', b'{"total":99.5}')
    for event in (before, during):
        assert "suggestion" not in _clause(world, event)
    _redact(world, world.project, False)
    assert "suggestion" in _clause(world, before)
    assert "suggestion" not in _clause(world, during)


def test_without_the_data_there_is_none(world: World) -> None:
    event = _missed(world, '{"data":{"id":7}}', b'{"order":{"id":7}}')
    now = world.trace(event).event
    gone = replace(now, packed=None, version=now.version + 1, write_token="t")
    world.ledger.write([Write(gone, now)])
    assert "suggestion" not in _clause(world, event)
