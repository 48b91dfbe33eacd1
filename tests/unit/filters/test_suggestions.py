"""Suggestions, clause by clause: what is said, and that it is true."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from hooktrace.domain.filters import FilterEvent, parse_event_pattern, parse_filter
from hooktrace.domain.filters.edits import Suggestion, apply
from hooktrace.domain.filters.lookalikes import Lookalikes
from hooktrace.domain.filters.suggest import suggest, with_suggestions

HEADERS = {"X-Region": "eu"}


def _all(condition: Any, data: Any) -> list[Suggestion | None]:
    event = FilterEvent("order.created", HEADERS, data)
    clauses = [clause.to_json() for clause in parse_filter(condition).explain(event)]
    stored = json.loads(json.dumps(clauses))
    return [suggest(clause, event, Lookalikes(event)) for clause in stored]


def _one(condition: Any, data: Any) -> Suggestion:
    (found,) = _all(condition, data)
    assert found is not None
    return found


EDITS: list[tuple[Any, Any, Any]] = [
    ({"data": {"total": {"$gte": 100}}}, {"total": 99.5}, {"data": {"total": {"$gte": 99.5}}}),
    ({"data": {"total": {"$gt": 100}}}, {"total": 100}, {"data": {"total": {"$gte": 100}}}),
    (
        {"data": {"total": {"$lt": 5, "$gt": 1}}},
        {"total": 7},
        {"data": {"total": {"$gt": 1, "$lte": 7}}},
    ),
    ({"data": {"n": 7}}, {"n": "7"}, {"data": {"n": "7"}}),
    ({"data": {"n": "7"}}, {"n": 7}, {"data": {"n": 7}}),
    ({"data": {"s": {"$eq": "Gold"}}}, {"s": "gold "}, {"data": {"s": {"$eq": "gold "}}}),
    ({"data": {"s": {"$in": ["a", "b"]}}}, {"s": "c"}, {"data": {"s": {"$in": ["a", "b", "c"]}}}),
    ({"data": {"s": {"$in": 5}}}, {"s": 5}, {"data": {"s": {"$in": [5]}}}),
    ({"data": {"s": {"$nin": ["a", "b"]}}}, {"s": "a"}, {"data": {"s": {"$nin": ["b"]}}}),
    ({"data": {"s": {"$nin": ["a"]}, "t": 1}}, {"s": "a", "t": 1}, {"data": {"t": 1}}),
    ({"data": {"s": {"$neq": "a"}}}, {"s": "a"}, {}),
    ({"data": {"s": "a", "$not": {"t": 1}}}, {"s": "a", "t": 1}, {"data": {"s": "a"}}),
    ({"$not": {"data": {"t": 1}}}, {"t": 1}, {}),
    (
        {"data": {"s": {"$startsWith": "ord_"}}},
        {"s": "ORD_1"},
        {"data": {"s": {"$startsWith": "ORD_"}}},
    ),
    (
        {"data": {"s": {"$startsWith": "ord_"}}},
        {"s": "order"},
        {"data": {"s": {"$startsWith": "ord"}}},
    ),
    (
        {"data": {"s": {"$endsWith": [".com"]}}},
        {"s": "a.COM"},
        {"data": {"s": {"$endsWith": [".com", ".COM"]}}},
    ),
    (
        {"data": {"s": {"$contains": "Vip "}}},
        {"s": "a vip customer"},
        {"data": {"s": {"$contains": "vip "}}},
    ),
    (
        {"data": {"s": {"$contains": "vip!"}}},
        {"s": ["VIP", "vip"]},
        {"data": {"s": {"$contains": "vip"}}},
    ),
    (
        {"data": {"s": {"$regex": "^Gold$"}}},
        {"s": "gold"},
        {"data": {"s": {"$regex": "(?i)^Gold$"}}},
    ),
    ({"data": {"s": {"$regex": "^old$"}}}, {"s": "golden"}, {"data": {"s": {"$regex": "old"}}}),
    ({"data": {"a": {"$exist": False}}}, {"a": None}, {"data": {"a": {"$exist": True}}}),
    (
        {"data": {"ip": {"$cidr": "10.0.0.0/8"}}},
        {"ip": "11.0.0.1"},
        {"data": {"ip": {"$cidr": ["10.0.0.0/8", "11.0.0.1/32"]}}},
    ),
    (
        {"data": {"ip": {"$cidr": ["::1"]}}},
        {"ip": "fd00::1"},
        {"data": {"ip": {"$cidr": ["::1", "fd00::1/128"]}}},
    ),
    ({"data": {"s": {"$any": "a"}}}, {"s": ["b"]}, {"data": {"s": {"$any": {"$in": ["a", "b"]}}}}),
    ({"data": {"s": ["vip"]}}, {"s": "vip"}, {"data": {"s": "vip"}}),
    (
        {"data": {"items": {"sku": "A", "qty": 2}}},
        {"items": [{"sku": "B", "qty": 3}, {"sku": "A", "qty": 3}]},
        {"data": {"items": {"sku": "A", "qty": 3}}},
    ),
    ({"$or": [{"data": {"a": {"$neq": 1}}}, {"data": {"a": {"$gt": 1}}}]}, {"a": 1}, {}),
    ({"headers": {"x-region": "us"}}, {}, {"headers": {"x-region": "eu"}}),
    ({"type": "order.paid"}, {}, {"type": "order.created"}),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "data", "after"), EDITS)
def test_the_edit_is_the_smallest_and_makes_it_match(condition: Any, data: Any, after: Any) -> None:
    edits = [one for one in _all(condition, data) if one is not None]
    changed = apply(condition, edits)
    assert changed == after
    assert parse_filter(changed).matches(FilterEvent("order.created", HEADERS, data))


@pytest.mark.parametrize(
    ("condition", "data", "words"),
    [
        ({"data": {"total": {"$gte": 100}}}, {"total": 99.5}, "`$gte: 99.5` would match"),
        ({"data": {"n": 7}}, {"n": "7"}, 'the string "7" where a number is asked for; types count'),
        ({"data": {"n": "7"}}, {"n": 7}, "the number 7 where a string is asked for; types count"),
        ({"data": {"s": "Gold"}}, {"s": "gold"}, "differs only in case"),
        ({"data": {"s": "gold"}}, {"s": "gold "}, "differs only in white space"),
        ({"data": {"s": "order"}}, {"s": "order-7"}, "one begins with the other"),
        ({"data": {"s": {"$in": [7, "x"]}}}, {"s": "7"}, "where a number is asked for"),
    ],
)
def test_it_says_what_differs(condition: Any, data: Any, words: str) -> None:
    assert words in _one(condition, data).text


@pytest.mark.parametrize(
    ("condition", "data", "path"),
    [
        ({"data": {"id": 7}}, {"order": {"id": 7}}, "data.order.id"),
        ({"data": {"order_id": 7}}, {"orderId": 7}, "data.orderId"),
        ({"data": {"customer.teir": "gold"}}, {"customer": {"tier": "x"}}, "data.customer.tier"),
        ({"data": {"sku": "A"}}, {"items": [{"sku": "A"}]}, "data.items.sku"),
        ({"data": {"x-region": "eu"}}, {}, "headers.x-region"),
        ({"data": {"id": 7}}, {"a": {"id": 1}, "b": {"c": {"id": 7}}}, "data.b.c.id"),
        ({"data": {"a.b.id": {"$gt": 0}}}, {"x": {"id": 1}, "b": {"id": 1}}, "data.b.id"),
        ({"data": {"a.id": 1}}, {"dotted.name": {"id": 1}}, "data.dotted\\.name.id"),
    ],
)  # fmt: skip
def test_a_missing_path_that_stands_elsewhere(condition: Any, data: Any, path: str) -> None:
    found = _one(condition, data)
    assert (found.kind, found.path) == ("did_you_mean", path)
    assert f"did you mean `{path}`?" in found.text


def test_it_says_whether_the_other_path_would_match() -> None:
    assert "would match" in _one({"data": {"id": 7}}, {"order": {"id": 7}}).text
    assert "would match" not in _one({"data": {"id": 8}}, {"order": {"id": 7}}).text


@pytest.mark.parametrize(
    ("condition", "data"),
    [
        ({"data": {"id": 7}}, {"name": "x"}),
        ({"data": {"a": {"$eq": {"$ref": "b"}}}}, {"a": 1, "b": 2}),
        ({"data": {"a": {"$in": {"$ref": "b"}}}}, {"a": 1, "b": [2]}),
        ({"data": {"a": {"$startsWith": "x"}}}, {"a": 5}),
        ({"data": {"a": {"$gt": 5}}}, {"a": [6]}),
        ({"data": {"a": {"$regex": "(a+)+$"}}}, {"a": "b"}),
        ({"data": {"a": {"$cidr": "10.0.0.0/8"}}}, {"a": "no address"}),
        ({"data": {"a": "x" * 300}}, {"a": "y" * 300}),
        ({"data": {"a": {"$eq": {"b": 1}}}}, {"a": {"$ref": "b"}}),
        ({"data": {"a": {"sku": {"$neq": "A"}}}}, {"a": [{"sku": "A"}]}),
    ],
)
def test_where_nothing_simple_would_do_nothing_is_said(condition: Any, data: Any) -> None:
    assert _all(condition, data) == [None]


def test_a_long_list_is_only_added_to() -> None:
    """Only its beginning is stored; adding needs no more."""
    listed = [f"customer-{number}" for number in range(100)]
    condition = {"data": {"id": {"$in": listed}}}
    found = _one(condition, {"id": "customer-100"})
    assert apply(condition, [found]) == {"data": {"id": {"$in": [*listed, "customer-100"]}}}


def test_the_pattern_of_eventbridge_is_changed_in_its_converted_form() -> None:
    chosen = parse_event_pattern({"detail": {"tier": ["gold", "silver"]}})
    event = FilterEvent("a", {}, {"tier": "bronze"})
    clauses = [clause.to_json() for clause in chosen.explain(event)]
    found = suggest(clauses[0], event, Lookalikes(event))
    assert found is not None
    changed = apply(json.loads(chosen.source_text), [found])
    assert changed == {"data": {"tier": {"$any": {"$in": ["gold", "silver", "bronze"]}}}}
    assert parse_filter(changed).matches(event)


def test_the_search_is_bounded() -> None:
    """A wide and deep event, and clauses that miss everywhere: no more than a moment."""
    data = {f"field_{a}": {f"name_{b}": {"deep": [b] * 50} for b in range(200)} for a in range(50)}
    condition = {"data": {f"missing_{n}": 1 for n in range(100)}}
    event = FilterEvent("a", {}, data)
    clauses = [clause.to_json() for clause in parse_filter(condition).explain(event)]
    before = time.process_time()
    told = with_suggestions(clauses, event, lookalikes=Lookalikes(event))
    assert time.process_time() - before < 2.0
    assert len(told) == 100


def test_json_of_a_suggestion_has_what_applies() -> None:
    found = _one({"data": {"total": {"$gt": 100}}}, {"total": 99})
    assert found.to_json() == {
        "kind": "replace",
        "text": "`$gte: 99` would match: the event has 99.",
        "clause": "/data/total/$gt",
        "operator": "$gte",
        "value": 99,
    }
