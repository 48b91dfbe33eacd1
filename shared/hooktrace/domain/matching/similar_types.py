"""Event types that an event may have meant whose own type nobody takes: "did you mean ...?"."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest
from itertools import islice
from typing import Final, NamedTuple

MAX_DISTANCE: Final = 2
MAX_SHOWN: Final = 3
MAX_LOOKED_AT: Final = 20_000
"""Patterns looked at, the same one may stand there many times."""
MAX_PATTERNS: Final = 2_000
"""Different patterns that are kept to compare with."""
MAX_COMPARED: Final = 50
"""Patterns compared letter by letter, for one type: those with the nearest letters."""
MAX_REMEMBERED: Final = 1_000
"""Types whose answer is remembered; producers repeat theirs."""


class _Known(NamedTuple):
    pattern: str
    words: tuple[str, ...]
    has_star: bool
    letters: int


class SimilarTypes:
    """The patterns of a project, for as long as they stay the same.

    A letter set of each (a bit a letter) rules most of them out: an edit changes two bits at
    most. So the work for a type is bounded, and a type that was asked for before costs nothing.
    Patterns with `**` are left out: they bind no place.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        different = dict.fromkeys(islice(patterns, MAX_LOOKED_AT))
        kept = (one for one in different if "**" not in one and one != "*")
        self._known = [_known(pattern) for pattern in islice(kept, MAX_PATTERNS)]
        self._remembered: dict[str, tuple[str, ...]] = {}

    def nearest(self, event_type: str) -> tuple[str, ...]:
        """Up to three types that differ from this one by two letters at most, nearest first.

        A word of up to two letters must be the same, one of up to five may differ by one. Two
        letters that changed places count once, and so does the case of a word. What stands for
        a `*` is taken from the type itself.
        """
        found = self._remembered.get(event_type)
        if found is None:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            found = self._remembered[event_type] = self._search(event_type)
        return found

    def _search(self, event_type: str) -> tuple[str, ...]:
        words = tuple(event_type.split("."))
        letters, length = _letters(event_type), len(event_type)
        alike = [
            (bits, number)
            for number, known in enumerate(self._known)
            if (bits := _letters_apart(known, letters, length)) <= 2 * MAX_DISTANCE
        ]
        distances: dict[str, int] = {}
        for _, number in nsmallest(MAX_COMPARED, alike):
            meant, distance = _compare(words, self._known[number])
            if 0 < distance <= MAX_DISTANCE:
                distances[meant] = min(distance, distances.get(meant, distance))
        return tuple(sorted(distances, key=lambda one: (distances[one], one))[:MAX_SHOWN])


def _known(pattern: str) -> _Known:
    has_star = "*" in pattern
    return _Known(pattern, tuple(pattern.split(".")), has_star, _letters(pattern.replace("*", "")))


def _letters(text: str) -> int:
    return sum(1 << bit for bit in {ord(char) & 63 for char in text.casefold()})


def _letters_apart(known: _Known, letters: int, length: int) -> int:
    """How many letters only one of both has; of a pattern with a star, twice those it lacks."""
    if known.has_star:
        return 2 * (known.letters & ~letters).bit_count()
    if abs(len(known.pattern) - length) > MAX_DISTANCE:
        return 99
    return (known.letters ^ letters).bit_count()


def _compare(words: tuple[str, ...], known: _Known) -> tuple[str, int]:
    """The type that the pattern would take instead, and how far it is; 99 when it is too far."""
    wanted, rest = known.words, words[:0]
    if known.has_star and wanted[-1] == "*" and len(words) > len(wanted):
        rest = words[len(wanted) :]
        words = words[: len(wanted)]
    if len(words) != len(wanted):  # a dot too many or too few
        if known.has_star:
            return "", 99
        return known.pattern, _distance(".".join(words), known.pattern)
    meant, total = [], 0
    for word, other in zip(words, wanted, strict=True):
        meant.append(word if other == "*" else other)
        if word != other != "*":
            distance = _distance(word, other)
            total += distance if distance <= _allowed(word, other) else 99
            if total > MAX_DISTANCE:
                break
    return ".".join((*meant, *rest)), total


def _allowed(word: str, other: str) -> int:
    if word.casefold() == other.casefold():
        return 1
    return 0 if len(other) <= 2 else 1 if len(other) <= 5 else MAX_DISTANCE


def _distance(one: str, other: str) -> int:
    """Optimal string alignment of two that differ; another case alone counts one.

    Source: E. Ukkonen, Algorithms for approximate string matching (1985), for the cut-off.
    """
    a, b = one.casefold(), other.casefold()
    if a == b:
        return 1
    if abs(len(a) - len(b)) > MAX_DISTANCE:
        return 99
    while a and b and a[0] == b[0]:
        a, b = a[1:], b[1:]
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, char in enumerate(a, 1):
        next_row = [i]
        for j, against in enumerate(b, 1):
            cost = min(row[j] + 1, next_row[j - 1] + 1, row[j - 1] + (char != against))
            if i > 1 and j > 1 and char == b[j - 2] and a[i - 2] == against:
                cost = min(cost, before[j - 2] + 1)
            next_row.append(cost)
        if min(next_row) > MAX_DISTANCE and min(row) > MAX_DISTANCE - 1:
            return 99
        before, row = row, next_row
    return row[-1]
