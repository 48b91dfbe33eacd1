"""The traffic of endpoints on both tables: what was stored comes back, and one writer wins."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.memory.table import MemoryTable
from hooktrace.adapters.traffic import TableTraffic
from hooktrace.domain.admission import Ask, Go, admit
from hooktrace.domain.ids import EndpointId, ProjectId, ulid
from hooktrace.domain.registry import RateLimit
from hooktrace.domain.traffic import Permit, Traffic
from hooktrace.endpoint_ports import EndpointKey

FULL = Traffic(
    version=1,
    limit=RateLimit(7, 60),
    limit_since_ms=1_790_000_000_001,
    free_us=1_790_000_000_000_123,
    used_us=1_790_000_000_000_456,
    freed_ms=(1_790_000_020_000, 1_790_000_030_001),
    permits=(Permit("aB-_9", 3, 1_790_000_009_000), Permit("x", 1, 1_790_000_010_000)),
    slow_until_ms=1_790_000_600_000,
    hung_ms=1_790_000_000_007,
    fast_answers=2,
    expires_s=1_790_090_000,
    write_token="one",
)


@pytest.fixture(params=["memory", pytest.param("emulator", marks=pytest.mark.emulator)])
def store(request: pytest.FixtureRequest) -> Iterator[TableTraffic]:
    if request.param == "memory":
        yield TableTraffic(MemoryTable())
    else:
        emulator: Any = request.getfixturevalue("emulator")
        yield TableTraffic(DynamoTable(emulator.client("dynamodb"), emulator.ledger_table))


@pytest.fixture
def key() -> EndpointKey:
    made = random.Random().randbytes(20)
    project, endpoint = ulid(1_790_000_000_000, made[:10]), ulid(1_790_000_000_000, made[10:])
    return ProjectId(f"prj_{project}"), EndpointId(f"ep_{endpoint}")


def test_nothing_stored_is_version_zero(store: TableTraffic, key: EndpointKey) -> None:
    assert store.read([key]) == {key: Traffic()}
    assert store.read([]) == {}


def test_every_field_comes_back(store: TableTraffic, key: EndpointKey) -> None:
    assert store.replace(key, FULL, before=Traffic()) is None
    assert store.read([key]) == {key: FULL}
    bare = Traffic(version=2, write_token="two", expires_s=5)
    assert store.replace(key, bare, before=FULL) is None
    assert store.read([key]) == {key: bare}


def test_the_loser_sees_what_stands_and_a_repetition_knows_itself(
    store: TableTraffic, key: EndpointKey
) -> None:
    assert store.replace(key, FULL, before=Traffic()) is None
    assert store.replace(key, FULL, before=Traffic()) is None
    other = replace(FULL, write_token="other")
    assert store.replace(key, other, before=Traffic()) == FULL
    gone = (key[0], EndpointId(key[1][:-4] + "0000"))
    assert store.replace(gone, replace(other, version=2), before=FULL) == Traffic()


def test_of_fifty_workers_no_more_get_through_than_there_are_permits(
    store: TableTraffic, key: EndpointKey
) -> None:
    def worker(number: int) -> bool:
        seen = store.read([key])[key]
        for round_ in range(60):
            after, (answer,) = admit(
                seen,
                [Ask(60_000)],
                rate=None,
                concurrency=3,
                share=5,
                flying=0,
                patient=False,
                now_ms=1_790_000_000_000,
                token=f"w{number}",
            )
            if not isinstance(answer, Go):
                return False
            mine = after.written(now_ms=1_790_000_000_000, token=f"w{number}.{round_}")
            current = store.replace(key, mine, before=seen)
            if current is None:
                return True
            seen = current
        raise AssertionError("never got an answer")

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(worker, range(50))) == 3
    assert store.read([key])[key].in_flight(1_790_000_000_000) == 3
