"""Fixtures for all tests, and which tests xdist keeps on one worker."""

from __future__ import annotations

import pytest

from tests.emulator_fixtures import emulator, enforcing_stack, stack

__all__ = ["emulator", "enforcing_stack", "stack"]

# Made once a session and worker: tests that share one stay on one worker.
GROUPS = {
    "stack": "stack",
    "enforcing_stack": "enforcing_stack",
    "prod": "templates",
    "local": "templates",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        for marker in {"emulator", "stack"} & fixtures:
            item.add_marker(marker)
        for name in sorted(fixtures & set(GROUPS)):
            item.add_marker(pytest.mark.xdist_group(GROUPS[name]))
