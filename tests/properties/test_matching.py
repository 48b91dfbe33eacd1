"""The index gives the verdict that looking at every subscription gives."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.event_types import parse_event_types
from hooktrace.domain.filters import FilterEvent, parse_filter
from hooktrace.domain.filters.paths import escape_name
from hooktrace.domain.matching import MatchDecision, MatchRow, SubscriptionIndex
from tests.properties.filter_strategies import (
    TEXTS,
    TYPES,
    events,
    filters,
    scalars,
    values,
)

PATTERNS = ["*", "order.*", "order.created", "*.created", "**.added", "order.**", "order.*.added"]
ENDPOINTS = ["ep_1", "ep_2", "ep_3"]

_paths = st.sampled_from(["a", "b", "c", "a.b", "b.a"])
_numbers = st.sampled_from([0, 1, 2, 1.5, 5, 2**53 + 1, -1])
_range = st.one_of(
    *[
        st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), bounds, min_size=1)
        for bounds in (_numbers, st.sampled_from(TEXTS))
    ]
)
_indexable = st.dictionaries(
    _paths,
    st.one_of(
        scalars,
        _range,
        scalars.map(lambda value: {"$eq": value}),
        st.lists(scalars, min_size=1, max_size=3).map(lambda values: {"$in": values}),
        st.lists(scalars, min_size=1, max_size=3).map(lambda values: {"$or": values}),
        st.lists(scalars, min_size=1, max_size=3).map(lambda values: {"$any": {"$in": values}}),
        st.sampled_from(TEXTS).map(lambda text: {"$startsWith": text}),
    ),
    min_size=1,
    max_size=3,
).map(lambda fields: {"data": fields})
_texts = st.one_of(st.none(), st.one_of(filters, _indexable).map(json.dumps))
_ids = st.sampled_from([f"sub_{number:02d}" for number in range(30)])
rows = st.builds(
    MatchRow,
    _ids,
    st.sampled_from(ENDPOINTS),
    st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3).map(tuple),
    _texts,
    st.sampled_from([True, True, True, False]),
)
row_lists = st.lists(rows, max_size=25, unique_by=lambda row: row.subscription_id)
endpoint_sets = st.sets(st.sampled_from(ENDPOINTS), max_size=1)


def scan(rows: list[MatchRow], disabled: set[str], event: FilterEvent) -> tuple[Any, Counter[str]]:
    """The slow way: every subscription is looked at."""
    matched: dict[str, list[str]] = {}
    misses: Counter[str] = Counter()
    for row in sorted(rows, key=lambda row: row.subscription_id):
        if not parse_event_types(row.event_types).matches(event.type):
            misses["type"] += 1
        elif not row.enabled:
            misses["subscription_disabled"] += 1
        elif row.endpoint_id in disabled:
            misses["endpoint_disabled"] += 1
        elif not parse_filter(row.filter_text or "{}").matches(event):
            misses["filter"] += 1
        else:
            matched.setdefault(row.endpoint_id, []).append(row.subscription_id)
    return tuple((key, tuple(matched[key])) for key in sorted(matched)), misses


def agree(
    decision: MatchDecision, rows: list[MatchRow], disabled: set[str], event: FilterEvent
) -> None:
    matched, misses = scan(rows, disabled, event)
    assert decision.matched == matched
    report = decision.report
    assert {key: count for key, count in report.misses.items() if count} == dict(misses)
    assert report.considered == len(rows) == report.matched + sum(report.misses.values())
    assert len(report.near_misses) == min(10, misses["filter"])
    by_id = {row.subscription_id: row for row in rows}
    for miss in report.near_misses:
        entries = parse_filter(by_id[miss.subscription_id].filter_text or "{}").explain(event)
        assert miss.clauses == tuple(entries[:3])
        assert miss.clauses_total == len(entries) > 0


@settings(deadline=None, max_examples=300)
@given(row_lists, endpoint_sets, st.lists(events, min_size=1, max_size=3))
def test_the_index_agrees_with_a_scan(
    listed: list[MatchRow], disabled: set[str], sent: list[FilterEvent]
) -> None:
    index = SubscriptionIndex.build(listed, disabled)
    loaded = SubscriptionIndex.loads(index.dumps())
    for event in sent:
        agree(index.match(event), listed, disabled, event)
        agree(loaded.match(event), listed, disabled, event)


@settings(deadline=None, max_examples=300)
@given(
    row_lists,
    endpoint_sets,
    st.lists(st.tuples(row_lists, st.sets(_ids, max_size=5), endpoint_sets, endpoint_sets)),
    events,
    st.booleans(),
)
def test_it_agrees_after_changes(
    listed: list[MatchRow],
    disabled: set[str],
    changes: list[tuple[list[MatchRow], set[str], set[str], set[str]]],
    event: FilterEvent,
    from_snapshot: bool,
) -> None:
    index = SubscriptionIndex.build(listed, disabled)
    if from_snapshot:
        index = SubscriptionIndex.loads(index.dumps())
    now = {row.subscription_id: row for row in listed}
    off = set(disabled)
    for upserts, removed, turned_off, turned_on in changes:
        removed = removed - {row.subscription_id for row in upserts}
        turned_on = turned_on - turned_off
        index.match(event)
        index.apply(upserts, removed, turned_off, turned_on)
        now.update((row.subscription_id, row) for row in upserts)
        for subscription_id in removed:
            now.pop(subscription_id, None)
        off = (off | turned_off) - turned_on
    rows_now = list(now.values())
    assert len(index) == len(rows_now)
    agree(index.match(event), rows_now, off, event)
    agree(SubscriptionIndex.loads(index.dumps()).match(event), rows_now, off, event)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from([*PATTERNS, "*.*", "**", "**.*"]), min_size=1), st.data())
def test_types_are_found_as_patterns_match_them(patterns: list[str], data: st.DataObject) -> None:
    words = st.lists(st.sampled_from(["order", "created", "added", "x"]), min_size=1, max_size=4)
    event_type = data.draw(st.one_of(st.sampled_from(TYPES), words.map(".".join)))
    row = MatchRow("sub_1", "ep_1", tuple(patterns), None, True)
    found = SubscriptionIndex.build([row], ()).match(FilterEvent(event_type, {}, {})).matched
    assert bool(found) is parse_event_types(patterns).matches(event_type)


def _leaf_keys(value: Any, keys: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every scalar of a value, with keys that lead to it."""
    if isinstance(value, dict):
        spelled = list(value.items())
        spelled += [(escape_name(name), member) for name, member in value.items()]
        return [leaf for name, member in spelled for leaf in _leaf_keys(member, (*keys, name))]
    if isinstance(value, list):
        found = [leaf for element in value for leaf in _leaf_keys(element, keys)]
        for place, element in enumerate(value):
            for name in ("$", str(place)):
                found += _leaf_keys(element, (*keys, name))
        return found
    return [(keys, value)]


