"""Select events or deliveries that filters take, a bounded piece at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hooktrace.domain.ids import ProjectId
from hooktrace.domain.listing import Filters, Source, Stretch, choose_source
from hooktrace.domain.registry import Project
from hooktrace.domain.shown_size import MOST_SHOWN_BYTES
from hooktrace.ports import Clock, Ledger, Payloads, Record
from hooktrace.reading_ports import Lane, LedgerLists
from hooktrace.usecases.merge_lanes import MORE_READS, MOST_ROWS, MergedLanes
from hooktrace.usecases.walk_ledger import Walk

DAY_MS = 86_400_000


class Projects(Protocol):
    """Says into how many shards a project is divided."""

    def get_project(self, project_id: str) -> Project | None: ...


@dataclass(frozen=True, slots=True)
class Selected:
    """Some records in the order of the walk, and the edge where it goes on (None: it is over)."""

    records: tuple[Record, ...]
    edge: str | None


class SelectRecords:
    """What lists and bulk operations have in common: one vocabulary, one walk."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        payloads: Payloads,
        lists: LedgerLists,
        projects: Projects,
        clock: Clock,
        most_rows: int = MOST_ROWS,
        more_reads: int = MORE_READS,
        most_bytes: int = MOST_SHOWN_BYTES,
    ) -> None:
        self._ledger = ledger
        self._payloads = payloads
        self._lists = lists
        self._projects = projects
        self._clock = clock
        self._most_rows = most_rows
        self._more_reads = more_reads
        self._most_bytes = most_bytes

    def take(
        self, project_id: ProjectId, filters: Filters, stretch: Stretch, limit: int
    ) -> Selected:
        """Up to `limit` records of the stretch, with bounded work: maybe none, and yet not over."""
        project = self._projects.get_project(project_id)
        if stretch.is_empty or project is None:
            return Selected((), None)
        source = choose_source(filters)
        lanes = MergedLanes(
            self._lists,
            lanes_of(project_id, project.shards, source),
            stretch.of_events() if source.kind == "E" else stretch,
            most_rows=self._most_rows,
            more_reads=self._more_reads,
        )
        now_ms = self._clock.now_ms()
        walk = Walk(
            project=project_id,
            filters=filters,
            source=source,
            stretch=stretch,
            lanes=lanes,
            most_bytes=self._most_bytes,
            ledger=self._ledger,
            payloads=self._payloads,
            now_ms=now_ms,
            oldest_ms=now_ms - project.retention_days * DAY_MS,
        )
        walk.run(limit)
        is_over = walk.is_over or stretch.beyond(walk.edge).is_empty
        return Selected(tuple(walk.found), None if is_over else walk.edge)


def lanes_of(project_id: ProjectId, shards: int, source: Source) -> list[Lane]:
    """The rows that have the candidates of a source."""
    if source.index == "by_endpoint":
        return [Lane(project_id, source.kind, None, "by_endpoint", name) for name in source.names]
    names = source.names if source.index else ("",)
    return [
        Lane(project_id, source.kind, shard, source.index, name)
        for name in names
        for shard in range(shards)
    ]
