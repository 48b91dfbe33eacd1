"""A world that counts, and its query room."""

from __future__ import annotations

import pytest

from tests.unit.listing.room import Room
from tests.world import World


@pytest.fixture
def world() -> World:
    return World(statistics=True)


@pytest.fixture
def room(world: World) -> Room:
    return Room(world)