def _conditions_for(leaf: Any) -> list[Any]:
    found: list[Any] = [leaf, {"$eq": leaf}, {"$in": [leaf, "?"]}, {"$or": ["?", leaf]}]
    found += [{"$any": {"$in": [leaf]}}, {"$and": [leaf, {"$exist": True}]}]
    if isinstance(leaf, str):
        found += [{"$startsWith": leaf[:1]}, {"$startsWith": ["?", leaf]}]
    if isinstance(leaf, str) or type(leaf) in (int, float):
        found += [{"$gte": leaf}, {"$lte": leaf}, {"$gte": leaf, "$lte": leaf}, {"$gt": leaf}]
    return found


@settings(deadline=None, max_examples=200)
@given(values, st.data())
def test_what_an_event_has_is_found_by_every_spelling(sent: Any, data: st.DataObject) -> None:
    leaves = _leaf_keys(sent)
    if not leaves:
        return
    event = FilterEvent("order.paid", {}, sent)
    some = data.draw(st.lists(st.sampled_from(leaves), min_size=1, max_size=4))
    rows: list[MatchRow] = []
    for keys, leaf in some:
        for condition in _conditions_for(leaf):
            nested = condition
            for key in reversed(keys):
                nested = {key: nested}
            for wanted in (nested, {".".join(keys): condition}):
                text = json.dumps({"data": wanted})
                if _is_refused(text):
                    continue
                rows.append(MatchRow(f"sub_{len(rows)}", "ep", ("*",), text, True))
    agree(SubscriptionIndex.build(rows, ()).match(event), rows, set(), event)


def _is_refused(text: str) -> bool:
    try:
        parse_filter(text)
    except InvalidInput:
        return True
    return False
