"""Filters that only ask for ranges: one sorted bound leads, the others are scanned."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, Final

from hooktrace.domain.matching.access import Range
from hooktrace.domain.matching.leaves import Leaves

MAX_PATHS: Final = 3
"""Of a filter with more ranges three decide whether it is a candidate."""

_BLOCK: Final = 256
_LOW, _HIGH, _BOTH = "low", "high", "both"

RangeKey = tuple[tuple[str, str, str], ...]
"""For each path: the path, numbers (`n`) or strings (`s`), and which bounds there are."""


def leading_first(ranges: list[Range]) -> list[Range]:
    """The ranges that count, those with two bounds first: they let the fewest through."""
    return sorted(ranges, key=lambda found: _sides(found) != _BOTH)[:MAX_PATHS]


def range_key(ranges: list[Range]) -> RangeKey:
    """What the ranges, in the order of `leading_first`, are about."""
    return tuple((found.path, found.kind, _sides(found)) for found in ranges)


def _sides(found: Range) -> str:
    if found.low is None:
        return _HIGH
    return _LOW if found.high is None else _BOTH


class RangeGroup:
    """The filters with the same kinds of bounds over the same paths.

    They are sorted by the first path's lower bound or, when it has none, by its upper bound.
    `_peaks` holds the highest upper bound of each block of the first path, so that blocks of
    narrow ranges far below a value are passed over; it is made when it is first needed.
    """

    __slots__ = ("_peaks", "filters", "highs", "key", "lows")

    def __init__(
        self, key: RangeKey, lows: list[list[Any]], highs: list[list[Any]], filters: list[int]
    ) -> None:
        self.key = key
        self.lows = lows
        self.highs = highs
        self.filters = filters
        self._peaks: list[Any] | None = None

    def insert(self, ranges: list[Range], number: int) -> None:
        """Adds a filter in its place; `ranges` in the order of `leading_first`."""
        led_by_high = self.key[0][2] == _HIGH
        bounds = self.highs[0] if led_by_high else self.lows[0]
        at = bisect_right(bounds, _lead(ranges))
        for place, found in enumerate(ranges):
            self.lows[place].insert(at, found.low)
            self.highs[place].insert(at, found.high)
        self.filters.insert(at, number)
        self._peaks = None

    def candidates(self, leaves: Leaves) -> list[int]:
        """The filters whose every range reaches into what the event has there."""
        bounds: list[tuple[Any, Any]] = []
        for path, kind, _ in self.key:
            between = leaves.bounds(path, kind)
            if between is None:
                return []
            bounds.append(between)
        places = self._leading(*bounds[0])
        for at in range(1, len(bounds)):
            places = self._narrowed(places, at, *bounds[at])
        return [self.filters[place] for place in places]

    def _leading(self, least: Any, greatest: Any) -> Sequence[int]:
        """The places whose first range reaches into what lies between."""
        sides = self.key[0][2]
        if sides == _HIGH:
            return range(bisect_left(self.highs[0], least), len(self.filters))
        end = bisect_right(self.lows[0], greatest)
        return range(end) if sides == _LOW else self._reaching(end, least)

    def _reaching(self, end: int, least: Any) -> list[int]:
        """The places before `end` whose first upper bound is not below `least`."""
        highs = self.highs[0]
        if self._peaks is None:
            starts = range(0, len(highs), _BLOCK)
            self._peaks = [max(highs[start : start + _BLOCK]) for start in starts]
        found: list[int] = []
        for block, start in enumerate(range(0, end, _BLOCK)):
            if self._peaks[block] >= least:
                places = enumerate(highs[start : min(start + _BLOCK, end)], start)
                found += [place for place, high in places if high >= least]
        return found

    def _narrowed(self, places: Sequence[int], at: int, least: Any, greatest: Any) -> Sequence[int]:
        sides = self.key[at][2]
        if sides != _HIGH:
            lows = self.lows[at]
            places = [place for place in places if lows[place] <= greatest]
        if sides != _LOW:
            highs = self.highs[at]
            places = [place for place in places if highs[place] >= least]
        return places


def _lead(ranges: list[Range]) -> Any:
    return ranges[0].high if ranges[0].low is None else ranges[0].low


def sorted_group(key: RangeKey, entries: list[tuple[list[Range], int]]) -> RangeGroup:
    """A group of many filters at once; their ranges in the order of `leading_first`."""
    entries = sorted(entries, key=lambda entry: _lead(entry[0]))
    lows = [[ranges[at].low for ranges, _ in entries] for at in range(len(key))]
    highs = [[ranges[at].high for ranges, _ in entries] for at in range(len(key))]
    return RangeGroup(key, lows, highs, [number for _, number in entries])
