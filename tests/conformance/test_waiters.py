"""One suite, two tables: a project's slots for those who wait, in memory and on DynamoDB."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.memory.table import MemoryTable
from hooktrace.adapters.system import SystemChance
from hooktrace.adapters.tables import Table
from hooktrace.adapters.waiters import TableWaiters
from hooktrace.domain.ids import ProjectId

NOW = 1_800_000_000_000
LATER = NOW + 20_000


@pytest.fixture(params=["memory", pytest.param("emulator", marks=pytest.mark.emulator)])
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    if request.param == "memory":
        yield MemoryTable()
    else:
        emulator: Any = request.getfixturevalue("emulator")
        yield DynamoTable(emulator.client("dynamodb"), emulator.ledger_table)


@pytest.fixture
def project() -> ProjectId:
    return ProjectId(f"prj_{random.getrandbits(64):x}")


def test_slots_are_taken_given_back_and_taken_again(table: Table, project: ProjectId) -> None:
    slots = TableWaiters(table, SystemChance(), 2)
    one, two = (slots.take(project, now_ms=NOW, until_ms=LATER) for _ in range(2))
    assert one is not None
    assert two is not None
    assert {one.number, two.number} == {0, 1}
    assert slots.take(project, now_ms=NOW, until_ms=LATER) is None
    slots.release(one)
    again = slots.take(project, now_ms=NOW, until_ms=LATER)
    assert again is not None
    assert again.number == one.number
    slots.release(one)  # it is another's by now
    assert slots.take(project, now_ms=NOW, until_ms=LATER) is None


def test_time_frees_what_nobody_gave_back(table: Table, project: ProjectId) -> None:
    slots = TableWaiters(table, SystemChance(), 1)
    assert slots.take(project, now_ms=NOW, until_ms=LATER)
    assert slots.take(project, now_ms=LATER - 1, until_ms=LATER + 9) is None
    assert slots.take(project, now_ms=LATER, until_ms=LATER + 9)


def test_of_many_at_once_each_slot_has_one(table: Table, project: ProjectId) -> None:
    slots = TableWaiters(table, SystemChance(), 4)
    for round_ in range(3):
        now_ms = NOW + round_ * 60_000
        with ThreadPoolExecutor(20) as pool:
            found = pool.map(
                lambda _, now=now_ms: slots.take(project, now_ms=now, until_ms=now + 20_000),
                range(20),
            )
        taken = [slot.number for slot in found if slot is not None]
        assert 1 <= len(taken) <= 4
        assert len(set(taken)) == len(taken)
