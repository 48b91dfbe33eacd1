"""The edit that makes a clause hold: one maker for each operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from hooktrace.domain.filters.edits import Suggestion
from hooktrace.domain.filters.networks import parse_address
from hooktrace.domain.filters.regex import BadRegex, Regex
from hooktrace.domain.filters.run import LimitReached, Run
from hooktrace.domain.filters.suggest_values import (
    KIND_NAMES,
    can_stand,
    difference,
    items_of,
    near_entry,
    nearest_item,
    shown,
)
from hooktrace.domain.filters.values import MISSING, NUMBERS, deep_equal, is_scalar, kind_of

REGEX_BUDGET: Final = 2_000_000
"""What trying changed patterns on one value may spend: program size times characters."""
_OR_EQUAL: Final = {"$gt": "$gte", "$gte": "$gte", "$lt": "$lte", "$lte": "$lte"}


@dataclass(frozen=True, slots=True)
class Miss:
    """A clause with its whole values; `expected` is MISSING when only its beginning is known."""

    path: str
    operator: str
    pointer: str
    expected: Any
    actual: Any
    in_array: bool
    list_operand: bool

    @property
    def is_bare(self) -> bool:
        return not self.pointer.endswith(f"/{self.operator}")

    def replaced(self, value: object, text: str, operator: str | None = None) -> Suggestion | None:
        """The clause with another value; None for one that cannot stand in a filter."""
        if not can_stand(value):
            return None
        return Suggestion("replace", text, self.pointer, operator, value)

    def removed(self, text: str) -> Suggestion | None:
        """Without the clause. Not inside an array: there the clauses left might mean another
        element, or the array itself."""
        return None if self.in_array else Suggestion("remove", text, self.pointer)


def _equal(miss: Miss) -> Suggestion | None:
    """`$eq` and bare scalars; what is written at the clause becomes what the event has."""
    value = miss.actual
    if miss.is_bare and type(value) is dict:
        text = "The event has an object there; name its fields, or `$exist: true` would match."
        return miss.replaced({"$exist": True}, text)
    return miss.replaced(
        value, f"`{shown(value)}` would match: {difference(miss.expected, value)}."
    )


def _contains(miss: Miss) -> Suggestion | None:
    """`$contains`, and a bare scalar that met an array."""
    value, expected = miss.actual, miss.expected
    if type(value) is list:
        item = nearest_item(value, expected)
        if item is MISSING:
            return None
        text = f"`{shown(item)}` would match: an item of the array is {shown(item)}."
        return miss.replaced(item, text)
    if type(value) is str and type(expected) is str:
        return _part(miss, value, expected)
    if not is_scalar(value):
        return None
    if miss.operator == "$in":
        text = f"`$in: [{shown(value)}]` would match: {difference(miss.expected, value)}."
        return miss.replaced([value], text)
    text = f"`$eq: {shown(value)}` would match: the event has no array or string there."
    return miss.replaced(value, text, "$eq")


def _part(miss: Miss, value: str, expected: str) -> Suggestion | None:
    """A part of a string: as the string spells it, without white space around, or all of it."""
    at = value.lower().find(expected.lower()) if len(value.lower()) == len(value) else -1
    stripped = expected.strip()
    if expected and at >= 0 and len(expected.lower()) == len(expected):
        part = value[at : at + len(expected)]
    else:
        part = stripped if stripped and stripped in value else value
    return miss.replaced(part, f"`{miss.operator}: {shown(part)}` would match.")


def _ordered(miss: Miss) -> Suggestion | None:
    value = miss.actual
    if type(value) is not str and type(value) not in NUMBERS:
        return None
    operator = _OR_EQUAL[miss.operator]
    text = f"`{operator}: {shown(value)}` would match: {difference(miss.expected, value)}."
    return miss.replaced(value, text, operator)


def _in(miss: Miss) -> Suggestion | None:
    if not miss.list_operand:
        return _contains(miss)
    value = miss.actual
    if type(value) is list:
        first = miss.expected[0] if type(miss.expected) is list else MISSING
        value = nearest_item(value, first)
    if not is_scalar(value) or not can_stand(value):
        return None
    text = f"Add `{shown(value)}` to the list: that is what the event has."
    near = near_entry(value, miss.expected)
    if near is not MISSING:
        text = f"Add `{shown(value)}` to the list: {difference(near, value)}."
    return Suggestion("add", text, miss.pointer, value=value)


def _not_in(miss: Miss) -> Suggestion | None:
    listed, value = miss.expected, miss.actual
    if listed is MISSING:
        return None
    if type(listed) is list:
        held = items_of(value) if type(value) is list else [value]
        if held is None:
            return None
        kept = [entry for entry in listed if not any(deep_equal(entry, one) for one in held)]
        if kept:
            return miss.replaced(kept, f"`$nin: {shown(kept)}` would match.")
    return miss.removed("The event has just what `$nin` excludes; it matches without that clause.")


def _not_equal(miss: Miss) -> Suggestion | None:
    return miss.removed("The event has just the value that `$neq` excludes.")


def _not(miss: Miss) -> Suggestion | None:
    return miss.removed("The event is what `$not` excludes; it matches without that clause.")


def _exist(miss: Miss) -> Suggestion | None:
    return miss.replaced(True, "The event has this field; `$exist: true` would match.")


def _affix(miss: Miss) -> Suggestion | None:
    value, starts = miss.actual, miss.operator == "$startsWith"
    if type(value) is not str or miss.expected is MISSING:
        return None
    wanted = miss.expected[0] if type(miss.expected) is list else miss.expected
    size = len(wanted)
    part = value[:size] if starts else value[len(value) - min(size, len(value)) :]
    if part.casefold() != wanted.casefold():
        if starts:
            part = _common(value, wanted) or part
        else:
            part = _common(value[::-1], wanted[::-1])[::-1] or part
    text = f"`{miss.operator}: {shown(part)}` would match: the event has {shown(value)}."
    if not miss.list_operand:
        return miss.replaced(part, text)
    if not can_stand(part):
        return None
    return Suggestion("add", f"Add `{shown(part)}` to the list.", miss.pointer, value=part)


def _common(one: str, other: str) -> str:
    """The text that both begin with."""
    size = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        size += 1
    return one[:size]


def _regex(miss: Miss) -> Suggestion | None:
    """The pattern in any case, or without its anchors, if that is found."""
    value, pattern = miss.actual, miss.expected
    if type(value) is not str or type(pattern) is not str:
        return None
    loose = pattern.removeprefix("^").removeprefix("\\A").removesuffix("$").removesuffix("\\z")
    run = Run()
    run.regex_left = REGEX_BUDGET
    for changed, why in (
        (f"(?i){pattern}", "only the case differs"),
        (loose, "the pattern is found, but not at the anchored place"),
        (f"(?i){loose}", "found in another case, not at the anchored place"),
    ):
        try:
            if Regex(changed).found_in(value, run):
                return miss.replaced(changed, f"`$regex: {shown(changed)}` would match: {why}.")
        except (BadRegex, LimitReached):
            return None
    return None


def _cidr(miss: Miss) -> Suggestion | None:
    value = miss.actual
    address = parse_address(value) if type(value) is str else None
    if address is None:
        return None
    network = f"{value}/{32 if address[0] == 4 else 128}"
    text = f"Add `{shown(network)}`: the event has {shown(value)}, in none of the networks."
    if miss.list_operand:
        return Suggestion("add", text, miss.pointer, value=network)
    if miss.expected is MISSING:
        return None
    return miss.replaced([miss.expected, network], text)


def _any(miss: Miss) -> Suggestion | None:
    inner, value = miss.expected, miss.actual
    item = nearest_item(value, inner) if type(value) is list else value
    if inner is MISSING or not is_scalar(item):
        return None
    text = f"It would match if {shown(item)} were allowed too: that is what the event has."
    if is_scalar(inner):
        return miss.replaced({"$in": [inner, item]}, text)
    if type(inner) is dict and inner.keys() == {"$in"} and type(inner["$in"]) is list:
        return miss.replaced({"$in": [*inner["$in"], item]}, text)
    return miss.replaced({"$or": [inner, item]}, text)


def _list(miss: Miss) -> Suggestion | None:
    """A list filter on something else than an array."""
    value = miss.actual
    if not is_scalar(value):
        return None
    text = f"The event has a {KIND_NAMES[kind_of(value)]}, no array: `{shown(value)}` would match"
    return miss.replaced(value, f"{text}, without the list.")


MAKERS: Final[dict[str, Callable[[Miss], Suggestion | None]]] = {
    "$eq": _equal,
    "$neq": _not_equal,
    "$gt": _ordered,
    "$gte": _ordered,
    "$lt": _ordered,
    "$lte": _ordered,
    "$in": _in,
    "$nin": _not_in,
    "$contains": _contains,
    "$startsWith": _affix,
    "$endsWith": _affix,
    "$regex": _regex,
    "$cidr": _cidr,
    "$exist": _exist,
    "$any": _any,
    "$not": _not,
    "[]": _list,
}
