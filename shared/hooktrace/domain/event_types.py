"""Event types and the patterns by which a subscription chooses them.

A type is one to 128 characters: words of letters, digits, `_`, `-`, `:` and `/`, joined by single
dots. In a pattern a word may be `*` (one word; as the last word: one or more) or `**` (any number
of words, also none; once per pattern).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from hooktrace.domain.errors import Fault, InvalidInput

MAX_TYPE_CHARACTERS: Final = 128
MAX_PATTERN_WORDS: Final = 16
MAX_PATTERNS: Final = 100
EVERY_TYPE: Final = ("*",)

_WORD: Final = re.compile(r"[A-Za-z0-9_:/-]+")
_TYPE: Final = re.compile(r"[A-Za-z0-9_:/-]+(?:\.[A-Za-z0-9_:/-]+)*")
_FORM: Final = "words of letters, digits, `_`, `-`, `:` and `/`, joined by single dots"


def check_event_type(text: object) -> str:
    """The event type, unchanged. Raises InvalidInput (`invalid_event_type`)."""
    if type(text) is not str:
        message = "An event type is a string."
    elif not 1 <= len(text) <= MAX_TYPE_CHARACTERS:
        message = f"An event type has 1 to {MAX_TYPE_CHARACTERS} characters."
    elif _TYPE.fullmatch(text) is None:
        message = f"An event type consists of {_FORM}."
    else:
        return text
    raise InvalidInput("invalid_event_type", message, (Fault("", "invalid_event_type", message),))


@dataclass(frozen=True, slots=True)
class TypePattern:
    """One pattern, split into words; `spread` is the place of `**`, or -1.

    `open_end` says that the last word is `*`, which takes one word or more.
    """

    words: tuple[str, ...]
    spread: int
    open_end: bool

    def matches(self, words: list[str]) -> bool:
        """Whether the words of a type fit the pattern."""
        if self.spread < 0:
            return self._fits_from(self.words, words, 0)
        before, after = self.words[: self.spread], self.words[self.spread + 1 :]
        if len(words) < len(before) or not _fit(before, words[: len(before)]):
            return False
        return any(
            self._fits_from(after, words, start) for start in range(len(before), len(words) + 1)
        )

    def _fits_from(self, wanted: tuple[str, ...], words: list[str], start: int) -> bool:
        left = len(words) - start
        enough = left >= len(wanted) if self.open_end else left == len(wanted)
        return enough and _fit(wanted, words[start : start + len(wanted)])


def _fit(wanted: tuple[str, ...], words: list[str]) -> bool:
    return all(want in ("*", word) for want, word in zip(wanted, words, strict=True))


@dataclass(frozen=True, slots=True)
class EventTypes:
    """The patterns of a subscription, any of which may fit."""

    patterns: tuple[str, ...]
    _exact: frozenset[str] = field(repr=False, compare=False)
    _compiled: tuple[TypePattern, ...] = field(repr=False, compare=False)

    def matches(self, event_type: str) -> bool:
        """Whether one of the patterns fits the type."""
        if event_type in self._exact:
            return True
        words = event_type.split(".")
        return any(pattern.matches(words) for pattern in self._compiled)


def parse_event_types(value: object, *, pointer: str = "/event_types") -> EventTypes:
    """The patterns of a subscription; None means every type.

    Raises InvalidInput (`invalid_event_types`) with up to ten faults.
    """
    if value is None:
        value = list(EVERY_TYPE)
    faults = _faults_of(value, pointer)
    if faults or not isinstance(value, (list, tuple)):
        raise InvalidInput("invalid_event_types", faults[0].message, faults)
    return _compiled(tuple(value))


@lru_cache(maxsize=64)
def event_types_of(patterns: frozenset[str]) -> EventTypes:
    """The types that any of these patterns takes. What is no pattern takes only what is its very
    text: filters of operations may have been stored before patterns were checked."""
    return _compiled(tuple(sorted(patterns)))


def name_type(patterns: Iterable[str], event_type: str) -> bool:
    """Whether a pattern takes the type and has its first word in so many letters, not a star."""
    first, words = event_type.partition(".")[0], event_type.split(".")
    return any(
        pattern.partition(".")[0] == first and compile_pattern(pattern).matches(words)
        for pattern in patterns
    )


def _compiled(patterns: tuple[str, ...]) -> EventTypes:
    exact = frozenset(pattern for pattern in patterns if "*" not in pattern)
    compiled = tuple(compile_pattern(pattern) for pattern in patterns if "*" in pattern)
    return EventTypes(patterns, exact, compiled)


def compile_pattern(pattern: str) -> TypePattern:
    """Splits a pattern that has been checked."""
    words = tuple(pattern.split("."))
    spread = words.index("**") if "**" in words else -1
    return TypePattern(words, spread, words[-1] == "*")


def _faults_of(value: object, pointer: str) -> tuple[Fault, ...]:
    if not isinstance(value, (list, tuple)):
        message = '`event_types` is a list of patterns, for instance `["order.*"]`.'
        return (Fault(pointer, "invalid_event_types", message),)
    if not value:
        message = 'An empty list takes no event; use `["*"]` for every type.'
        return (Fault(pointer, "empty_list", message),)
    if len(value) > MAX_PATTERNS:
        message = f"A subscription may have at most {MAX_PATTERNS} patterns; use `*`."
        return (Fault(pointer, "too_many_event_types", message),)
    checked = ((f"{pointer}/{at}", pattern_complaint(entry)) for at, entry in enumerate(value))
    found = (Fault(at, "invalid_event_type", text) for at, text in checked if text is not None)
    return tuple(found)[:10]


def pattern_complaint(pattern: object) -> str | None:
    """What is wrong with a pattern, in a sentence; None for one that can be used."""
    if type(pattern) is not str:
        return "A pattern is a string."
    if not 1 <= len(pattern) <= MAX_TYPE_CHARACTERS:
        return f"A pattern has 1 to {MAX_TYPE_CHARACTERS} characters."
    words = pattern.split(".")
    if len(words) > MAX_PATTERN_WORDS:
        return f"A pattern may have at most {MAX_PATTERN_WORDS} words."
    if words.count("**") > 1:
        return "`**` may stand once in a pattern."
    for word in words:
        if word in ("*", "**") or _WORD.fullmatch(word):
            continue
        if "*" in word:
            return "A star stands for whole words: `order.*`, `*.created`, `order.**`."
        return f"A pattern consists of {_FORM}; a word may be `*` or `**`."
    return None
