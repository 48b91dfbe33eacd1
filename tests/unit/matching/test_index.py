"""The index: grouping, counts, near misses, changes, snapshots."""

from __future__ import annotations

import json

import pytest

from hooktrace.domain.filters import FilterEvent
from hooktrace.domain.matching import MatchRow, StaleSnapshot, SubscriptionIndex

PAID = FilterEvent("order.paid", {"X-Region": "eu"}, {"tenant": "t1", "total": 5})


def row(
    name: str,
    wanted: object = None,
    *,
    endpoint: str = "ep_1",
    types: tuple[str, ...] = ("order.*",),
    enabled: bool = True,
) -> MatchRow:
    text = None if wanted is None else json.dumps({"data": wanted})
    return MatchRow(f"sub_{name}", endpoint, types, text, enabled)


def test_matches_are_grouped_by_endpoint_and_sorted() -> None:
    rows = [
        row("c", {"tenant": "t1"}, endpoint="ep_2"),
        row("b", endpoint="ep_2"),
        row("a", {"tenant": {"$in": ["t1", "t2"]}}),
        row("d", {"tenant": "t2"}),
    ]
    decision = SubscriptionIndex.build(rows, ()).match(PAID)
    assert decision.matched == (("ep_1", ("sub_a",)), ("ep_2", ("sub_b", "sub_c")))


def test_misses_are_counted_by_the_first_reason() -> None:
    rows = [
        row("match"),
        row("type", types=("invoice.*",)),
        row("type_and_disabled", types=("invoice.*",), enabled=False),
        row("disabled_twice", endpoint="ep_off", enabled=False),
        row("endpoint", {"tenant": "other"}, endpoint="ep_off"),
        row("filter", {"tenant": "other"}),
    ]
    report = SubscriptionIndex.build(rows, ["ep_off"]).match(PAID).report
    assert (report.considered, report.matched) == (6, 1)
    assert report.misses == {
        "type": 2,
        "subscription_disabled": 1,
        "endpoint_disabled": 1,
        "filter": 1,
    }
    assert [miss.subscription_id for miss in report.near_misses] == ["sub_filter"]


def test_near_misses_that_passed_the_index_come_first_fewest_clauses_first() -> None:
    rows = [
        row("a_other", {"tenant": "t9"}),
        row("b_two", {"tenant": "t1", "total": {"$gt": 9}, "x": {"$exist": True}}),
        row("c_one", {"tenant": "t1", "total": {"$gt": 9}}),
        row("d_many", {"tenant": "t1", "x": [1], "a": {"$gt": 1}, "b": [2], "c": {"d": [3]}}),
    ]
    report = SubscriptionIndex.build(rows, ()).match(PAID).report
    assert [(miss.subscription_id, miss.clauses_total) for miss in report.near_misses] == [
        ("sub_c_one", 1),
        ("sub_b_two", 2),
        ("sub_d_many", 4),
        ("sub_a_other", 1),
    ]
    assert [len(miss.clauses) for miss in report.near_misses] == [1, 2, 3, 1]


def test_ten_near_misses_are_kept() -> None:
    rows = [row(f"{number:03}", {"tenant": f"x{number}"}) for number in range(200)]
    report = SubscriptionIndex.build(rows, ()).match(PAID).report
    assert [miss.subscription_id for miss in report.near_misses] == [
        f"sub_{number:03}" for number in range(10)
    ]


def test_the_report_as_json() -> None:
    rows = [
        row("a", {"total": {"$gte": {"$ref": "limit"}}}),
        row("b", {"tenant": "t2"}),
    ]
    event = FilterEvent("order.paid", {}, {"tenant": "t1", "total": 5, "limit": 7})
    report = SubscriptionIndex.build(rows, ()).match(event).report
    shown = report.to_json()
    assert json.loads(json.dumps(shown)) == {
        "considered": 2,
        "matched": 0,
        "misses": {
            "type": 0,
            "filter": 2,
            "endpoint_disabled": 0,
            "subscription_disabled": 0,
        },
        "near_misses": [
            {
                "subscription_id": "sub_a",
                "endpoint_id": "ep_1",
                "clauses": [
                    {
                        "path": "data.total",
                        "operator": "$gte",
                        "expected": 7,
                        "actual": 5,
                        "clause": "/data/total/$gte",
                        "reason": "value",
                        "reference": {"$ref": "limit"},
                    }
                ],
                "clauses_total": 1,
            },
            {
                "subscription_id": "sub_b",
                "endpoint_id": "ep_1",
                "clauses": [
                    {
                        "path": "data.tenant",
                        "operator": "$eq",
                        "expected": "t2",
                        "actual": "t1",
                        "clause": "/data/tenant",
                        "reason": "value",
                    }
                ],
                "clauses_total": 1,
            },
        ],
    }


def test_a_redacted_report_holds_no_value_of_the_event() -> None:
    rows = [row("a", {"total": {"$gte": {"$ref": "limit"}}}), row("b", {"tenant": "t2"})]
    event = FilterEvent("order.paid", {}, {"tenant": "secret", "total": 555, "limit": 777})
    text = json.dumps(SubscriptionIndex.build(rows, ()).match(event).report.to_json(True))
    assert not any(value in text for value in ("secret", "555", "777", "actual"))
    assert '{"$ref": "limit"}' in text


