"""The matching index of one project's subscriptions."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from heapq import nsmallest
from itertools import islice
from typing import Final

from hooktrace.domain.filters import FilterEvent
from hooktrace.domain.matching.access import Access, access_of
from hooktrace.domain.matching.bucket import Bucket, add_number, as_list
from hooktrace.domain.matching.columns import REMOVED, Columns
from hooktrace.domain.matching.filters_cache import FilterCache
from hooktrace.domain.matching.leaves import Leaves, Wanted
from hooktrace.domain.matching.report import (
    MAX_EXPLAINED,
    MAX_NEAR_MISSES,
    MatchDecision,
    MatchReport,
    NearMiss,
    Suspect,
    explain_misses,
)
from hooktrace.domain.matching.rows import MatchRow
from hooktrace.domain.matching.similar_types import SimilarTypes
from hooktrace.domain.matching.snapshot import pack, unpack
from hooktrace.domain.matching.type_index import TypeIndex

_MIN_LEFT_BEHIND = 1_000

BYTES_A_SUBSCRIPTION: Final = 450
"""Besides the text of its filter; measured at 100 000, after changes (`bench.matching`)."""


class SubscriptionIndex:
    """Which subscriptions want an event.

    Subscriptions are numbered; buckets hold those with the same event types and lead from what
    an event has to the filters that might match, each of which is then evaluated in full.
    """

    def __init__(self, filters: FilterCache | None = None) -> None:
        self._columns = Columns()
        self._disabled: set[str] = set()
        self._types = TypeIndex()
        self._buckets: list[Bucket] = []
        self._size = 0
        self._filters = FilterCache() if filters is None else filters
        self._wanted: Wanted | None = None
        self._similar: SimilarTypes | None = None

    @classmethod
    def build(
        cls,
        rows: Iterable[MatchRow],
        disabled_endpoints: Iterable[str],
        filters: FilterCache | None = None,
    ) -> SubscriptionIndex:
        """An index of rows (of two with the same subscription id the last counts).

        `filters`: compiled filters that indexes share; its own without.
        """
        index = cls(filters)
        index._disabled = set(disabled_endpoints)
        columns = index._columns
        new: dict[int, dict[int, Access]] = {}
        latest = {row.subscription_id: row for row in rows}
        for subscription_id in sorted(latest):
            number, is_new = index._add(latest[subscription_id])
            bucket, filter_number = columns.bucket_of[number], columns.filter_of[number]
            if is_new:
                new.setdefault(bucket, {})[filter_number] = access_of(columns.text(number))
            if columns.enabled[number]:
                index._buckets[bucket].order.append(number)
        for bucket, accesses in new.items():
            index._buckets[bucket].place_all(accesses)
        return index

    def __len__(self) -> int:
        return self._size

    @property
    def held_bytes(self) -> int:
        """About what it holds in memory, without the compiled filters."""
        columns = self._columns
        return BYTES_A_SUBSCRIPTION * len(columns.ids) + columns.text_characters

    def rows(self) -> Iterator[MatchRow]:
        """The subscriptions as rows, in no particular order."""
        rows = map(self._columns.row, range(len(self._columns.ids)))
        return (row for row in rows if row is not None)

    def apply(
        self,
        upserts: Iterable[MatchRow],
        removed: Iterable[str],
        endpoints_disabled: Iterable[str],
        endpoints_enabled: Iterable[str],
    ) -> None:
        """Brings the index up to date; costs what the change costs, not what the index holds."""
        self._similar = None
        for subscription_id in removed:
            self._remove(subscription_id)
        for row in upserts:
            self._remove(row.subscription_id)
            self._insert(row)
        for endpoint_id in endpoints_disabled:
            self._set_endpoint(endpoint_id, disabled=True)
        for endpoint_id in endpoints_enabled:
            self._set_endpoint(endpoint_id, disabled=False)
        if len(self._columns.ids) - self._size > max(_MIN_LEFT_BEHIND, self._size):
            self._take_over(self.build(self.rows(), self._disabled))

    def match(self, event: FilterEvent) -> MatchDecision:
        """The endpoints that get the event, and the report. No event can make it raise."""
        buckets = [self._buckets[number] for number in self._types.buckets(event.type)]
        leaves = Leaves(event, self._wanted_paths())
        verdicts: dict[int, bool] = {}
        matched: list[int] = []
        failed: list[int] = []
        for bucket in buckets:
            for filter_number in bucket.candidates(leaves):
                live = self._live(as_list(bucket.members[filter_number]))
                if not live:
                    continue
                verdict = verdicts.get(filter_number)
                if verdict is None:
                    chosen = self._filters.get(self._columns.texts[filter_number])
                    verdict = verdicts[filter_number] = chosen.matches(event)
                (matched if verdict else failed).extend(live)
        report = self._report(event, buckets, verdicts, len(matched), failed)
        return MatchDecision(self._by_endpoint(matched), report)

    def dumps(self) -> bytes:
        """A compiled snapshot for `loads`."""
        if len(self._columns.ids) != self._size:
            return self.build(self.rows(), self._disabled).dumps()
        return pack(
            (
                self._columns.to_plain(),
                sorted(self._disabled),
                (self._types.exact, self._types.trie),
                [bucket.to_plain() for bucket in self._buckets],
                [array("I", bucket.order).tobytes() for bucket in self._buckets],
            )
        )

    @classmethod
    def loads(cls, data: bytes, filters: FilterCache | None = None) -> SubscriptionIndex:
        """An index from a snapshot; filters are compiled when they are first candidates.

        Raises StaleSnapshot when this Python cannot read it; build from rows then.
        """
        columns, disabled, types, buckets, orders = unpack(data)
        index = cls(filters)
        index._columns = Columns.from_plain(columns)
        index._disabled = set(disabled)
        index._types = TypeIndex(*types)
        index._buckets = [
            Bucket.from_plain(bucket, array("I", order).tolist())
            for bucket, order in zip(buckets, orders, strict=True)
        ]
        index._size = len(index._columns.ids)
        return index

    def _report(
        self,
        event: FilterEvent,
        buckets: list[Bucket],
        verdicts: dict[int, bool],
        matched: int,
        failed: list[int],
    ) -> MatchReport:
        of_type = sum(bucket.size for bucket in buckets)
        subscription_disabled = sum(bucket.subscription_disabled for bucket in buckets)
        endpoint_disabled = sum(bucket.endpoint_disabled for bucket in buckets)
        passed_index = self._suspects(self._first_by_id(failed, MAX_EXPLAINED))
        room = max(0, MAX_NEAR_MISSES - len(passed_index))
        others = self._suspects(self._others(buckets, verdicts, room))

        def explain() -> tuple[NearMiss, ...]:
            return explain_misses(passed_index, others, self._filters.get, event)

        return MatchReport(
            self._size,
            matched,
            {
                "type": self._size - of_type,
                "filter": of_type - subscription_disabled - endpoint_disabled - matched,
                "endpoint_disabled": endpoint_disabled,
                "subscription_disabled": subscription_disabled,
            },
            explain,
            lambda: self._similar_types().nearest(event.type),
        )

    def _similar_types(self) -> SimilarTypes:
        """The patterns of subscriptions that are enabled, as their endpoints are."""
        if self._similar is None:
            live = (
                number
                for number, bucket in enumerate(self._buckets)
                if bucket.size > bucket.subscription_disabled + bucket.endpoint_disabled
            )
            patterns = self._columns.patterns
            self._similar = SimilarTypes(name for number in live for name in patterns[number])
        return self._similar

    def _first_by_id(self, numbers: list[int], count: int) -> list[int]:
        return nsmallest(count, numbers, key=self._columns.ids.__getitem__)

    def _others(self, buckets: list[Bucket], verdicts: dict[int, bool], room: int) -> list[int]:
        """The first live subscriptions by id whose filter was not even a candidate."""
        filter_of = self._columns.filter_of
        found: list[int] = []
        for bucket in buckets if room else ():
            outside = (n for n in bucket.order if filter_of[n] not in verdicts)
            found += islice((n for n in outside if self._is_live(n)), room)
        return self._first_by_id(found, room)

    def _suspects(self, numbers: list[int]) -> list[Suspect]:
        columns = self._columns
        return [Suspect(columns.ids[n], columns.endpoint(n), columns.text(n)) for n in numbers]

    def _is_live(self, number: int) -> bool:
        return self._columns.endpoint(number) not in self._disabled

    def _live(self, numbers: list[int]) -> list[int]:
        return [n for n in numbers if self._is_live(n)] if self._disabled else numbers

    def _by_endpoint(self, matched: list[int]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        grouped: dict[str, list[str]] = {}
        for number in matched:
            endpoint = self._columns.endpoint(number)
            grouped.setdefault(endpoint, []).append(self._columns.ids[number])
        return tuple((endpoint, tuple(sorted(grouped[endpoint]))) for endpoint in sorted(grouped))

    def _wanted_paths(self) -> Wanted:
        if self._wanted is None:
            self._wanted = Wanted()
            for bucket in self._buckets:
                bucket.want(self._wanted)
        return self._wanted

    def _add(self, row: MatchRow) -> tuple[int, bool]:
        """Numbers and counts a row; says whether its filter is new to the bucket, to be placed."""
        number = self._columns.append(row)
        self._size += 1
        bucket_number = self._columns.bucket_of[number]
        if bucket_number == len(self._buckets):
            self._buckets.append(Bucket())
            for pattern in self._columns.patterns[bucket_number]:
                self._types.add(pattern, bucket_number)
        bucket = self._buckets[bucket_number]
        bucket.size += 1
        if not row.enabled:
            bucket.subscription_disabled += 1
            return number, False
        bucket.endpoint_disabled += row.endpoint_id in self._disabled
        filter_number = self._columns.filter_of[number]
        is_new = filter_number not in bucket.members
        add_number(bucket.members, filter_number, number)
        return number, is_new

    def _insert(self, row: MatchRow) -> None:
        number, is_new = self._add(row)
        bucket = self._buckets[self._columns.bucket_of[number]]
        if row.enabled:
            bucket.order.insert(self._place_in_order(bucket, row.subscription_id), number)
        if is_new:
            wanted = self._wanted_paths()
            filter_number = self._columns.filter_of[number]
            bucket.place(filter_number, access_of(self._columns.text(number)), wanted)

    def _remove(self, subscription_id: str) -> None:
        number = self._columns.numbers.subscriptions.pop(subscription_id, None)
        if number is None:
            return
        bucket = self._buckets[self._columns.bucket_of[number]]
        bucket.size -= 1
        self._size -= 1
        self._columns.bucket_of[number] = REMOVED
        if not self._columns.enabled[number]:
            bucket.subscription_disabled -= 1
            return
        bucket.endpoint_disabled -= not self._is_live(number)
        del bucket.order[self._place_in_order(bucket, subscription_id)]
        filter_number = self._columns.filter_of[number]
        left = [n for n in as_list(bucket.members[filter_number]) if n != number]
        bucket.members[filter_number] = left

    def _place_in_order(self, bucket: Bucket, subscription_id: str) -> int:
        return bisect_left(bucket.order, subscription_id, key=self._columns.ids.__getitem__)

    def _set_endpoint(self, endpoint_id: str, *, disabled: bool) -> None:
        if (endpoint_id in self._disabled) is disabled:
            return
        columns = self._columns
        endpoint = columns.numbers.endpoints.get(endpoint_id)
        for number, other in enumerate(columns.endpoint_of):
            bucket = columns.bucket_of[number]
            if other == endpoint and columns.enabled[number] and bucket != REMOVED:
                self._buckets[bucket].endpoint_disabled += 1 if disabled else -1
        if disabled:
            self._disabled.add(endpoint_id)
        else:
            self._disabled.discard(endpoint_id)

    def _take_over(self, fresh: SubscriptionIndex) -> None:
        """Becomes an index built anew, without what removed subscriptions left behind."""
        self._columns, self._types = fresh._columns, fresh._types
        self._buckets, self._wanted = fresh._buckets, None
