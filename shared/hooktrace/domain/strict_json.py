"""Reading JSON documents strictly, so that nothing accepted can fail or differ later.

RFC 8259 as a sender must write it and I-JSON (RFC 7493) would have it. Refused, each with a
stable code:

| code | what |
|---|---|
| `invalid_json` | any breach of the grammar, NaN and Infinity, a byte order mark, trailing data |
| `invalid_unicode` | bytes that are not UTF-8, escapes that are half of a surrogate pair |
| `duplicate_name` | a member name twice in one object, at any level |
| `too_deep` | more than 128 levels of objects and arrays |
| `number_out_of_range` | beyond binary64 (1e400), integers of more than 4300 digits |
| `not_an_object` | another value where a document must be an object |

Integers up to that length are exact; a fraction or exponent makes a binary64, and one too small
for it is 0.0. The limit is where the interpreter stops converting digits, because doing so takes
quadratic time.

All scanning is done by the C scanner of `json` and by regular expressions without backtracking,
so time is linear in the size whatever the input. Depth is checked before parsing: the scanner
recurses.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import accumulate
from math import isinf

from hooktrace.domain.errors import Fault, InvalidInput
from hooktrace.domain.json_faults import (
    explained,
    refusal,
    refuse_rest,
    skip_space,
    syntax_error,
    whole,
)

MAX_DEPTH = 128

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A string up to its closing quote or, when it has none, to the end: it always matches.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_STRINGS = re.compile(_STRING, re.DOTALL)
_STRUCTURE = re.compile(_STRING + rb"|[\[\]{},]", re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
# Text in which every escape of a high surrogate is followed by one of a low surrogate.
_PAIRED = re.compile(
    r"(?:[^\\]++|\\(?:[^u]|u(?![dD][89a-fA-F])|u[dD][89abAB]..\\u[dD][c-fC-F]..))*+", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class ParsedObject:
    """A JSON object: its members as values, and each as the bytes that stood in the document."""

    members: dict[str, object]
    _text: str
    _spans: dict[str, tuple[int, int]]

    @property
    def source(self) -> str:
        """The text of the whole document."""
        return self._text

    def raw(self, name: str) -> bytes:
        """The bytes of a member's value as received. Raises KeyError when there is none."""
        start, end = self._spans[name]
        return self._text[start:end].encode()


def parse_object(body: bytes, *, max_depth: int = MAX_DEPTH) -> ParsedObject:
    """A document that must be a JSON object. Raises InvalidInput with the codes above."""
    text = _text_of(body, max_depth)
    start = skip_space(text, 0)
    if text[start : start + 1] != "{":
        _parse(text)
        raise refusal("not_an_object", "The document must be a JSON object.")
    try:
        members, spans = _members(text, start)
        _check_surrogates(text)
    except _RefusedError:
        raise explained(text) from None
    except json.JSONDecodeError as error:
        raise syntax_error(text, error) from None
    except ValueError:  # the interpreter's limit for the digits of an integer
        raise explained(text) from None
    return ParsedObject(members, text, spans)


def parse_value(body: bytes, *, max_depth: int = MAX_DEPTH) -> object:
    """Any JSON document. Raises InvalidInput with the codes above."""
    return _parse(_text_of(body, max_depth))


