"""Field cases about what a filter and a type pattern take: alone, and among many others.

Every verdict is asked three times: of the filter (or pattern) alone, of an index that holds only
this subscription, and of an index in which 1 000 others stand beside it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.event_types import check_event_type, parse_event_types
from hooktrace.domain.filters import FilterEvent, parse_filter
from hooktrace.domain.matching import MatchRow, SubscriptionIndex

ASKED = "sub_asked"


def _others() -> list[MatchRow]:
    """1 000 subscriptions with equality clauses on the fields the vectors use."""
    kinds: list[Any] = [str, float, lambda n: n + 10, lambda n: [n, str(n)], bool]
    rows = []
    for number in range(1_000):
        value = kinds[number % len(kinds)](number)
        condition = {"$in": value} if isinstance(value, list) else {"$eq": value}
        field = ("v", "customer.tier")[number // 5 % 2]
        text = json.dumps({"data": {field: condition}})
        types = (("*",), ("order.*",), (f"kind{number}.made",))[number % 3]
        rows.append(MatchRow(f"sub_{number}", f"ep_{number}", types, text, True))
    return rows


OTHERS = SubscriptionIndex.build(_others(), ()).dumps()


def in_index(row: MatchRow, event: FilterEvent) -> bool:
    """The verdict of the index, the same alone and among the others."""
    alone = SubscriptionIndex.build([row], ())
    among = SubscriptionIndex.loads(OTHERS)
    among.apply([row], (), (), ())
    assert len(among) == 1_001
    verdicts = set()
    for index in (alone, among):
        decision = index.match(event)
        verdicts.add(any(ASKED in subscriptions for _, subscriptions in decision.matched))
        assert sum(ASKED in subscriptions for _, subscriptions in decision.matched) <= 1
    assert len(verdicts) == 1
    return verdicts.pop()


def verdict(filter_value: object, data: object) -> bool:
    """The verdict on a filter, the same from the filter and from the index."""
    chosen = parse_filter(filter_value)
    event = FilterEvent("test.event", {}, data)
    row = MatchRow(ASKED, "ep_asked", ("*",), chosen.source_text, True)
    assert in_index(row, event) is chosen.matches(event) is (chosen.explain(event) == [])
    return chosen.matches(event)


@pytest.mark.parametrize(
    ("patterns", "event_type", "expected"),
    [
        (["order.*"], "order.created", True),
        (["order.*"], "order.item.added", True),
        (["order.*"], "orders.created", False),
        (["order.*"], "orderXcreated", False),
        (["order.*"], "order", False),
        (["order.created"], "Order.Created", False),
        (["*"], "anything.at.all", True),
        (["order.*", "*", "order.created"], "order.created", True),
    ],
)
def test_fc_17_what_a_type_pattern_covers(
    patterns: list[str], event_type: str, expected: bool
) -> None:
    assert parse_event_types(patterns).matches(check_event_type(event_type)) is expected
    row = MatchRow(ASKED, "ep_asked", tuple(patterns), None, True)
    assert in_index(row, FilterEvent(event_type, {}, {})) is expected


def test_fc_17_several_matching_patterns_make_one_match() -> None:
    row = MatchRow(ASKED, "ep_asked", ("order.*", "*", "order.created"), None, True)
    decision = SubscriptionIndex.build([row], ()).match(FilterEvent("order.created", {}, {}))
    assert decision.matched == (("ep_asked", (ASKED,)),)
    assert decision.report.matched == decision.report.considered == 1


@pytest.mark.parametrize(
    ("patterns", "code", "pointer"),
    [
        ([], "empty_list", "/event_types"),
        (["ord*"], "invalid_event_type", "/event_types/0"),
        (["order.created\n"], "invalid_event_type", "/event_types/0"),
    ],
)
def test_fc_17_patterns_that_are_refused(patterns: list[str], code: str, pointer: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_event_types(patterns)
    assert [(fault.code, fault.pointer) for fault in refused.value.faults] == [(code, pointer)]


@pytest.mark.parametrize("event_type", ["order.", "order.created\n"])
def test_fc_17_types_that_are_refused(event_type: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_event_type(event_type)
    assert refused.value.code == "invalid_event_type"


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        (1, True, False),
        (True, 1, False),
        (0, False, False),
        (1, 1.0, True),
        (1, "1", False),
        ("", None, False),
        (None, None, True),
        (9007199254740993, 9007199254740992, False),
        ("\u00e9", "e\u0301", False),
    ],
)
def test_fc_18_true_is_not_1(wanted: object, value: object, expected: bool) -> None:
    assert verdict({"data": {"v": {"$eq": wanted}}}, {"v": value}) is expected
    assert verdict({"data": {"v": wanted}}, {"v": value}) is expected
    assert verdict({"data": {"v": {"$in": [wanted]}}}, {"v": [value]}) is expected


def test_fc_18_a_near_miss_shows_the_json_types() -> None:
    row = MatchRow(ASKED, "ep_asked", ("*",), '{"data":{"v":{"$eq":1}}}', True)
    report = SubscriptionIndex.build([row], ()).match(FilterEvent("a", {}, {"v": True})).report
    (miss,) = report.near_misses
    (clause,) = miss.clauses
    assert (type(clause.expected), type(clause.actual)) == (int, bool)
    assert json.dumps(clause.to_json()) == (
        '{"path": "data.v", "operator": "$eq", "expected": 1, "actual": true, '
        '"clause": "/data/v/$eq", "reason": "type"}'
    )


FC_19 = {
    "exist": {"data": {"customer.tier": {"$exist": True}}},
    "not_exist": {"data": {"customer.tier": {"$exist": False}}},
    "neq_gold": {"data": {"customer.tier": {"$neq": "gold"}}},
    "not_eq_gold": {"$not": {"data": {"customer.tier": "gold"}}},
}
ABSENT = (False, True, False, True)
PRESENT = (True, False, True, True)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, ABSENT),
        ({"customer": None}, ABSENT),
        ({"customer": "acme"}, ABSENT),
        ({"customer": []}, ABSENT),
        ({"customer": {"tier": None}}, PRESENT),
        ({"customer": {"tier": ""}}, PRESENT),
        ({"customer": {"tier": False}}, PRESENT),
        ({"customer": {"tier": "gold"}}, (True, False, False, False)),
        (None, ABSENT),
        (7, ABSENT),
        ([], ABSENT),
    ],
)
def test_fc_19_null_absent_empty(data: object, expected: tuple[bool, ...]) -> None:
    assert tuple(verdict(wanted, data) for wanted in FC_19.values()) == expected


def test_fc_19_the_failing_clause_says_absent_null_or_the_value() -> None:
    asked = parse_filter({"data": {"customer.tier": "gold"}})
    shown = [
        asked.explain(FilterEvent("a", {}, data))[0].to_json()
        for data in ({}, {"customer": {"tier": None}}, {"customer": {"tier": "tin"}})
    ]
    assert "actual" not in shown[0]
    assert shown[0]["reason"] == "missing"
    assert [entry["actual"] for entry in shown[1:]] == [None, "tin"]
