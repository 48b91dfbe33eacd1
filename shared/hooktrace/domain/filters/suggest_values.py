"""Values of an event as suggestions look at them: what is near, and how to say the difference."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from hooktrace.domain.filters.values import (
    MISSING,
    SHOWN_CHARACTERS,
    compact_json,
    is_scalar,
    kind_of,
    opened,
)

MAX_ITEMS: Final = 200
_MAX_CONTAINER_DEPTH: Final = 4
KIND_NAMES: Final = {
    "s": "string",
    "n": "number",
    "b": "boolean",
    "z": "null",
    "a": "array",
    "o": "object",
}


def can_stand(value: object) -> bool:
    """Whether a value of the event can be written into a filter as it is."""
    if len(compact_json(value, SHOWN_CHARACTERS)) > SHOWN_CHARACTERS:
        return False
    level = [value]
    for _ in range(_MAX_CONTAINER_DEPTH):
        below: list[object] = []
        for one in level:
            if type(one) is dict:
                if one.keys() == {"$ref"}:
                    return False
                below += one.values()
            elif type(one) is list:
                below += one
        level = below
    return not level


def items_of(array: list[object]) -> list[object] | None:
    """The items of an array; None when there are too many to look at."""
    found: list[object] = []
    for seen, (element, is_one_to_try) in enumerate(opened(array, [])):
        if seen >= MAX_ITEMS:
            return None
        if is_one_to_try and is_scalar(element):
            found.append(element)
    return found


def nearest_item(array: list[object], wanted: object) -> object:
    """The item most like what is wanted; MISSING when there is none."""
    items = items_of(array[:MAX_ITEMS]) or []
    near = near_entry(wanted, items)
    if near is not MISSING:
        return near
    alike = (item for item in items if kind_of(item) == kind_of(wanted))
    return next(alike, items[0] if items else MISSING)


def near_entry(value: object, listed: object) -> object:
    """The string of a list that is most like a string, or the same in another type."""
    if type(listed) is not list or not is_scalar(value):
        return MISSING
    for entry in listed[:MAX_ITEMS]:
        if is_scalar(entry) and _told(entry) == _told(value):
            return entry
    if type(value) is not str or len(value) > SHOWN_CHARACTERS:
        return MISSING
    texts = [one for one in listed[:MAX_ITEMS] if type(one) is str and len(one) <= SHOWN_CHARACTERS]
    return next(iter(get_close_matches(value, texts, n=1, cutoff=0.8)), MISSING)


def _told(scalar: object) -> str:
    """A scalar as people read it: without case, white space around it, and quotes."""
    text = scalar if type(scalar) is str else compact_json(scalar, SHOWN_CHARACTERS)
    return text.strip().casefold()


def difference(expected: object, value: object) -> str:
    """What sets the event's value apart from what was asked, in words."""
    has = f"the event has {shown(value)}"
    if expected is MISSING:
        return has
    one, other = kind_of(expected), kind_of(value)
    if one != other:
        named = f"the event has the {KIND_NAMES[other]} {shown(value)}"
        wants = f"a {KIND_NAMES[one]} is asked for" if one in KIND_NAMES else "types count"
        return f"{named} where {wants}; types count"
    if type(expected) is str and type(value) is str:
        if expected.strip() == value.strip():
            return f"{has}, which differs only in white space"
        if _told(expected) == _told(value):
            return f"{has}, which differs only in case"
        if expected and value and (value.startswith(expected) or expected.startswith(value)):
            return f"{has}; one begins with the other"
    return has


def shown(value: object) -> str:
    text = compact_json(value, 80)
    return text if len(text) <= 80 else text[:80] + "…"
