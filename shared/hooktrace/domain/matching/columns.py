"""What is known of each subscription, in columns by its number."""

from __future__ import annotations

from array import array
from typing import Any, Final, TypeVar

from hooktrace.domain.matching.rows import MatchRow

NO_FILTER: Final = "{}"
REMOVED: Final = 0xFFFF_FFFF

_Name = TypeVar("_Name", str, tuple[str, ...])


class Columns:
    """Subscriptions by number; endpoints, filter texts and sets of patterns are numbered too.

    A removed subscription leaves its number behind, with `REMOVED` for its bucket (a bucket is a
    set of patterns and has its number).
    """

    __slots__ = (
        "_numbers",
        "bucket_of",
        "enabled",
        "endpoint_of",
        "endpoints",
        "filter_of",
        "ids",
        "patterns",
        "text_characters",
        "texts",
    )

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.endpoint_of = array("I")
        self.filter_of = array("I")
        self.bucket_of = array("I")
        self.enabled = bytearray()
        self.endpoints: list[str] = []
        self.texts: list[str] = []
        self.patterns: list[tuple[str, ...]] = []
        self.text_characters = 0
        self._numbers: Numbers | None = None

    @property
    def numbers(self) -> Numbers:
        """From names to numbers; made when the first change comes."""
        if self._numbers is None:
            self._numbers = Numbers(self)
        return self._numbers

    def append(self, row: MatchRow) -> int:
        """Adds a subscription whose id is not there; returns its number."""
        numbers = self.numbers
        number = len(self.ids)
        patterns = tuple(sorted(set(row.event_types)))
        self.ids.append(row.subscription_id)
        self.endpoint_of.append(_number_of(row.endpoint_id, numbers.endpoints, self.endpoints))
        text = row.filter_text or NO_FILTER
        known = len(self.texts)
        self.filter_of.append(_number_of(text, numbers.texts, self.texts))
        if len(self.texts) > known:
            self.text_characters += len(text)
        self.bucket_of.append(_number_of(patterns, numbers.patterns, self.patterns))
        self.enabled.append(row.enabled)
        numbers.subscriptions[row.subscription_id] = number
        return number

    def row(self, number: int) -> MatchRow | None:
        """The subscription as a row; None when it was removed."""
        bucket = self.bucket_of[number]
        if bucket == REMOVED:
            return None
        text = self.text(number)
        return MatchRow(
            self.ids[number],
            self.endpoint(number),
            self.patterns[bucket],
            None if text == NO_FILTER else text,
            bool(self.enabled[number]),
        )

    def endpoint(self, number: int) -> str:
        """The endpoint id of a subscription."""
        return self.endpoints[self.endpoint_of[number]]

    def text(self, number: int) -> str:
        """The filter text of a subscription."""
        return self.texts[self.filter_of[number]]

    def to_plain(self) -> tuple[Any, ...]:
        """Plain values for a snapshot."""
        numbers = [c.tobytes() for c in (self.endpoint_of, self.filter_of, self.bucket_of)]
        lists = (self.ids, self.endpoints, self.texts, self.patterns)
        return (lists, numbers, bytes(self.enabled))

    @classmethod
    def from_plain(cls, plain: tuple[Any, ...]) -> Columns:
        """The inverse of `to_plain`."""
        columns = cls()
        lists, numbers, enabled = plain
        columns.ids, columns.endpoints, columns.texts, columns.patterns = lists
        targets = (columns.endpoint_of, columns.filter_of, columns.bucket_of)
        for target, content in zip(targets, numbers, strict=True):
            target.frombytes(content)
        columns.enabled = bytearray(enabled)
        columns.text_characters = sum(map(len, columns.texts))
        return columns


class Numbers:
    """From ids, texts and sets of patterns to their numbers."""

    __slots__ = ("endpoints", "patterns", "subscriptions", "texts")

    def __init__(self, columns: Columns) -> None:
        self.subscriptions = {
            name: number
            for number, name in enumerate(columns.ids)
            if columns.bucket_of[number] != REMOVED
        }
        self.endpoints = {name: number for number, name in enumerate(columns.endpoints)}
        self.texts = {text: number for number, text in enumerate(columns.texts)}
        self.patterns = {names: number for number, names in enumerate(columns.patterns)}


def _number_of(name: _Name, numbers: dict[_Name, int], names: list[_Name]) -> int:
    number = numbers.get(name)
    if number is None:
        number = numbers[name] = len(names)
        names.append(name)
    return number
