"""Access predicates: conditions a filter cannot match without, read off its JSON.

Only what stands on the AND spine counts: never anything below `$or`, `$not` or a list, except an
`$or` of plain values at one field, which is a list of values. `$any` asks of some scalar at the
same path and so is on the spine.

Paths are made so that an event and a filter agree whatever the spelling: dotted and nested names
give the same path, backslashes, `$` and indexes are dropped on both sides. Two different places
may share a path; that lets too many through, never too few.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from hooktrace.domain.filters.values import KINDS, NUMBERS, integer_from_text

TypedValue = tuple[str, object]
"""A kind (see `values.KINDS`) and a scalar: `("n", 1)` and `("b", True)` are two things."""

_SCOPES = {"data": "data", "body": "data", "headers": "headers", "type": "type"}
_LOWER_BOUNDS = ("$gt", "$gte")
_UPPER_BOUNDS = ("$lt", "$lte")


@dataclass(frozen=True, slots=True)
class Equality:
    """Some scalar at the path equals one of the values."""

    path: str
    values: tuple[TypedValue, ...]


@dataclass(frozen=True, slots=True)
class Prefix:
    """Some string at the path begins with one of the texts."""

    path: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """Some number (kind `n`) or string (`s`) at the path lies between the bounds, ends included.

    A bound that is not there is None.
    """

    path: str
    kind: str
    low: object
    high: object


@dataclass(slots=True)
class Access:
    """The access predicates of one filter."""

    points: list[Equality | Prefix] = field(default_factory=list)
    ranges: list[Range] = field(default_factory=list)


def access_of(filter_text: str) -> Access:
    """The predicates of a filter that has been checked."""
    found = Access()
    try:
        value = json.loads(filter_text)
    except ValueError:  # an integer longer than the interpreter converts by itself
        value = json.loads(filter_text, parse_int=integer_from_text)
    _top(value, found)
    return found


def join(path: str, raw: str) -> str:
    """The path of a key of a filter, or of a name in an event, below a path."""
    if raw.isidentifier():
        return f"{path}.{raw}"
    parts = [part for part in raw.replace("\\", "").split(".") if part not in ("", "$")]
    names = ".".join(part for part in parts if not part.isdigit())
    return f"{path}.{names}" if names else path


def _top(value: object, found: Access) -> None:
    if type(value) is not dict:
        return
    for key, member in value.items():
        word, dot, rest = key.partition(".")
        if key == "$and" and type(member) is list:
            for branch in member:
                _top(branch, found)
        elif word in _SCOPES and (dot or member != {}):
            scope = _SCOPES[word]
            if scope == "headers":
                _headers({rest: member} if dot else member, found)
            else:
                _spine(member, join(scope, rest) if dot else scope, found)


def _headers(value: object, found: Access) -> None:
    if type(value) is not dict:
        return
    for key, member in value.items():
        if key == "$and" and type(member) is list:
            for branch in member:
                _headers(branch, found)
        elif not key.startswith("$"):
            _spine(member, join("headers", key.lower()), found)


def _spine(value: object, path: str, found: Access) -> None:
    if type(value) in KINDS:
        found.points.append(Equality(path, (_typed(value),)))
    if type(value) is not dict:
        return
    for key, member in value.items():
        if not key.startswith("$") or key == "$" or key.startswith("$."):
            _spine(member, join(path, key), found)
        elif key == "$any":
            _spine(member, path, found)
        elif key == "$and" and type(member) is list:
            for branch in member:
                _spine(branch, path, found)
        elif key == "$startsWith" and type(member) is not dict:
            texts = member if type(member) is list else [member]
            found.points.append(Prefix(path, tuple(texts)))
        else:
            values = _plain_values(key, member)
            if values is not None:
                found.points.append(Equality(path, tuple(values)))
    _ranges(value, path, found)


def _plain_values(key: str, member: object) -> list[TypedValue] | None:
    """The scalars of which one must be there: of `$eq`, `$in`, or an `$or` of such."""
    if key == "$eq" and type(member) in KINDS:
        return [_typed(member)]
    if type(member) is not list:
        return None
    if key == "$in":
        return [_typed(entry) for entry in member]
    if key != "$or":
        return None
    values: list[TypedValue] = []
    for branch in member:
        if type(branch) in KINDS:
            values.append(_typed(branch))
            continue
        if type(branch) is not dict or len(branch) != 1:
            return None
        ((inner_key, inner),) = branch.items()
        more = _plain_values(inner_key, inner) if inner_key in ("$eq", "$in") else None
        if more is None:
            return None
        values += more
    return values


def _ranges(value: dict[str, object], path: str, found: Access) -> None:
    lows = [value[key] for key in _LOWER_BOUNDS if key in value]
    highs = [value[key] for key in _UPPER_BOUNDS if key in value]
    numbers = [type(bound) in NUMBERS for bound in lows + highs]
    if numbers and all(numbers):
        low, high = max(lows, default=None), min(highs, default=None)  # type: ignore[type-var] # all numbers
        found.ranges.append(Range(path, "n", low, high))
    elif numbers and all(type(bound) is str for bound in lows + highs):
        first, last = max(lows, default=None), min(highs, default=None)  # type: ignore[type-var] # all strings
        found.ranges.append(Range(path, "s", first, last))


def _typed(scalar: object) -> TypedValue:
    return KINDS[type(scalar)], scalar
