"""What holds for every filter and every event."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.filters import FilterEvent, parse_event_pattern, parse_filter
from tests.conformance.filter_check import check
from tests.properties.filter_strategies import conditions, events, filters, values


@settings(deadline=None, max_examples=400)
@given(filters, events)
def test_a_no_is_explained_and_a_yes_is_not(value: Any, event: FilterEvent) -> None:
    chosen = parse_filter(value)
    entries = chosen.explain(event)
    assert (entries == []) is chosen.matches(event)
    for entry in entries:
        entry.to_json()


@settings(deadline=None, max_examples=200)
@given(filters, events)
def test_the_source_text_gives_the_same_verdict(value: Any, event: FilterEvent) -> None:
    chosen = parse_filter(value)
    again = parse_filter(chosen.source_text)
    assert again.source_text == chosen.source_text
    assert again.matches(event) is chosen.matches(event)
    assert again.explain(event) == chosen.explain(event)


@settings(deadline=None, max_examples=200)
@given(filters, events)
def test_not_turns_the_verdict_round(value: Any, event: FilterEvent) -> None:
    if value:
        assert parse_filter({"$not": value}).matches(event) is not parse_filter(value).matches(
            event
        )


@settings(deadline=None, max_examples=300)
@given(conditions, values)
def test_a_list_of_one_is_some_element(condition: Any, data: Any) -> None:
    listed = parse_filter({"data": [condition]})
    for element in data if isinstance(data, list) else []:
        if "$ref" not in str(condition) and parse_filter({"data": condition}).matches(
            FilterEvent("a", {}, element)
        ):
            assert listed.matches(FilterEvent("a", {}, data))


WORDS = [
    *["data", "headers", "type", "detail", "detail-type", "data.a", "$or", "$and", "$not", "$eq"],
    *["$in", "$gt", "$regex", "$cidr", "$any", "$ref", "$startsWith", "numeric", "anything-but"],
    *["prefix", "wildcard", "exists"],
]
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                st.text(max_size=4),
                st.sampled_from(WORDS),
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=15,
)


@settings(deadline=None, max_examples=400)
@given(_json, events)
def test_anything_is_parsed_or_refused(value: Any, event: FilterEvent) -> None:
    for parse in (parse_filter, parse_event_pattern):
        try:
            chosen = parse(value)
        except InvalidInput as error:
            refusal = error
        else:
            assert (chosen.explain(event) == []) is chosen.matches(event)
            assert parse_filter(chosen.source_text).matches(event) is chosen.matches(event)
            continue
        assert 1 <= len(refusal.faults) <= 10
        assert refusal.code == "invalid_filter"


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from(["filter", "event_pattern", "event_types"]), _json), _json)
def test_check_never_raises(case: dict[str, Any], data: Any) -> None:
    check({**case, "event": {"data": data}})
