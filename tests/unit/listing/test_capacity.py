"""A page costs the same however long the history is (the budget of the design's section 9)."""

from __future__ import annotations

import pytest

from bench.listing import QUERIES, cost, stored
from hooktrace.adapters.memory.table import MemoryTable
from hooktrace.usecases.list_records import ListRecords

SMALL, LARGE = 1_000, 100_000


@pytest.fixture(scope="module")
def histories() -> dict[int, tuple[MemoryTable, ListRecords]]:
    return {size: stored(size) for size in (SMALL, LARGE)}


@pytest.mark.parametrize("name", QUERIES)
def test_a_page_costs_the_same_at_any_size(
    histories: dict[int, tuple[MemoryTable, ListRecords]], name: str
) -> None:
    small, _, _ = cost(*histories[SMALL], QUERIES[name], pages=6)
    large, _, _ = cost(*histories[LARGE], QUERIES[name], pages=6)
    assert large == pytest.approx(small, rel=0.1)
