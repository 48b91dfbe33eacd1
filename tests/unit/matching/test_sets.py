"""What a worker holds of its projects: bounded by what it takes, fresh, and never twice."""

from __future__ import annotations

import pytest

from hooktrace.domain.errors import Unavailable
from hooktrace.domain.filters import FilterEvent
from hooktrace.domain.matching import FilterCache, MatchRow, SubscriptionIndex, filters_cache
from hooktrace.domain.registry import Changes, MatchingSet
from hooktrace.usecases import matching_sets
from hooktrace.usecases.matching_sets import MatchingSets

TEXT = '{"data":{"tenant":"t%d"}}'
PAID = FilterEvent("order.paid", {}, {"tenant": "t1"})


def rows(count: int, padding: int = 0) -> tuple[MatchRow, ...]:
    return tuple(
        MatchRow(f"sub_{n:05}", "ep_1", ("order.paid",), TEXT % n + " " * padding, True)
        for n in range(count)
    )


class Source:
    """Projects whose sets never change, and how often each was read."""

    def __init__(self, **projects: tuple[MatchRow, ...]) -> None:
        self.projects = projects
        self.loads: list[str] = []
        self.expired = self.down = False

    def changes_since(self, _project_id: str, version: int) -> Changes | None:
        if self.down:
            raise Unavailable("throttled")
        return None if self.expired and version == 1 else Changes(version)

    def load_matching_set(self, project_id: str) -> MatchingSet:
        self.loads.append(project_id)
        return MatchingSet(2 if self.expired else 1, self.projects[project_id], frozenset())

    def read_snapshot(self, _project_id: str) -> tuple[int, bytes] | None:
        return None

    def write_snapshot(self, _project_id: str, _version: int, _data: bytes) -> None:
        raise AssertionError("matching publishes nothing")


def test_what_is_held_is_bounded_by_bytes_and_the_latest_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = Source(a=rows(10), b=rows(10), c=rows(10), big=rows(100))
    one = SubscriptionIndex.build(rows(10), ()).held_bytes
    monkeypatch.setattr(matching_sets, "KEPT_BYTES", 2 * one)
    sets = MatchingSets(source)

    for project in ("a", "b", "a", "c", "a", "c"):
        assert len(sets.get(project).match(PAID).matched) == 1
    assert source.loads == ["a", "b", "c"]
    sets.get("b")
    sets.get("c")
    assert source.loads == ["a", "b", "c", "b"]
    for _ in range(2):
        assert len(sets.get("big")) == 100
    assert source.loads == ["a", "b", "c", "b", "big"]
    sets.get("c")
    assert source.loads == ["a", "b", "c", "b", "big", "c"]


def test_a_set_whose_log_expired_is_let_go_before_it_is_read_again() -> None:
    source = Source(a=rows(3))
    sets = MatchingSets(source)
    sets.get("a")
    source.expired = True
    assert len(sets.get("a")) == 3
    assert source.loads == ["a", "a"]


def test_a_throttled_look_at_the_log_does_not_cost_the_set() -> None:
    source = Source(a=rows(3))
    sets = MatchingSets(source)
    sets.get("a")
    source.down = True
    with pytest.raises(Unavailable):
        sets.get("a")
    source.down = False
    assert len(sets.get("a")) == 3
    assert source.loads == ["a"]


def test_the_size_follows_number_and_length_also_through_a_snapshot() -> None:
    short, long = (SubscriptionIndex.build(rows(50, n), ()) for n in (0, 200))
    assert long.held_bytes - short.held_bytes == 50 * 200
    assert SubscriptionIndex.loads(long.dumps()).held_bytes == long.held_bytes
    again = tuple(
        MatchRow(f"new_{n}", "ep_1", ("a",), row.filter_text, True)
        for n, row in enumerate(rows(50))
    )
    twice = SubscriptionIndex.build((*rows(50), *again), ())
    assert twice._columns.text_characters == short._columns.text_characters


def test_compiled_filters_are_bounded_by_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    each = filters_cache.BYTES_EACH + filters_cache.BYTES_A_CHARACTER * len(TEXT % 1)
    monkeypatch.setattr(filters_cache, "MAX_COMPILED_BYTES", 4 * each)
    cache = FilterCache()
    for number in range(9):
        assert cache.get(TEXT % number).matches(PAID) is (number == 1)
        assert len(cache._compiled) <= 4


def test_indexes_share_compiled_filters() -> None:
    cache = FilterCache()
    indexes = [SubscriptionIndex.build(rows(3), (), cache) for _ in range(2)]
    for index in indexes:
        assert len(index.match(PAID).matched) == 1
    assert len(cache._compiled) == 1
