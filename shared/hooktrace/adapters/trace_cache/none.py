"""No cache: the default."""

from __future__ import annotations

from collections.abc import Iterable

from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.reading_ports import Absent, KeptTrace


class NoTraceCache:
    """Fulfils `TraceCache` and keeps nothing."""

    def get(self, project: ProjectId, event: EventId) -> KeptTrace | Absent | None:
        return None

    def keep(
        self, project: ProjectId, event: EventId, found: KeptTrace | Absent, *, seconds: int
    ) -> None:
        return

    def forget(self, refs: Iterable[tuple[ProjectId, EventId]]) -> None:
        return
