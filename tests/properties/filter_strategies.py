"""Random filters and events that have something to do with each other."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from hooktrace.domain.filters import FilterEvent

NAMES = ["a", "b", "c", "a.b", "0", "1", "$", "x$", "", "\\", "$ref", "a\\.b", "b.0"]
KEYS = [
    *["a", "b", "c", "a.b", "a.b.c", "b.a", "a.$", "$", "$.a", "0", "1.a", "a.0", "a.0.b"],
    *["a.$.b", "a.$.b.$", "\\$ref", "\\$", "a\\.b", "", "x$", "b.0", "\\\\", "a.01"],
]
TYPES = ["order.created", "order.paid", "order.item.added", "ping"]
TEXTS = ["", "a", "ab", "abc", "1", "é", "e\u0301", "\ud800", "10.0.0.1", "eu-1", "z\n"]

scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, 2, 5, -1, 2**53, 2**53 + 1, 10**30]),
    st.sampled_from([0.0, -0.0, 1.0, 1.5, 2.0, float(2**53), 1e300]),
    st.sampled_from(TEXTS),
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=8,
)
events = st.builds(
    FilterEvent,
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(["X-A", "x-b", "c.d"]), st.sampled_from(TEXTS), max_size=2),
    values,
)
_refs = st.sampled_from(["a", "b", "a.b", "a[0]", "a[$index].b", "[0]", "$.b", "a[$index]"])
_ref_operands = st.builds(lambda path: {"$ref": path}, _refs)
_texts = st.sampled_from(TEXTS)
_text_lists = st.one_of(_texts, st.lists(_texts, min_size=1, max_size=3))


def _one(operator: str, operand: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return operand.map(lambda value: {operator: value})


_numbers_or_texts = scalars.filter(lambda value: value is not None and type(value) is not bool)
_literals = values.filter(lambda value: not (type(value) is dict and value.keys() == {"$ref"}))
operations: st.SearchStrategy[dict[str, Any]] = st.one_of(
    *[_one(name, st.one_of(_literals, _ref_operands)) for name in ("$eq", "$neq")],
    *[
        _one(name, st.one_of(_numbers_or_texts, _ref_operands))
        for name in ("$gt", "$gte", "$lt", "$lte")
    ],
    *[
        _one(name, st.one_of(scalars, st.lists(scalars, min_size=1, max_size=3), _ref_operands))
        for name in ("$in", "$nin")
    ],
    _one("$contains", st.one_of(scalars, _ref_operands)),
    *[_one(name, st.one_of(_text_lists, _ref_operands)) for name in ("$startsWith", "$endsWith")],
    _one("$exist", st.booleans()),
    _one("$ref", _refs),
    _one("$regex", st.sampled_from(["a", "^a", "b$", "(?i)A", "", "\\d"])),
    _one("$cidr", st.sampled_from(["10.0.0.0/8", "::/0"])),
)


def _deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, min_size=1, max_size=3)
    fields = st.dictionaries(st.sampled_from(KEYS), inner, min_size=1, max_size=3)
    logic = st.one_of(_one("$and", lists), _one("$or", lists), _one("$not", inner))
    return st.one_of(
        fields,
        lists,
        logic,
        _one("$any", inner),
        st.builds(lambda one, other: {**one, **other}, fields, st.one_of(logic, operations)),
    )


conditions: st.SearchStrategy[Any] = st.recursive(
    st.one_of(scalars, operations), _deeper, max_leaves=6
)
_headers = st.dictionaries(
    st.sampled_from(["x-a", "X-B", "c.d", "c\\.d"]), conditions, min_size=1, max_size=2
)
_scoped = st.one_of(
    _one("data", conditions),
    _one("body", conditions),
    _one("headers", _headers),
    _one("type", conditions),
    *[_one(f"data.{key}", conditions) for key in ("a", "a.b", "$.a", "0")],
    _one("headers.x-a", conditions),
)
_top = st.recursive(
    _scoped,
    lambda inner: st.one_of(
        _one("$and", st.lists(inner, min_size=1, max_size=2)),
        _one("$or", st.lists(inner, min_size=1, max_size=2)),
        _one("$not", inner),
        st.builds(lambda one, other: {**one, **other}, inner, inner),
    ),
    max_leaves=3,
)
filters: st.SearchStrategy[Any] = st.one_of(st.just({}), _top)
