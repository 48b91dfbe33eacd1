"""However a stream repeats, cuts and interleaves its batches: each record counts once."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from hooktrace.adapters.memory.table import MemoryTable
from hooktrace.adapters.stats import TableStats
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.stats import DAY_MS, NAMES, Happened, windows
from hooktrace.usecases.keep_stats import KeepStats

PROJECT = ProjectId("prj_01M3250V00YPRPA8JAB2VS3201")
ENDPOINTS = [EndpointId(f"ep_01M3250V00YPRPA8JAB2VS320{n}") for n in range(3)]
START_MS = 20_700 * DAY_MS
LANES = 4


class Stream:
    """Stream shards as Lambda reads them: one moves on only when its batch succeeded.

    Each holds ledger shards of its own, as long as none is `split`: then both may hold shard 0.
    """

    def __init__(self, chance: random.Random, *, split: bool) -> None:
        self.chance = chance
        self.table = MemoryTable()
        self.keep = KeepStats(stats=TableStats(self.table))
        self.records: list[Happened] = []
        self.left = [self._shard(lane, 0 if split else lane) for lane in range(2)]
        self.split = split

    def _shard(self, number: int, lane: int) -> list[Happened]:
        made = [self._record(f"{number}.{n}", lane) for n in range(self.chance.randint(0, 90))]
        self.records += made
        return made

    def _record(self, number: str, lane: int) -> Happened:
        return Happened(
            project_id=PROJECT,
            lane=self.chance.choice([lane, lane + 2]),
            record=f"D#{number}#1",
            at_ms=START_MS + self.chance.randrange(2 * DAY_MS),
            names=tuple(self.chance.sample(NAMES, self.chance.randint(1, 3))),
            endpoint_id=self.chance.choice([None, *ENDPOINTS]),
        )

    def run(self) -> None:
        while any(self.left):
            left = self.chance.choice([one for one in self.left if one])
            while not self._step(left) and self.split:
                pass  # a split shard repeats before the other has written much

    def _step(self, left: list[Happened]) -> bool:
        """One invocation; whether the shard moved on. A repeated batch may be cut otherwise."""
        size = self.chance.randint(1, 25)
        fault = self.chance.choice(["", "", "", "before", "after", "later in the room"])

        def fail(_: object) -> None:
            raise Unavailable("throttled")

        if fault == "before":
            self.table.before_write = fail
        if fault == "after":
            self.table.after_write = fail
        try:
            self.keep.run(left[:size])
        except Unavailable:
            return False
        finally:
            self.table.before_write = self.table.after_write = lambda _: None
        if fault:
            return False
        del left[:size]
        return True


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_every_record_counts_exactly_once(seed: int, split: bool) -> None:
    stream = Stream(random.Random(seed), split=split)
    stream.run()
    stats = TableStats(stream.table)
    for endpoint in (None, *ENDPOINTS):
        found = [
            one
            for lane in range(LANES)
            for one in stats.days(PROJECT, lane, endpoint, 20_700, 20_703)
        ]
        wanted = Counter(
            name
            for record in stream.records
            if endpoint is None or record.endpoint_id == endpoint
            for name in record.names
        )
        assert windows(found, START_MS + 3 * DAY_MS)[2].counts == wanted
