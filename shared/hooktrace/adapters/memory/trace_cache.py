"""A trace cache in memory, with the times to live of a server."""

from __future__ import annotations

from collections.abc import Iterable

from hooktrace.adapters.trace_cache.values import FORGOTTEN, decode, encode
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.ports import Clock
from hooktrace.reading_ports import FORGOTTEN_SECONDS, Absent, KeptTrace


class MemoryTraceCache:
    """Fulfils `TraceCache`. While `broken` it is as a server that is away."""

    def __init__(self, clock: Clock) -> None:
        self.values: dict[tuple[str, str], tuple[bytes, int]] = {}
        self.broken = False
        self._clock = clock

    def _value(self, key: tuple[str, str]) -> bytes | None:
        value, until_ms = self.values.get(key, (b"", 0))
        return value if until_ms > self._clock.now_ms() else None

    def get(self, project: ProjectId, event: EventId) -> KeptTrace | Absent | None:
        value = None if self.broken else self._value((project, event))
        return None if value is None else decode(value, project, event)

    def keep(
        self, project: ProjectId, event: EventId, found: KeptTrace | Absent, *, seconds: int
    ) -> None:
        value, key = encode(found), (project, event)
        if value is not None and not self.broken and self._value(key) is None:
            self.values[key] = (value, self._clock.now_ms() + seconds * 1000)

    def forget(self, refs: Iterable[tuple[ProjectId, EventId]]) -> None:
        if self.broken:
            raise Unavailable("the cache is away")
        until_ms = self._clock.now_ms() + FORGOTTEN_SECONDS * 1000
        self.values |= dict.fromkeys(refs, (FORGOTTEN, until_ms))
