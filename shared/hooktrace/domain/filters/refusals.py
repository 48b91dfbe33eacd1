"""What a refused filter is told: faults with a pointer, a code and a sentence."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from hooktrace.domain.errors import Fault, InvalidInput
from hooktrace.domain.filters.operators import OPERATORS

MAX_FAULTS: Final = 10

LOGIC: Final = frozenset({"$and", "$or", "$not"})
KNOWN: Final = frozenset(OPERATORS) | LOGIC | {"$any", "$ref"}

_MEANT: Final = {
    "$ne": "$neq",
    "$exists": "$exist",
    "$notin": "$nin",
    "$not_in": "$nin",
    "$equals": "$eq",
    "$like": "$contains",
    "$match": "$regex",
    "$nor": "$not",
    "$all": "$and",
    "$prefix": "$startsWith",
    "$suffix": "$endsWith",
}
_OTHER_SCOPES: Final = {
    "topic": "the event type is the scope `type`",
    "event_type": "the event type is the scope `type`",
    "metadata": "what was sent with the event is in `headers`, what is in it in `data`",
    "query": "events have no query; drop it",
    "path": "events have no path; drop it",
}


class Faults:
    """Collects faults in the order written; the first ten are kept."""

    __slots__ = ("found", "prefix")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.found: list[Fault] = []

    def add(self, pointer: str, code: str, message: str) -> None:
        """Notes a fault at a pointer inside the filter."""
        if len(self.found) < MAX_FAULTS:
            self.found.append(Fault(self.prefix + pointer, code, message))

    def refusal(self) -> InvalidInput:
        """The refusal that carries the faults found."""
        return invalid_filter(tuple(self.found))


def invalid_filter(faults: tuple[Fault, ...]) -> InvalidInput:
    """The refusal of a filter or an event pattern."""
    count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
    return InvalidInput(
        "invalid_filter", f"The filter has {count}. First: {faults[0].message}", faults
    )


def unknown_scope(key: str) -> str:
    """Says which scopes there are and what was probably meant."""
    word = key.split(".", 1)[0]
    rest = key[len(word) :]
    tail = " Scopes are data, headers, type."
    if word.lower() in ("data", "body", "headers", "type") and word != word.lower():
        return f"`{_shown(key)}` is no scope; write `{_shown(word.lower() + rest)}`.{tail}"
    if word in _OTHER_SCOPES:
        return f"`{_shown(key)}` is no scope; {_OTHER_SCOPES[word]}.{tail}"
    return f"`{_shown(key)}` is no scope; use `data.{_shown(key)}`.{tail}"


def unknown_operator(key: str) -> str:
    """Names the nearest operator, or how to write a field that begins with `$`."""
    shown = _shown(key)
    lower = {name.lower(): name for name in sorted(KNOWN)}
    near = _MEANT.get(key.lower()) or lower.get(key.lower())
    if near is None:
        close = get_close_matches(key.lower()[:40], list(lower), n=1, cutoff=0.7)
        near = lower[close[0]] if close else None
    if near is not None:
        return f"`{shown}` is not an operator; did you mean `{near}`?"
    return f"`{shown}` is not an operator; a field of this name is written `\\{shown}`."


def misplaced_operator(key: str, place: str) -> str:
    """Says where a value operator belongs."""
    return f"`{key}` must stand at a field, for instance `{place}`."


def _shown(key: str) -> str:
    return key if len(key) <= 80 else key[:80] + "…"


EMPTY_OBJECT: Final = (
    'An empty object says nothing; use `{"$exist": true}` for a field that is there, '
    'or `{"$eq": {}}` for an empty object.'
)
EMPTY_FIELD_LIST: Final = (
    'An empty list says nothing; use `{"$exist": true}` for a field that is there, '
    'or `{"$eq": []}` for an empty array.'
)
INVALID_NUMBER: Final = "The number is beyond the range of a binary64; JSON has no infinity."
