"""Runs one case of the filter language on the shipped code (FILTERS §13)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.event_types import parse_event_types
from hooktrace.domain.filters import Filter, FilterEvent, parse_event_pattern, parse_filter


def check(case: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict on a case: `matches` and `why`, or the `errors` of a refusal."""
    try:
        if "event_types" in case:
            types = parse_event_types(case["event_types"], pointer="")
            return {"matches": types.matches(case.get("type", "test.event")), "why": []}
        chosen = _filter_of(case)
    except InvalidInput as refusal:
        return {"errors": [{"pointer": f.pointer, "code": f.code} for f in refusal.faults]}
    given = case.get("event", {})
    event = FilterEvent(
        given.get("type", "test.event"), given.get("headers") or {}, given.get("data", {})
    )
    why = [clause.to_json() for clause in chosen.explain(event)]
    return {"matches": chosen.matches(event), "why": why}


def _filter_of(case: Mapping[str, Any]) -> Filter:
    if "filter_text" in case:
        return parse_filter(str(case["filter_text"]), pointer="")
    if "event_pattern" in case:
        return parse_event_pattern(_value(case["event_pattern"]), pointer="")
    return parse_filter(_value(case.get("filter")), pointer="")


def _value(given: Any) -> Any:
    """A string would be read as JSON text; the cases mean the value."""
    return json.dumps(given) if isinstance(given, str) else given
