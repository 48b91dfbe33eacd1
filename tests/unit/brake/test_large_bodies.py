"""A worker of the slow lane may get a hundred messages; it loads only as many bodies as fit."""

from __future__ import annotations

from typing import Any

import pytest

from hooktrace.adapters.tables import Change, Put
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.registry import Endpoint, RateLimit
from hooktrace.domain.states import DeliveryStatus
from hooktrace.usecases import open_batches
from tests.world import World

DATA = b'"' + b"x" * 1_000 + b'"'


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(open_batches, "MOST_HELD_BYTES", 4_000)
    return World()


def claimed_at_once(world: World) -> list[int]:
    """How many attempts each write of claims begins; grows while the world runs."""
    counts: list[int] = []

    def look(ops: Any) -> None:
        after = [op.item if isinstance(op, Put) else op.after for op in ops]
        begun = sum("l" in item and item["SK"]["S"].startswith("D#") for item in after)
        if begun:
            counts.append(begun)

    world.table.before_write = look
    return counts


def fill(world: World, number: int, **more: Any) -> tuple[Endpoint, list[DeliveryRecord]]:
    """Deliveries of 1 KB each whose messages stand in the slow queue."""
    endpoint = world.endpoint(**more)
    world.subscription(endpoint)
    events = [world.ingest(DATA) for _ in range(number)]
    while world.match_queue.messages:
        world.match_once()
    world.slow_queue.messages, world.deliver_queue.messages = world.deliver_queue.messages, []
    return endpoint, [world.trace(event).deliveries[0] for event in events]


def now(world: World, records: list[DeliveryRecord]) -> list[DeliveryRecord]:
    project = ProjectId(world.project.id)
    return list(world.ledger.deliveries((project, one.id) for one in records).values())


def test_no_more_bodies_are_loaded_than_fit_and_all_are_sent_in_one_run(world: World) -> None:
    _, records = fill(world, 42)
    counts = claimed_at_once(world)
    assert len(world.deliver_slowly_once()) == 42
    assert max(counts) == 4
    assert {one.status for one in now(world, records)} == {DeliveryStatus.SUCCEEDED}
    assert len(world.sender.requests) == 42


def test_a_claim_that_is_not_made_takes_no_room(world: World) -> None:
    _, records = fill(world, 20)
    left = [15]

    def refuse(op: Put | Change) -> None:
        if left[0]:
            left[0] -= 1
            raise Unavailable("throttled")

    world.table.before_op = refuse
    world.deliver_slowly_once()
    statuses = [one.status for one in now(world, records)]
    assert statuses == [DeliveryStatus.SUCCEEDED] * 5
    world.run_for(120)
    assert len(world.sender.requests) == 20


@pytest.mark.parametrize(
    "limits", [{"concurrency": 10}, {"rate_limit": RateLimit(100, 1), "concurrency": 20}]
)
def test_who_finds_no_room_gives_its_permit_back(world: World, limits: dict[str, Any]) -> None:
    endpoint, records = fill(world, 30, **limits)
    world.deliver_slowly_once()
    world.run_for(120)
    assert {one.status for one in now(world, records)} == {DeliveryStatus.SUCCEEDED}
    assert len(world.sender.requests) == 30
    key = (ProjectId(endpoint.project_id), EndpointId(endpoint.id))
    assert world.traffic.read([key])[key].permits == ()
