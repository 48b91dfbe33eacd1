"""List events or deliveries by time, with filters, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass

from hooktrace.domain.ids import ProjectId
from hooktrace.domain.list_cursor import Progress, read_cursor, scope_of, write_cursor
from hooktrace.domain.listing import Filters, edge_ms, stretch_of, window
from hooktrace.domain.shown_size import MOST_SHOWN_BYTES
from hooktrace.ports import Clock, Ledger, Payloads, Record
from hooktrace.reading_ports import CursorKeys, LedgerLists
from hooktrace.usecases.merge_lanes import MORE_READS, MOST_ROWS
from hooktrace.usecases.select_records import Projects, SelectRecords


@dataclass(frozen=True, slots=True)
class Listing:
    """What the caller asks for. `since` (inclusive) and `until` (exclusive) as they wrote them."""

    filters: Filters
    since: str | None = None
    until: str | None = None
    descending: bool = True
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page; it may be short, even empty, while `next_cursor` is there.

    `looked_until_ms` is how far it has looked (Unix milliseconds); None when it reached the end.
    """

    records: tuple[Record, ...]
    next_cursor: str | None
    looked_until_ms: int | None


class ListRecords:
    """The lists of the query room; see `page`."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        payloads: Payloads,
        lists: LedgerLists,
        projects: Projects,
        keys: CursorKeys,
        clock: Clock,
        most_rows: int = MOST_ROWS,
        more_reads: int = MORE_READS,
        most_bytes: int = MOST_SHOWN_BYTES,
    ) -> None:
        self._records = SelectRecords(
            ledger=ledger,
            payloads=payloads,
            lists=lists,
            projects=projects,
            clock=clock,
            most_rows=most_rows,
            more_reads=more_reads,
            most_bytes=most_bytes,
        )
        self._keys = keys
        self._clock = clock

    def page(self, project_id: ProjectId, listing: Listing) -> ListPage:
        """One page of the project's records, by the time their events were accepted.

        Raises InvalidInput (`invalid_parameter`, `invalid_cursor`) and Unavailable. Every record
        that was there when the walk began, and that the filters take all along, is on exactly one
        of its pages.
        """
        now_ms = self._clock.now_ms()
        progress, scope = self._progress(project_id, listing, now_ms)
        whole = stretch_of(progress.low_ms, progress.high_ms, descending=listing.descending)
        stretch = whole.beyond(progress.edge) if progress.edge else whole
        found = self._records.take(project_id, listing.filters, stretch, listing.limit)
        if found.edge is None:
            return ListPage(found.records, None, None)
        here = Progress(progress.low_ms, progress.high_ms, found.edge)
        cursor = write_cursor(here, scope=scope, key=self._keys.cursor_key())
        return ListPage(found.records, cursor, edge_ms(found.edge))

    def _progress(
        self, project_id: ProjectId, listing: Listing, now_ms: int
    ) -> tuple[Progress, bytes]:
        """Where to go on: a first page fixes the window for all that follow."""
        scope = scope_of(
            project_id,
            listing.filters,
            since=listing.since,
            until=listing.until,
            descending=listing.descending,
        )
        if listing.cursor is not None:
            key = self._keys.cursor_key()
            return read_cursor(listing.cursor, scope=scope, key=key), scope
        low_ms, high_ms = window(
            listing.since, listing.until, now_ms=now_ms, descending=listing.descending
        )
        return Progress(low_ms, high_ms, ""), scope
