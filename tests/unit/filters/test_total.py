"""No event makes a filter raise, and none makes it cost more than its guards allow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hooktrace.domain.filters import MISSING, FilterEvent, parse_filter

SHARED = Path(__file__).parents[3] / "shared"
LIMIT = {
    "path": "",
    "operator": "$limit",
    "expected": 50_000,
    "clause": "",
    "reason": "value",
}


def event(data: object) -> FilterEvent:
    return FilterEvent("test.event", {}, data)


def nested(levels: int, core: object, name: str | None = None) -> object:
    value = core
    for _ in range(levels):
        value = [value] if name is None else {name: value}
    return value


@pytest.mark.parametrize(
    "wanted",
    [
        "a",
        {"sku": "A"},
        {"a.b": 1},
        {"$": {"$exist": True}},
        [{"sku": "A"}],
        {"$any": {"$gt": 3}},
        {"$in": ["a"]},
        {"$contains": 1},
        {"$eq": [1]},
        {"$eq": {"$ref": "a"}},
        {"$not": {"sku": {"$ref": "[$index][$index]"}}},
        {"sku": {"$exist": False}, "$not": {"$eq": []}},
        {"0": {"sku": 1}},
    ],
)
@pytest.mark.parametrize("core", [1, {"sku": "B"}, [], "a", None])
def test_data_nested_5_000_deep(wanted: object, core: object) -> None:
    for data in (nested(5_000, core), {"a": nested(5_000, core)}, nested(5_000, core, "a")):
        for value in ({"data": wanted}, {"data": {"a": wanted}}, {"$not": {"data": {"a": wanted}}}):
            chosen = parse_filter(value)
            entries = chosen.explain(event(data))
            assert (entries == []) is chosen.matches(event(data))
            for entry in entries:
                entry.to_json()


def test_two_values_nested_5_000_deep_are_compared() -> None:
    data = {"a": nested(5_000, 1), "b": nested(5_000, 1), "c": nested(5_000, 2)}
    assert parse_filter({"data": {"a": {"$eq": {"$ref": "b"}}}}).matches(event(data))
    (entry,) = parse_filter({"data": {"a": {"$eq": {"$ref": "c"}}}}).explain(event(data))
    assert entry.truncated
    assert entry.actual == "[" * 256 + "…"


def test_a_shallow_object_in_a_deep_array_is_found() -> None:
    data = {"items": nested(5_000, {"sku": "A"})}
    assert parse_filter({"data": {"items": {"sku": "A"}}}).matches(event(data))
    assert parse_filter({"data": {"items.sku": "A"}}).matches(event(data))


def test_huge_integers() -> None:
    huge = 10**20_000 + 1
    chosen = parse_filter('{"data": {"n": ' + "1" + "0" * 9_999 + "1}}")
    assert chosen.matches(event({"n": 10**10_000 + 1}))
    (entry,) = chosen.explain(event({"n": huge}))
    assert entry.actual == "1" + "0" * 255 + "…"
    assert parse_filter(chosen.source_text).source_text == chosen.source_text
    assert parse_filter({"data": {"n": {"$gt": 1e308}}}).matches(event({"n": huge}))
    assert parse_filter({"data": {"n": {"$lt": -1e308}}}).matches(event({"n": -huge}))


def test_lone_surrogates() -> None:
    lone = "\ud800"
    assert parse_filter({"data": {"s": lone}}).matches(event({"s": lone}))
    assert parse_filter({"data": {lone: {"$startsWith": lone}}}).matches(event({lone: lone}))
    assert not parse_filter({"data": {"s": {"$regex": ""}}}).matches(event({"s": lone}))


OBJECTS: list[Any] = [{"sku": "A"}] * 50_000


@pytest.mark.parametrize(
    ("wanted", "one_over"),
    [
        ({"sku": "Z"}, [*OBJECTS, {"sku": "A"}]),
        ({"$": {"sku": "Z"}}, [*OBJECTS, {"sku": "A"}]),
        ([{"sku": "Z"}], [*OBJECTS, {"sku": "A"}]),
        ("z", ["a"] * 50_001),
        ({"$in": ["z"]}, ["a"] * 50_001),
        ({"$any": {"$startsWith": "z"}}, ["a"] * 50_001),
    ],
)
def test_the_guard_on_elements_fires_above_50_000_and_not_below(
    wanted: object, one_over: list[Any]
) -> None:
    chosen = parse_filter({"data": {"items": wanted}})
    assert [entry.to_json() for entry in chosen.explain(event({"items": one_over}))] == [LIMIT]
    assert not chosen.matches(event({"items": one_over}))
    assert not parse_filter({"data": {"$not": {"items": wanted}}}).matches(
        event({"items": one_over})
    )
    (entry,) = chosen.explain(event({"items": one_over[1:]}))
    assert entry.operator != "$limit"


def test_the_guard_does_not_fire_when_the_50_000th_element_matches() -> None:
    items = [*OBJECTS[1:], {"sku": "Z"}, {"sku": "A"}]
    assert parse_filter({"data": {"items": {"sku": "Z"}}}).matches(event({"items": items}))


def test_the_guard_on_regular_expressions() -> None:
    chosen = parse_filter({"data": {"s": {"$any": {"$regex": "[ab]*a[ab]{400}c"}}}})
    (entry,) = chosen.explain(event({"s": ["ab" * 4_096] * 40}))
    assert (entry.operator, entry.expected, entry.actual) == ("$limit", 50_000_000, MISSING)
    (entry,) = chosen.explain(event({"s": ["ab" * 40] * 40}))
    assert entry.operator == "$any"


def test_an_explanation_of_many_elements_ends() -> None:
    wanted = {f"f{number}": {"$gt": number} for number in range(60)}
    chosen = parse_filter({"data": {"a": 1, "items": wanted, "more": wanted}})
    entries = chosen.explain(event({"items": [{}] * 60_000, "more": [{"f0": 1}] * 2}))
    assert len(entries) == 120
    assert entries[-1].path == "data.more.0.f59"


def test_re2_is_imported_only_for_a_regex() -> None:
    program = (
        "import sys; from hooktrace.domain.filters import parse_filter, FilterEvent\n"
        "import hooktrace.domain.matching\n"
        "parse_filter({'data': {'a': {'$cidr': '10.0.0.0/8'}}}).matches(FilterEvent('a', {}, 1))\n"
        "assert 're2' not in sys.modules\n"
        "parse_filter({'data': {'a': {'$regex': 'b'}}})\n"
        "assert 're2' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": str(SHARED)})
