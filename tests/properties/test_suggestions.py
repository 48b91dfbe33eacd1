"""What holds for the suggestions of every filter and every event."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hooktrace.domain.filters import FilterEvent, parse_filter
from hooktrace.domain.filters.edits import Suggestion, apply
from hooktrace.domain.filters.lookalikes import Lookalikes
from hooktrace.domain.filters.suggest import suggest, with_suggestions
from tests.properties.filter_strategies import events, filters, operations, values


def _suggestions(value: Any, event: FilterEvent) -> list[Suggestion | None]:
    known = Lookalikes(event)
    clauses = [clause.to_json() for clause in parse_filter(value).explain(event)]
    return [suggest(clause, event, known) for clause in clauses]


@settings(deadline=None, max_examples=600)
@given(filters, events)
def test_all_edits_together_make_the_filter_match(value: Any, event: FilterEvent) -> None:
    found = _suggestions(value, event)
    edits = [one for one in found if one is not None and one.is_edit]
    if len(edits) == len(found):
        assert parse_filter(apply(value, edits)).matches(event)


@settings(deadline=None, max_examples=600)
@given(st.dictionaries(st.sampled_from("abc"), operations, min_size=1), values, values, values)
def test_clauses_on_fields_that_are_there(clauses: Any, a: Any, b: Any, c: Any) -> None:
    """As above; here most clauses meet a value."""
    event, condition = FilterEvent("x", {}, {"a": a, "b": b, "c": c}), {"data": clauses}
    found = _suggestions(condition, event)
    edits = [one for one in found if one is not None and one.is_edit]
    changed = parse_filter(apply(condition, edits))
    assert len(changed.explain(event)) == len(found) - len(edits)


@settings(deadline=None, max_examples=400)
@given(filters, events)
def test_a_hint_leads_to_a_field_that_the_event_has(value: Any, event: FilterEvent) -> None:
    for one in _suggestions(value, event):
        if one is not None and one.path is not None:
            assert parse_filter({one.path: {"$exist": True}}).matches(event)
            assert not one.is_edit


@settings(deadline=None, max_examples=300)
@given(filters, events)
def test_clauses_keep_all_their_members(value: Any, event: FilterEvent) -> None:
    clauses = [clause.to_json() for clause in parse_filter(value).explain(event)]
    told = with_suggestions(clauses, event, lookalikes=Lookalikes(event))
    assert [{k: v for k, v in one.items() if k != "suggestion"} for one in told] == clauses
