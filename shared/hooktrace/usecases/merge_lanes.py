"""Merge sorted lanes of the ledger into one row, with bounded work.

Each lane is asked for its share. A lane is known up to its edge; what all lanes are known up to
can be handed out in order. The lane that is known least is read on. So one place says how far the
walk has come in every lane, however the records are spread over the shards.
"""

from __future__ import annotations

from collections.abc import Sequence

from hooktrace.domain.listing import Stretch
from hooktrace.reading_ports import Entry, Lane, LaneRead, LedgerLists

MOST_ROWS = 1_000
"""So many rows are looked at for one page (one event's rows are finished beyond that)."""
MORE_READS = 64
"""So many reads of lanes are made for one page, beyond the first of each lane."""
LEAST_SHARE = 4  # of a later read: four records of 1 KB cost as much as one


class MergedLanes:
    """The entries of the lanes within a stretch, in its direction."""

    def __init__(
        self,
        lists: LedgerLists,
        lanes: Sequence[Lane],
        stretch: Stretch,
        *,
        most_rows: int = MOST_ROWS,
        more_reads: int = MORE_READS,
    ) -> None:
        self._lists = lists
        self._lanes = lanes
        self._stretch = stretch
        self._edges: list[str | None] = [stretch.edge] * len(lanes)
        self._waiting: list[Entry] = []  # the next one is the last
        self._taken = ""
        self._fresh = True
        self._most_rows = most_rows
        self._reads_left = more_reads
        self.rows = 0
        self.edge = stretch.edge

    @property
    def is_spent(self) -> bool:
        """Whether the work of one page has been done."""
        return self.rows >= self._most_rows or self._reads_left <= 0

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing left in any lane."""
        return self._known() is None and not self._waiting

    def take(self, count: int, *, eager: bool) -> list[Entry]:
        """The next `count` entries; fewer only at the end, or when the page's work is done.

        `eager` reads all lanes on at once, for when most entries are going to be dropped.
        """
        taken: list[Entry] = []
        while True:
            known = self._known()
            self._move(taken, count, known)
            if len(taken) == count or known is None:
                return taken
            if self.is_spent:
                self.edge = known
                return taken
            self._read_on(known, count - len(taken), eager=eager)

    def _known(self) -> str | None:
        """How far every lane is known; None when all of them ended."""
        edges = [edge for edge in self._edges if edge is not None]
        if not edges:
            return None
        return max(edges) if self._stretch.descending else min(edges)

    def _move(self, taken: list[Entry], count: int, known: str | None) -> None:
        while self._waiting and len(taken) < count:
            place = self._waiting[-1].place
            if known is not None and not self._stretch.is_behind(place, known):
                return
            entry = self._waiting.pop()
            if place != self._taken:  # a record on the move may stand in two lanes of an index
                taken.append(entry)
                self._taken = place
                self.edge = self._stretch.after(place)

    def _read_on(self, known: str, wanted: int, *, eager: bool) -> None:
        behind = [
            position
            for position, edge in enumerate(self._edges)
            if edge is not None and (eager or edge == known)
        ]
        if not self._fresh and len(behind) > self._reads_left:
            behind = [p for p in behind if self._edges[p] == known][: self._reads_left]
        share = -(-wanted // len(self._lanes))
        if not self._fresh:
            self._reads_left -= len(behind)
            share = max(LEAST_SHARE, share)
        share = max(1, min(share, (self._most_rows - self.rows) // len(behind)))
        answers = self._lists.read([self._next_read(position, share) for position in behind])
        for position, answer in zip(behind, answers, strict=True):
            self._edges[position] = answer.edge
            self._waiting += answer.entries
            self.rows += answer.rows
        self._waiting.sort(key=lambda entry: entry.place, reverse=not self._stretch.descending)
        self._fresh = False

    def _next_read(self, position: int, share: int) -> LaneRead:
        edge = self._edges[position]
        assert edge is not None
        rest = self._stretch.beyond(edge)
        return LaneRead(self._lanes[position], rest.low, rest.high, share, rest.descending)
