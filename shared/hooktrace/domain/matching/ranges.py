"""Filters that only ask for ranges: sorted by a lower bound, the rest scanned."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Final

from hooktrace.domain.matching.access import Range
from hooktrace.domain.matching.leaves import Leaves

MAX_PATHS = 3
"""Of a filter with more ranges the first three decide who is a candidate."""

_BLOCK: Final = 256

RangeKey = tuple[tuple[str, str], ...]


def range_key(ranges: list[Range]) -> RangeKey:
    """Which paths, and whether numbers or strings, a filter's ranges are about."""
    return tuple((found.path, found.kind) for found in ranges[:MAX_PATHS])


class RangeGroup:
    """The filters with ranges over the same paths; `lows[0]` is in ascending order.

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
        """Adds a filter in its place."""
        at = bisect_right(self.lows[0], ranges[0].low)
        for place, found in enumerate(ranges[: len(self.key)]):
            self.lows[place].insert(at, found.low)
            self.highs[place].insert(at, found.high)
        self.filters.insert(at, number)
        self._peaks = None

    def candidates(self, leaves: Leaves) -> list[int]:
        """The filters whose every range reaches into what the event has there."""
        bounds = [leaves.bounds(path, kind) for path, kind in self.key]
        places: list[int] | None = None
        for at, (_, kind) in enumerate(self.key):
            between = bounds[at]
            if between is None:
                return []
            least, greatest = between
            lows, highs = self.lows[at], self.highs[at]
            if places is None:
                end = bisect_right(lows, greatest)
                places = self._reaching(end, least, kind)
            elif kind == "n":
                places = [p for p in places if lows[p] <= greatest and highs[p] >= least]
            else:
                places = [
                    p
                    for p in places
                    if lows[p] <= greatest and (highs[p] is None or highs[p] >= least)
                ]
        return [self.filters[place] for place in places or ()]

    def _reaching(self, end: int, least: Any, kind: str) -> list[int]:
        """The places before `end` whose first upper bound is not below `least`."""
        highs = self.highs[0]
        if self._peaks is None:
            blocks = (highs[start : start + _BLOCK] for start in range(0, len(highs), _BLOCK))
            self._peaks = [None if None in block else max(block) for block in blocks]
        found: list[int] = []
        for block, start in enumerate(range(0, end, _BLOCK)):
            peak = self._peaks[block]
            if peak is not None and peak < least:
                continue
            places = enumerate(highs[start : min(start + _BLOCK, end)], start)
            if kind == "n":
                found += [place for place, high in places if high >= least]
            else:
                found += [place for place, high in places if high is None or high >= least]
        return found


def sorted_group(key: RangeKey, entries: list[tuple[list[Range], int]]) -> RangeGroup:
    """A group of many filters at once."""
    entries = sorted(entries, key=lambda entry: entry[0][0].low)  # type: ignore[arg-type,return-value] # one kind
    lows = [[ranges[at].low for ranges, _ in entries] for at in range(len(key))]
    highs = [[ranges[at].high for ranges, _ in entries] for at in range(len(key))]
    return RangeGroup(key, lows, highs, [number for _, number in entries])