def split_items(body: bytes, name: str, *, max_items: int) -> list[bytes]:
    """The raw items of the array in `{"<name>": [...]}`, to be parsed one by one.

    Only the strings, brackets and commas are looked at, so that an item which is not valid JSON
    spoils no other. Raises InvalidInput when the document as a whole is not of this form, and
    with the code `invalid_field` when there are more than `max_items`.
    """
    head = re.compile(rb'[ \t\n\r]*+\{[ \t\n\r]*+"%b"[ \t\n\r]*+:[ \t\n\r]*+\[' % name.encode())
    opening = head.match(body)
    if opening is None:
        parse_object(body)
        raise _not_a_list(name)
    items: list[bytes] = []
    start, depth = opening.end(), 0
    for found in _STRUCTURE.finditer(body, start):
        token = found[0]
        if token in (b"[", b"{"):
            depth += 1
        elif depth == 0 and token in (b",", b"]"):
            items.append(body[start : found.start()].strip(b" \t\n\r"))
            start = found.end()
            if len(items) > max_items:
                message = f"`{name}` may have at most {max_items} items."
                fault = Fault(f"/{name}", "invalid_field", message)
                raise InvalidInput("invalid_field", message, (fault,))
            if token == b"]":
                break
        elif token in (b"]", b"}"):
            depth -= 1
    else:
        raise refusal("invalid_json", f"The array `{name}` is not closed.")
    if re.fullmatch(rb"[ \t\n\r]*+\}[ \t\n\r]*+", body[start:]) is None:
        raise _not_a_list(name)
    return [] if items == [b""] else items


def _not_a_list(name: str) -> InvalidInput:
    return refusal("invalid_field", f'The document must be {{"{name}": [...]}} and no more.')


class _RefusedError(Exception):
    """A value of the document is refused; `explained` finds out which."""


def _text_of(body: bytes, max_depth: int) -> str:
    if body.startswith(_BYTE_ORDER_MARK):
        raise refusal(
            "invalid_json", "The document starts with a byte order mark. Send UTF-8 without one."
        )
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise refusal(
            "invalid_unicode", f"The document is not valid UTF-8 at byte {error.start}."
        ) from None
    if body.count(b"[") + body.count(b"{") > max_depth:
        _check_depth(body, max_depth)
    return text


def _check_depth(body: bytes, max_depth: int) -> None:
    brackets = _STRINGS.sub(b"", body).translate(None, _NOT_BRACKETS)
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) <= max_depth:
        return
    depth = 0
    for found in _STRUCTURE.finditer(body):
        depth += _STEP.get(found[0][0], 0)
        if depth > max_depth:
            raise refusal(
                "too_deep",
                f"Objects and arrays are nested more than {max_depth} levels deep "
                f"at byte {found.start()}.",
            )


def _members(text: str, start: int) -> tuple[dict[str, object], dict[str, tuple[int, int]]]:
    """The members of the object at `start` and the place of each value; nothing may follow it."""
    members: dict[str, object] = {}
    spans: dict[str, tuple[int, int]] = {}
    at = skip_space(text, start + 1)
    if text[at : at + 1] == "}":
        refuse_rest(text, at + 1)
        return members, spans
    while True:
        if text[at : at + 1] != '"':
            raise json.JSONDecodeError("a member name in double quotes is expected", text, at)
        name, at = _STRICT.raw_decode(text, at)
        if name in members:
            raise _RefusedError
        at = skip_space(text, at)
        if text[at : at + 1] != ":":
            raise json.JSONDecodeError("a colon is expected", text, at)
        begin = skip_space(text, at + 1)
        members[name], end = _STRICT.raw_decode(text, begin)
        spans[name] = (begin, end)
        at = skip_space(text, end)
        mark = text[at : at + 1]
        if mark == "}":
            refuse_rest(text, at + 1)
            return members, spans
        if mark != ",":
            raise json.JSONDecodeError("a comma or a closing brace is expected", text, at)
        at = skip_space(text, at + 1)


def _parse(text: str) -> object:
    try:
        value = whole(_STRICT, text)
        _check_surrogates(text)
    except _RefusedError:
        raise explained(text) from None
    except json.JSONDecodeError as error:
        raise syntax_error(text, error) from None
    except ValueError:  # the interpreter's limit for the digits of an integer
        raise explained(text) from None
    return value


def _check_surrogates(text: str) -> None:
    """For a text that has been parsed: a lone surrogate can only come from an escape."""
    if _SURROGATE.search(text) and _PAIRED.fullmatch(text) is None:
        raise _RefusedError


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _RefusedError
    return members


def _finite(digits: str) -> float:
    value = float(digits)
    if isinf(value):
        raise _RefusedError
    return value


def _refuse(_: str) -> object:
    raise _RefusedError


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse)
