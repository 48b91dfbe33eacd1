"""Bytes of strangers as text that can be stored as JSON and shown on a screen."""

from __future__ import annotations

import re
import unicodedata

_LONE_RETURN = re.compile(r"\r(?!\n)")
# What turns the direction of text around, and the line ends that only Unicode knows.
_MISLEADING = frozenset(
    "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_PLAIN_CONTROLS = frozenset("\t\n\r")


def printable(data: bytes, *, cut: bool = False) -> str:
    r"""`data` as text: UTF-8 where it is, every other byte and every control escaped (`\x1b`).

    Line breaks and tabs stay. With `cut` the data was cut somewhere, and a character that the cut
    has split is left out.
    """
    if cut:
        data = _without_split_character(data)
    text = data.decode("utf-8", "backslashreplace")
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_escaped, _LONE_RETURN.sub(r"\\x0d", text)))


def _escaped(char: str) -> str:
    if char in _PLAIN_CONTROLS:
        return char
    if char in _MISLEADING or unicodedata.category(char) == "Cc":
        return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"
    return char


def _without_split_character(data: bytes) -> bytes:
    """Drops an unfinished UTF-8 sequence of up to three bytes at the end."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        needs = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return data[:-back] if needs > back else data
    return data
