"""One suite, two tables: roll-ups of statistics on the shipped fake and on DynamoDB."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.memory.table import MemoryTable
from hooktrace.adapters.stats import TableStats
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.stats import DAY_MS, Happened, RollUp, RollUpKey
from hooktrace.usecases.keep_stats import KeepStats

ENDPOINT = EndpointId("ep_01M3250V00YPRPA8JAB2VS3201")


@pytest.fixture(params=["memory", pytest.param("emulator", marks=pytest.mark.emulator)])
def stats(request: pytest.FixtureRequest) -> Iterator[TableStats]:
    if request.param == "memory":
        yield TableStats(MemoryTable())
    else:
        emulator: Any = request.getfixturevalue("emulator")
        yield TableStats(DynamoTable(emulator.client("dynamodb"), emulator.ledger_table))


@pytest.fixture
def project() -> ProjectId:
    return ProjectId(f"prj_{random.getrandbits(64):x}")


def test_a_roll_up_comes_back_as_it_was_written(stats: TableStats, project: ProjectId) -> None:
    key = RollUpKey(project, 3, ENDPOINT, 20_700)
    first = RollUp(key, {0: {"attempt.success": 7}}, {1: {"attempt.success": 7}}, (b"12345",), 1)
    second = RollUp(key, {0: {"event.failed": 1}, 9: {}}, {}, (b"abcde", b""), 2)
    assert stats.roll_ups([key]) == {}
    assert stats.write([(first, None)]) == {}
    assert stats.roll_ups([key]) == {key: first}
    assert stats.write([(first, None)]) == {key: first}
    assert stats.write([(second, first)]) == {}
    assert stats.write([(second, first)]) == {key: second}
    assert stats.roll_ups([key]) == {key: second}


def test_days_are_those_of_one_endpoint_or_the_whole(stats: TableStats, project: ProjectId) -> None:
    for day in range(20_695, 20_735):
        for endpoint in (None, ENDPOINT):
            one = RollUp(
                RollUpKey(project, 0, endpoint, day), {0: {"event.failed": day}}, {}, (), 1
            )
            assert stats.write([(one, None)]) == {}
    for endpoint in (None, ENDPOINT):
        found = stats.days(project, 0, endpoint, 20_700, 20_730)
        assert [one.key.day for one in found] == list(range(20_700, 20_731))
        assert {one.key.endpoint_id for one in found} == {endpoint}
    assert stats.days(project, 1, None, 20_700, 20_730) == []


def test_runs_at_the_same_time_lose_nothing(stats: TableStats, project: ProjectId) -> None:
    def batch(number: int) -> int:
        ones = [
            Happened(project, 0, f"D#{number}.{n}#1", 20_700 * DAY_MS, ("event.failed",), None)
            for n in range(10)
        ]
        return KeepStats(stats=stats).run(ones)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(batch, range(4))) == [1] * 4
    (found,) = stats.days(project, 0, None, 20_700, 20_700)
    assert found.hours == {0: {"event.failed": 40}}
