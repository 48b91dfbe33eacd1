"""The subscriptions with the same event types, reached through what their filters ask for.

Filters are numbered; the same text has the same number, and is looked at once for all its
subscriptions. Structures are plain dicts and lists of strings and numbers, so that a snapshot
loads as fast as `marshal` reads.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from hooktrace.domain.filters.values import KINDS
from hooktrace.domain.matching.access import Access, Equality, Prefix
from hooktrace.domain.matching.leaves import Leaves, Wanted
from hooktrace.domain.matching.ranges import (
    RangeGroup,
    RangeKey,
    leading_first,
    range_key,
    sorted_group,
)

Numbers = int | list[int]
"""Filter or subscription numbers; most often there is one."""


def as_list(numbers: Numbers) -> list[int]:
    """One number or many, as a list."""
    return [numbers] if type(numbers) is int else cast("list[int]", numbers)


def add_number(table: dict[Any, Numbers], key: object, number: int) -> None:
    """Adds a number under a key."""
    known = table.get(key)
    if known is None:
        table[key] = number
    elif type(known) is int:
        table[key] = [known, number]
    else:
        cast("list[int]", known).append(number)


class Bucket:
    """One set of event types.

    `members` leads from a filter's number to its subscriptions (all that are not disabled
    themselves), `order` lists these by subscription id. A filter without subscriptions stays in
    place until the index is built anew.
    """

    __slots__ = (
        "endpoint_disabled",
        "equal",
        "members",
        "order",
        "prefixes",
        "ranges",
        "rest",
        "size",
        "subscription_disabled",
    )

    def __init__(self) -> None:
        self.size = 0
        self.subscription_disabled = 0
        self.endpoint_disabled = 0
        self.members: dict[int, Numbers] = {}
        self.order: list[int] = []
        self.equal: dict[str, dict[str, dict[Any, Numbers]]] = {}
        self.prefixes: dict[str, dict[int, dict[Any, Numbers]]] = {}
        self.ranges: dict[RangeKey, RangeGroup] = {}
        self.rest: list[int] = []

    def candidates(self, leaves: Leaves) -> list[int]:
        """The filters that might match, each once."""
        found: list[int] = list(self.rest)
        for path, values in leaves.by_path.items():
            kinds = self.equal.get(path)
            if kinds is not None:
                _equal_candidates(kinds, values, found)
            lengths = self.prefixes.get(path)
            if lengths is not None:
                _prefix_candidates(lengths, values, found)
        for group in self.ranges.values():
            found += group.candidates(leaves)
        return list(dict.fromkeys(found))

    def place(self, number: int, access: Access, wanted: Wanted) -> None:
        """Puts a new filter where its rarest access predicate leads, and notes the paths."""
        if access.points:
            point = min(access.points, key=self._share)
            self._place_at(number, point)
            wanted.add(point.path)
        elif access.ranges:
            ranges = leading_first(access.ranges)
            key = range_key(ranges)
            if key not in self.ranges:
                self.ranges[key] = RangeGroup(key, [[] for _ in key], [[] for _ in key], [])
            self.ranges[key].insert(ranges, number)
            for path, *_ in key:
                wanted.add(path)
        else:
            self.rest.append(number)

    def place_all(self, filters: dict[int, Access]) -> None:
        """Puts many filters in place at once; the whole of them decides what is rare."""
        points = (point for access in filters.values() for point in access.points)
        shares = Counter((point.path, *part) for point in points for part in _parts(point))

        def share(point: Equality | Prefix) -> int:
            return sum(shares[(point.path, *part)] for part in _parts(point))

        ranged: dict[RangeKey, list[Any]] = {}
        for number, access in filters.items():
            if access.points:
                self._place_at(number, min(access.points, key=share))
            elif access.ranges:
                ranges = leading_first(access.ranges)
                ranged.setdefault(range_key(ranges), []).append((ranges, number))
            else:
                self.rest.append(number)
        for key, entries in ranged.items():
            self.ranges[key] = sorted_group(key, entries)

    def want(self, wanted: Wanted) -> None:
        """Notes the paths this bucket asks for."""
        for path in (*self.equal, *self.prefixes):
            wanted.add(path)
        for key in self.ranges:
            for path, *_ in key:
                wanted.add(path)

    def _place_at(self, number: int, point: Equality | Prefix) -> None:
        if isinstance(point, Equality):
            kinds = self.equal.setdefault(point.path, {})
            for kind, value in set(point.values):
                add_number(kinds.setdefault(kind, {}), value, number)
        else:
            lengths = self.prefixes.setdefault(point.path, {})
            for text in set(point.texts):
                add_number(lengths.setdefault(len(text), {}), text, number)

    def _share(self, point: Equality | Prefix) -> int:
        if isinstance(point, Equality):
            kinds = self.equal.get(point.path, {})
            tables = [(kinds.get(kind, {}), value) for kind, value in point.values]
        else:
            lengths = self.prefixes.get(point.path, {})
            tables = [(lengths.get(len(text), {}), text) for text in point.texts]
        return sum(1 + len(as_list(table.get(value, []))) for table, value in tables)

    def to_plain(self) -> tuple[Any, ...]:
        """Plain values for a snapshot."""
        groups = [(g.key, g.lows, g.highs, g.filters) for g in self.ranges.values()]
        counts = (self.size, self.subscription_disabled, self.endpoint_disabled)
        return (counts, self.members, self.equal, self.prefixes, groups, self.rest)

    @classmethod
    def from_plain(cls, plain: tuple[Any, ...], order: list[int]) -> Bucket:
        """The inverse of `to_plain`."""
        bucket = cls()
        counts, bucket.members, bucket.equal, bucket.prefixes, groups, bucket.rest = plain
        bucket.size, bucket.subscription_disabled, bucket.endpoint_disabled = counts
        bucket.ranges = {key: RangeGroup(key, *columns) for key, *columns in groups}
        bucket.order = order
        return bucket


def _parts(point: Equality | Prefix) -> tuple[tuple[Any, ...], ...]:
    if isinstance(point, Equality):
        return point.values
    return tuple(("prefix", text) for text in point.texts)


def _equal_candidates(
    kinds: dict[str, dict[Any, Numbers]], values: list[object], found: list[int]
) -> None:
    for value in values:
        table = kinds.get(KINDS[type(value)])
        numbers = None if table is None else table.get(value)
        if type(numbers) is int:
            found.append(numbers)
        elif numbers is not None:
            found += cast("list[int]", numbers)


def _prefix_candidates(
    lengths: dict[int, dict[Any, Numbers]], values: list[object], found: list[int]
) -> None:
    for value in values:
        if type(value) is str:
            for length, table in lengths.items():
                if length <= len(value) and (numbers := table.get(value[:length])) is not None:
                    found += as_list(numbers)
