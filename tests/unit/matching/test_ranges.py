"""Filters with ranges only: all combinations of bounds, against plain comparison."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import pytest

from hooktrace.domain.filters import FilterEvent
from hooktrace.domain.matching import MatchRow, SubscriptionIndex

OPERATORS = ("$gt", "$gte", "$lt", "$lte")
BOUNDS = (0, 1, 1.5, 700)


def _conditions(spell: Callable[[float], object]) -> list[dict[str, object]]:
    """Every one and every pair of bounds."""
    one = [{op: spell(bound)} for op in OPERATORS for bound in BOUNDS]
    pairs = itertools.product(("$gt", "$gte"), ("$lt", "$lte"), BOUNDS, BOUNDS)
    return one + [{low: spell(a), high: spell(b)} for low, high, a, b in pairs]


def _holds(condition: dict[str, object], value: float, spell: Callable[[float], object]) -> bool:
    compare: dict[str, Callable[[float], bool]] = {
        "$gt": lambda bound: value > bound,
        "$gte": lambda bound: value >= bound,
        "$lt": lambda bound: value < bound,
        "$lte": lambda bound: value <= bound,
    }
    number = {spell(bound): bound for bound in BOUNDS}
    return all(compare[op](number[bound]) for op, bound in condition.items())


@pytest.mark.parametrize("spell", [lambda n: n, lambda n: f"{n:07.1f}"])
@pytest.mark.parametrize("value", [-1, 0, 1, 1.5, 3, 700, 701])
def test_every_combination_of_bounds(spell: Callable[[float], object], value: float) -> None:
    conditions = _conditions(spell)
    wanted = {
        f"sub_{at}_{other}": {"a": one, "b": two}
        for at, one in enumerate(conditions)
        for other, two in enumerate(conditions[::7])
    }
    rows = [
        MatchRow(name, "ep", ("*",), json.dumps({"data": data}), True)
        for name, data in wanted.items()
    ]
    built = SubscriptionIndex.build(rows, ())
    grown = SubscriptionIndex.build((), ())
    grown.apply(rows, (), (), ())
    sent = spell(value) if value >= 0 else value
    if type(sent) is not type(spell(0)) and isinstance(spell(0), str):
        sent = ""
    event = FilterEvent("a", {}, {"a": sent, "b": spell(1)})
    expected = sorted(
        name
        for name, data in wanted.items()
        if _holds(data["a"], value, spell) and _holds(data["b"], 1, spell)
    )
    for index in (built, grown, SubscriptionIndex.loads(built.dumps())):
        matched = index.match(event).matched
        assert (list(matched[0][1]) if matched else []) == expected


def test_a_field_without_a_value_of_the_kind_has_no_candidates() -> None:
    text = json.dumps({"data": {"a": {"$gt": 1}, "b": {"$lt": "x"}}})
    index = SubscriptionIndex.build([MatchRow("sub", "ep", ("*",), text, True)], ())
    assert not index.match(FilterEvent("a", {}, {"a": 2, "b": 1})).matched
    assert index.match(FilterEvent("a", {}, {"a": [0, 2], "b": "w"})).matched == ()
    assert index.match(FilterEvent("a", {}, {"a": 2, "b": "w"})).matched == (("ep", ("sub",)),)