def test_the_near_misses_are_those_of_the_moment_of_the_match() -> None:
    index = SubscriptionIndex.build([row("a", {"tenant": "t2"})], ())
    report = index.match(PAID).report
    index.apply([row("a", {"tenant": "t3"})], (), (), ())
    assert report.near_misses[0].clauses[0].expected == "t2"


def test_changes_of_subscriptions_and_endpoints() -> None:
    index = SubscriptionIndex.build([row("a", {"tenant": "t1"}), row("b")], ())
    index.apply([row("a", {"tenant": "t2"}), row("c", {"tenant": "t1"})], ["sub_b"], (), ())
    assert index.match(PAID).matched == (("ep_1", ("sub_c",)),)
    index.apply((), (), ["ep_1", "ep_unknown"], ())
    assert index.match(PAID).matched == ()
    assert index.match(PAID).report.misses["endpoint_disabled"] == 2
    index.apply([row("d", endpoint="ep_unknown")], (), (), ["ep_1"])
    assert index.match(PAID).matched == (("ep_1", ("sub_c",)),)
    index.apply([row("c", enabled=False)], ["sub_not_there"], (), ["ep_unknown"])
    assert index.match(PAID).matched == (("ep_unknown", ("sub_d",)),)
    assert index.match(PAID).report.misses["subscription_disabled"] == 1
    assert len(index) == 3


def test_what_removed_subscriptions_leave_behind_is_cleared_away() -> None:
    index = SubscriptionIndex.build([row("kept", {"tenant": "t1"})], ())
    for number in range(3_000):
        index.apply([row("busy", {"tenant": f"x{number}"})], (), (), ())
    assert len(index) == 2
    assert index.match(PAID).matched == (("ep_1", ("sub_kept",)),)
    assert len(index.dumps()) < 2_000


def test_a_snapshot_of_a_changed_index() -> None:
    index = SubscriptionIndex.build([row("a", {"tenant": "t1"}), row("b")], ["ep_off"])
    index.apply([row("c", endpoint="ep_off")], ["sub_b"], (), ())
    loaded = SubscriptionIndex.loads(index.dumps())
    assert len(loaded) == 2
    assert sorted(loaded.rows(), key=lambda r: r.subscription_id) == [
        row("a", {"tenant": "t1"}),
        row("c", endpoint="ep_off"),
    ]
    assert loaded.match(PAID).matched == (("ep_1", ("sub_a",)),)


@pytest.mark.parametrize("change", ["header", "cut", "damaged", "empty"])
def test_a_snapshot_that_does_not_fit_is_stale(change: str) -> None:
    data = SubscriptionIndex.build([row("a", {"tenant": "t1"})], ()).dumps()
    broken = {
        "header": data.replace(b"hooktrace-index 1", b"hooktrace-index 0"),
        "cut": data[:-5],
        "damaged": data[:-9] + bytes(byte ^ 0xFF for byte in data[-9:]),
        "empty": b"",
    }[change]
    with pytest.raises(StaleSnapshot):
        SubscriptionIndex.loads(broken)


def test_a_filter_this_version_refuses_matches_nothing() -> None:
    bad = MatchRow("sub_bad", "ep_1", ("*",), '{"data": {"a": {"$future": 1}}}', True)
    decision = SubscriptionIndex.build([bad, row("a")], ()).match(PAID)
    assert decision.matched == (("ep_1", ("sub_a",)),)
    assert decision.report.near_misses[0].clauses_total == 1


def test_headers_and_types_are_indexed_too() -> None:
    texts = [
        '{"headers": {"X-REGION": "eu"}}',
        '{"headers.x-region": {"$startsWith": "e"}}',
        '{"type": {"$in": ["order.paid"]}}',
        '{"headers": {"x-region": "us"}}',
    ]
    rows = [MatchRow(f"sub_{at}", "ep_1", ("*",), text, True) for at, text in enumerate(texts)]
    decision = SubscriptionIndex.build(rows, ()).match(PAID)
    assert decision.matched == (("ep_1", ("sub_0", "sub_1", "sub_2")),)


def test_an_event_nested_5_000_deep() -> None:
    deep: object = "t1"
    for _ in range(5_000):
        deep = [deep]
    index = SubscriptionIndex.build([row("a", {"tenant": "t1"}), row("b", {"x.y": 1})], ())
    assert index.match(FilterEvent("order.paid", {}, {"tenant": deep})).matched == (
        ("ep_1", ("sub_a",)),
    )
    assert index.match(FilterEvent("order.paid", {}, {"x": deep})).matched == ()


def test_only_what_might_match_is_evaluated() -> None:
    rows = [row(f"{number:05}", {"tenant": f"t{number}"}) for number in range(5_000)]
    index = SubscriptionIndex.build(rows, ())
    assert len(index.match(PAID).matched) == 1
    assert len(index._filters._compiled) == 1
