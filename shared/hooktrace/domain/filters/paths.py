r"""Keys of a filter, paths of an event, JSON pointers.

A key is split at its dots. `\.`, `\$` and `\\` stand for the plain sign; any other backslash is
itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

MAX_KEY_CHARACTERS: Final = 512
MAX_SEGMENTS: Final = 16
MAX_ANY_ELEMENT: Final = 4

_INDEX: Final = re.compile(r"0|[1-9][0-9]*")
_ESCAPED: Final = re.compile(r"\\([.$\\])")
_SPECIAL: Final = re.compile(r"[.$\\]")
_SEGMENT: Final = re.compile(r"((?:\\[.$\\]|[^.])*)(\.|\Z)", re.DOTALL)


class Step(Enum):
    """What a segment does when it meets an array."""

    NAME = "name"
    INDEX = "index"
    ANY = "$"


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a key: how it treats an array, its name in an object, its index."""

    step: Step
    name: str
    index: int = -1

    @property
    def shown(self) -> str:
        """The segment as it stands in a path of an explanation."""
        return "$" if self.step is Step.ANY else escape_name(self.name)


@dataclass(frozen=True, slots=True)
class Key:
    """A key as written and what it is split into."""

    raw: str
    segments: tuple[Segment, ...]

    @property
    def begins_at_array(self) -> bool:
        """Whether the key is about an array itself (`$` or an index first)."""
        return self.segments[0].step is not Step.NAME


class BadPath(Exception):  # noqa: N818 - a refusal inside the package, never seen outside
    """A key that is no path; the text says what to do."""


def parse_key(raw: str) -> Key:
    """Splits a key of `data`. Raises BadPath."""
    if len(raw) > MAX_KEY_CHARACTERS:
        raise BadPath(f"a key may have at most {MAX_KEY_CHARACTERS} characters")
    if raw == "":
        return Key(raw, (Segment(Step.NAME, ""),))
    segments = tuple(_segment(text) for text in split_raw(raw))
    if any(segment.name == "" for segment in segments):
        raise BadPath("a dot needs a name on both sides; write `\\.` for a dot inside a name")
    if len(segments) > MAX_SEGMENTS:
        raise BadPath(f"a key may have at most {MAX_SEGMENTS} segments")
    if sum(segment.step is Step.ANY for segment in segments) > MAX_ANY_ELEMENT:
        raise BadPath(f"a key may have at most {MAX_ANY_ELEMENT} `$` segments")
    return Key(raw, segments)


def parse_header_name(raw: str) -> Key:
    """A header's name is one name, dots and all, in any case. Raises BadPath."""
    if raw == "":
        raise BadPath("a header has a name")
    if len(raw) > MAX_KEY_CHARACTERS:
        raise BadPath(f"a header name may have at most {MAX_KEY_CHARACTERS} characters")
    lower = raw.lower()
    return Key(lower, (Segment(Step.NAME, unescape(lower)),))


def split_raw(raw: str) -> list[str]:
    """The text between the dots that are not escaped."""
    parts: list[str] = []
    at = 0
    while True:
        found = _SEGMENT.match(raw, at)
        assert found is not None, "the pattern matches any text"
        parts.append(found[1])
        at = found.end()
        if found[2] == "":
            return parts


def _segment(text: str) -> Segment:
    if text == "$":
        return Segment(Step.ANY, "$")
    if _INDEX.fullmatch(text):
        return Segment(Step.INDEX, text, int(text))
    return Segment(Step.NAME, unescape(text))


def unescape(text: str) -> str:
    """The name a text stands for."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def escape_name(name: str) -> str:
    """A name as it can be pasted into a key."""
    return _SPECIAL.sub(r"\\\g<0>", name)


def child_pointer(pointer: str, token: str | int) -> str:
    """The RFC 6901 pointer one level below."""
    return f"{pointer}/{str(token).replace('~', '~0').replace('/', '~1')}"
