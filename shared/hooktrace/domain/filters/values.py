"""JSON values as the filter language sees them: kinds, equality, items, compact text.

Nothing here recurses over data: an event may be nested deeper than Python's stack.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from math import isfinite
from typing import Final, Literal


class Missing(Enum):
    """The type of `MISSING`, the value of a field that is not there (null is a value)."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING

KINDS: Final[dict[type, str]] = {
    str: "s",
    int: "n",
    float: "n",
    bool: "b",
    type(None): "z",
}
"""A letter for each kind of scalar: true is not 1, but 1 is 1.0."""

NUMBERS: Final = (int, float)
_TYPES_OF_KIND: Final[dict[str, tuple[type, ...]]] = {
    "s": (str,),
    "n": NUMBERS,
    "b": (bool,),
    "z": (type(None),),
}
_INTEGER_CHUNK: Final = 4_000  # below the interpreter's limit of digits converted at once


def is_scalar(value: object) -> bool:
    """Whether the value is a string, number, boolean or null."""
    return type(value) in KINDS


def kind_of(value: object) -> str:
    """One letter for the JSON type: the four of `KINDS`, `a` (array), `o` (object), `-`."""
    kind = KINDS.get(type(value))
    if kind is not None:
        return kind
    if type(value) is list:
        return "a"
    return "o" if type(value) is dict else "-"


def types_like(scalar: object) -> tuple[type, ...]:
    """The Python types a value may have to equal this scalar."""
    return _TYPES_OF_KIND[KINDS[type(scalar)]]


def is_finite(number: object) -> bool:
    """False for a float that is no JSON number; integers of any size are finite."""
    return type(number) is not float or isfinite(number)


def deep_equal(left: object, right: object) -> bool:
    """Equality with types: arrays in order, objects in any order, 1 is 1.0 and not true."""
    pairs = [(left, right)]
    while pairs:
        one, other = pairs.pop()
        if type(one) is dict and type(other) is dict:
            if one.keys() != other.keys():
                return False
            pairs.extend((one[name], other[name]) for name in one)
        elif type(one) is list and type(other) is list:
            if len(one) != len(other):
                return False
            pairs.extend(zip(one, other, strict=True))
        elif kind_of(one) != kind_of(other) or one != other:
            return False
    return True


def opened(array: list[object], indexes: list[int]) -> Iterator[tuple[object, bool]]:
    """Walks an array, nested arrays opened, and yields (element, is it one to try).

    A nested array is yielded too, marked False, so that the caller can count it. An empty array
    stands for a missing value: `(MISSING, True)`, without an index of its own. While the caller
    looks at an element, `indexes` ends with its place, outermost first; the caller cuts off what
    was added when it stops early.
    """
    if not array:
        yield MISSING, True
        return
    stack = [array]
    indexes.append(-1)
    while stack:
        current = stack[-1]
        at = indexes[-1] + 1
        if at == len(current):
            stack.pop()
            indexes.pop()
            continue
        indexes[-1] = at
        element = current[at]
        if type(element) is not list:
            yield element, True
        elif element:
            yield element, False
            stack.append(element)
            indexes.append(-1)
        else:
            yield MISSING, True


class _Punctuation(str):
    """Text of the JSON grammar, told apart from string values on the writer's stack."""

    __slots__ = ()


def compact_json(value: object, at_most: int | None = None) -> str:
    """Compact JSON in the written order; stops once it is longer than `at_most` characters.

    Written without recursion and without the interpreter's limit on the digits of an integer.
    """
    parts: list[str] = []
    length = 0
    stack: list[object] = [value]
    while stack and (at_most is None or length <= at_most):
        top = stack.pop()
        if type(top) is _Punctuation:
            text: str = top
        elif type(top) is dict:
            stack.extend(_object_parts(top))
            continue
        elif type(top) is list:
            stack.extend(_array_parts(top))
            continue
        else:
            text = _scalar_json(top, at_most)
        parts.append(text)
        length += len(text)
    return "".join(parts)


def _object_parts(value: dict[str, object]) -> list[object]:
    parts: list[object] = [_Punctuation("}")]
    for name, member in reversed(value.items()):
        parts += [member, _Punctuation(":"), name, _Punctuation(",")]
    if value:
        parts.pop()
    parts.append(_Punctuation("{"))
    return parts


def _array_parts(value: list[object]) -> list[object]:
    parts: list[object] = [_Punctuation("]")]
    for element in reversed(value):
        parts += [element, _Punctuation(",")]
    if value:
        parts.pop()
    parts.append(_Punctuation("["))
    return parts


def _scalar_json(value: object, at_most: int | None) -> str:
    if type(value) is str:
        return json.dumps(value if at_most is None else value[: at_most + 1], ensure_ascii=False)
    if type(value) is int:
        return integer_text(value)
    return json.dumps(value)


def integer_text(number: int) -> str:
    """The decimal digits of an integer of any length."""
    if number.bit_length() <= 3 * _INTEGER_CHUNK:
        return str(number)
    sign, number = ("-", -number) if number < 0 else ("", number)
    chunks: list[str] = []
    base = 10**_INTEGER_CHUNK
    while number >= base:
        number, chunk = divmod(number, base)
        chunks.append(str(chunk).zfill(_INTEGER_CHUNK))
    chunks.append(str(number))
    return sign + "".join(reversed(chunks))


def integer_from_text(text: str) -> int:
    """The inverse of `integer_text`, for JSON integers of any length."""
    if len(text) <= _INTEGER_CHUNK:
        return int(text)
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    number = 0
    for start in range(0, len(digits), _INTEGER_CHUNK):
        chunk = digits[start : start + _INTEGER_CHUNK]
        number = number * 10 ** len(chunk) + int(chunk)
    return sign * number


SHOWN_CHARACTERS: Final = 256
"""Longer values are cut in explanations, counted in characters of compact JSON."""


def shorten(value: object) -> tuple[object, bool]:
    """The value, or the first characters of its compact JSON and `…`; and whether it was cut."""
    text = compact_json(value, SHOWN_CHARACTERS)
    if len(text) <= SHOWN_CHARACTERS:
        return value, False
    return text[:SHOWN_CHARACTERS] + "…", True


Reason = Literal["missing", "type", "ref_missing", "value"]
"""Why a clause says no."""
