from __future__ import annotations

import pytest

from tests.unit.manage.room import Room, make_room


@pytest.fixture
def room() -> Room:
    return make_room(allow_loopback=False)


@pytest.fixture
def local_room() -> Room:
    """The local stack: loopback is allowed where the project allows http."""
    made = make_room(allow_loopback=True)
    made.add_project("local", allow_http=True)
    return made
