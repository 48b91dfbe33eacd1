"""The smallest change of a clause that would have made it hold, from the clause and the event.

Works on clauses as they are stored and shown (`Clause.to_json`), so that suggestions need not be
stored: they are made when a trace is read. Every edit holds for itself, and all edits of a filter
that said no together make it say yes (`edits.apply`); where that cannot be promised from the
clause alone, there is no edit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.filters.edits import Suggestion
from hooktrace.domain.filters.event import FilterEvent
from hooktrace.domain.filters.filter import parse_filter
from hooktrace.domain.filters.lookalikes import Lookalikes
from hooktrace.domain.filters.paths import split_raw, unescape
from hooktrace.domain.filters.suggest_edits import MAKERS, Miss
from hooktrace.domain.filters.values import MISSING, SHOWN_CHARACTERS

MAX_SUGGESTIONS: Final = 30
"""Clauses of one answer that get a suggestion; the first ones."""


def with_suggestions(
    clauses: Sequence[Mapping[str, Any]], event: FilterEvent, *, lookalikes: Lookalikes
) -> list[dict[str, Any]]:
    """The clauses, each with a `suggestion` where there is one. Total: no clause makes it raise."""
    told: list[dict[str, Any]] = []
    for clause in clauses:
        found = None
        if len(told) < MAX_SUGGESTIONS:
            found = suggest(clause, event, lookalikes)
        told.append(dict(clause) if found is None else {**clause, "suggestion": found.to_json()})
    return told


def suggest(
    clause: Mapping[str, Any], event: FilterEvent, lookalikes: Lookalikes
) -> Suggestion | None:
    """What would have made this clause hold; None when nothing simple would."""
    if "reference" in clause or clause["reason"] == "ref_missing":
        return None
    if clause["reason"] == "missing":
        return _missing(clause, event, lookalikes)
    make = MAKERS.get(clause["operator"])
    miss = _miss(clause, event)
    if make is None or miss is None:
        return None
    return make(miss)


def _miss(clause: Mapping[str, Any], event: FilterEvent) -> Miss | None:
    expected, cut = clause["expected"], bool(clause.get("truncated"))
    expected_cut = cut and type(expected) is str and len(expected) > SHOWN_CHARACTERS
    segments = split_raw(clause["path"])
    actual = clause.get("actual", MISSING)
    if cut or actual is MISSING:
        actual = _value_at(segments, event)
    if actual is MISSING and clause["path"] != "":
        return None
    return Miss(
        path=clause["path"],
        operator=clause["operator"],
        pointer=clause["clause"],
        expected=MISSING if expected_cut else expected,
        actual=actual,
        in_array=any(segment.isdecimal() for segment in segments),
        list_operand=expected.startswith("[") if expected_cut else type(expected) is list,
    )


def _value_at(segments: list[str], event: FilterEvent) -> object:
    """The value at a path of an explanation, whose indexes are filled in."""
    value = event.scope(segments[0]) if segments[0] else MISSING
    for segment in segments[1:]:
        if type(value) is dict:
            value = value.get(unescape(segment), MISSING)
        elif type(value) is list and segment.isdecimal() and int(segment) < len(value):
            value = value[int(segment)]
        else:
            return MISSING
    return value


def _missing(
    clause: Mapping[str, Any], event: FilterEvent, lookalikes: Lookalikes
) -> Suggestion | None:
    operator, expected = clause["operator"], clause["expected"]
    if operator == "$not":
        return None

    def holds(path: str) -> bool:
        condition = expected if operator == "[]" else {operator: expected}
        return not clause.get("truncated") and _holds({path: condition}, event)

    path = lookalikes.nearest(clause["path"], holds)
    if path is not None and _holds({path: {"$exist": True}}, event):
        text = f"The event has no `{clause['path']}`; did you mean `{path}`?"
        text += " What it has there would match." if holds(path) else ""
        return Suggestion("did_you_mean", text, path=path)
    if operator == "$exist":
        text = "The event has no such field; `$exist: false` would match."
        return Suggestion("replace", text, clause["clause"], value=False)
    return None


def _holds(filter_json: dict[str, Any], event: FilterEvent) -> bool:
    try:
        return parse_filter(filter_json).matches(event)
    except InvalidInput:
        return False  # a key that is too long, or an operand that only an array shows as such
