"""What a subscription selects, parsed from the JSON text that the caller wrote.

The text itself is parsed, not a value decoded from it: so a name that stands twice in a filter is
seen and refused, and a number keeps every digit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hooktrace.domain.errors import Fault, InvalidInput
from hooktrace.domain.event_types import EventTypes, parse_event_types
from hooktrace.domain.filters import Filter, parse_event_pattern, parse_filter
from hooktrace.domain.filters.values import compact_json
from hooktrace.domain.registry import Subscription

MEMBERS = ("event_types", "filter", "event_pattern")


@dataclass(frozen=True, slots=True)
class SelectedFilter:
    """A filter (None: every event) and its text; of a pattern also the text that was given."""

    filter: Filter | None
    filter_text: str | None
    event_pattern_text: str | None


@dataclass(frozen=True, slots=True)
class Selection:
    """What the caller named; None for what was left out."""

    event_types: EventTypes | None = None
    selected: SelectedFilter | None = None

    def changes(self, before: Subscription | None = None) -> dict[str, Any]:
        """The fields of a `Subscription` that this sets."""
        changes: dict[str, Any] = {}
        if self.event_types is not None:
            changes["event_types"] = tuple(self.event_types.patterns)
        if self.selected is not None:
            changes["filter_text"] = self.selected.filter_text
            changes["event_pattern_text"] = self.selected.event_pattern_text
        return changes


def parse_selection(members: Mapping[str, str]) -> Selection:
    """Parses the raw JSON texts of `event_types`, `filter` and `event_pattern`, where given.

    Raises InvalidInput with every fault (up to ten), in the order written: `invalid_event_types`
    or `invalid_event_pattern` when all of them are there, else `invalid_filter`.
    """
    faults: list[Fault] = []
    event_types: EventTypes | None = None
    selected: SelectedFilter | None = None
    if all(members.get(name, "null") != "null" for name in ("filter", "event_pattern")):
        message = "Give either filter or event_pattern, not both."
        faults.append(Fault("/event_pattern", "conflicting_fields", message))
    for name in (name for name in members if name in MEMBERS):
        try:
            if name == "event_types":
                event_types = parse_event_types(json.loads(members[name]))
            elif selected is None or members[name] != "null":
                selected = _filter(name, members[name])
        except InvalidInput as error:
            faults += error.faults or (Fault(f"/{name}", error.code, error.message),)
    if faults:
        raise refused_selection(faults)
    return Selection(event_types, selected)


def refused_selection(faults: Sequence[Fault]) -> InvalidInput:
    """The refusal of what a subscription selects, under the name of the member at fault."""
    members = {fault.pointer.split("/")[1] for fault in faults}
    message = f"{faults[0].pointer}: {faults[0].message}"
    if members == {"event_types"}:
        return InvalidInput("invalid_event_types", message, tuple(faults))
    if members == {"event_pattern"}:
        return InvalidInput("invalid_event_pattern", message, tuple(faults))
    return InvalidInput("invalid_filter", message, tuple(faults))


def _filter(name: str, text: str) -> SelectedFilter:
    if text == "null":
        return SelectedFilter(None, None, None)
    if name == "filter":
        parsed = parse_filter(text, pointer="/filter")
        return SelectedFilter(parsed, parsed.source_text, None)
    parsed = parse_event_pattern(text, pointer="/event_pattern")
    return SelectedFilter(parsed, parsed.source_text, compact_json(json.loads(text)))
