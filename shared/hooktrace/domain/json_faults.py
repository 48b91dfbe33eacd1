"""Where and why a JSON document is refused: pointers, offsets, sentences.

The strict parser only finds out that something is wrong. What stands here runs on documents that
were refused, and reads them once more with every doubtful value kept as a mark.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import isinf

from hooktrace.domain.errors import Fault, InvalidInput

MAX_INTEGER_DIGITS = 4300
MAX_FAULTS = 10
MAX_POINTER = 500

_SPACE = re.compile(r"[ \t\n\r]*+")


def skip_space(text: str, at: int) -> int:
    """The first place from `at` on that holds no white space."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def refuse_rest(text: str, at: int) -> None:
    """Raises JSONDecodeError when more than white space stands from `at` on."""
    at = skip_space(text, at)
    if at < len(text):
        raise json.JSONDecodeError("nothing may follow the document", text, at)


def whole(decoder: json.JSONDecoder, text: str) -> object:
    """The document as the decoder reads it. Raises JSONDecodeError, and what its hooks raise."""
    value: object
    value, end = decoder.raw_decode(text, skip_space(text, 0))
    refuse_rest(text, end)
    return value


@dataclass(frozen=True, slots=True)
class _Bad:
    code: str
    message: str


class _Pairs(list[tuple[str, object]]):
    """An object with all its members, also those of the same name."""


def _float_or_bad(digits: str) -> object:
    if isinf(float(digits)):
        return _Bad("number_out_of_range", "The number is beyond the range of a binary64.")
    return 0.0


def _int_or_bad(digits: str) -> object:
    if len(digits.lstrip("-")) > MAX_INTEGER_DIGITS:
        return _Bad(
            "number_out_of_range", f"An integer may have at most {MAX_INTEGER_DIGITS} digits."
        )
    return 0


def _constant_bad(word: str) -> object:
    return _Bad("invalid_json", f"{word} is not JSON. Send null or a string.")


_LENIENT = json.JSONDecoder(
    object_pairs_hook=_Pairs,
    parse_float=_float_or_bad,
    parse_int=_int_or_bad,
    parse_constant=_constant_bad,
)


def explained(text: str) -> InvalidInput:
    """The refusal of a document, with up to ten faults and where each of them is."""
    try:
        document = whole(_LENIENT, text)
    except json.JSONDecodeError as error:
        return syntax_error(text, error)
    faults = tuple(islice(_faults(document), MAX_FAULTS))
    if not faults:  # an interpreter that was told to convert fewer digits than we allow
        return refusal("number_out_of_range", "An integer has too many digits.")
    first = faults[0]
    where = f" (at {first.pointer})" if first.pointer else ""
    return InvalidInput(first.code, f"{first.message.removesuffix('.')}{where}.", faults)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands. Written out only for a fault: names may be as long as the document."""

    parent: _Place | None = None
    step: str | int = ""

    def pointer(self) -> str:
        steps: list[str] = []
        place = self
        while place.parent is not None:
            steps.append(_escaped(str(place.step)))
            place = place.parent
        pointer = "".join(f"/{step}" for step in reversed(steps))
        return pointer if len(pointer) <= MAX_POINTER else f"{pointer[:MAX_POINTER]}..."


def _faults(document: object) -> Iterator[Fault]:
    """The faults in the order of the document; the stack replaces recursion."""
    stack: list[tuple[_Place, object]] = [(_Place(), document)]
    while stack:
        place, value = stack.pop()
        if isinstance(value, _Bad):
            yield Fault(place.pointer(), value.code, value.message)
        elif isinstance(value, str) and not _encodable(value):
            message = "Half of a surrogate pair is not text."
            yield Fault(place.pointer(), "invalid_unicode", message)
        elif isinstance(value, _Pairs):
            yield from _name_faults(place, value)
            stack.extend((_Place(place, name), child) for name, child in reversed(value))
        elif isinstance(value, list):
            last = len(value) - 1
            stack.extend((_Place(place, last - at), child) for at, child in enumerate(value[::-1]))


def _name_faults(place: _Place, pairs: _Pairs) -> Iterator[Fault]:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            message = "The member name stands here twice."
            yield Fault(_Place(place, name).pointer(), "duplicate_name", message)
        elif not _encodable(name):
            message = "Half of a surrogate pair in a member name is not text."
            yield Fault(_Place(place, name).pointer(), "invalid_unicode", message)
        seen.add(name)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _escaped(name: str) -> str:
    """A member name as a part of a JSON pointer; what cannot be encoded is written as escapes."""
    plain = name.encode("utf-8", "backslashreplace").decode()
    return plain.replace("~", "~0").replace("/", "~1")


def syntax_error(text: str, error: json.JSONDecodeError) -> InvalidInput:
    """The refusal of a breach of the grammar: byte offset, line and column."""
    if not text.strip(" \t\n\r"):
        return refusal("invalid_json", "The document is empty.")
    offset = len(text[: error.pos].encode())
    return refusal(
        "invalid_json",
        f"Not valid JSON at byte {offset} (line {error.lineno}, column {error.colno}): "
        f"{error.msg}.",
    )


def refusal(code: str, message: str) -> InvalidInput:
    """The refusal of the document as a whole."""
    return InvalidInput(code, message, (Fault("", code, message),))
