"""Traces from a cache once they have come to their end.

What is kept is true for these reasons (ADR 0008):

- Only a settled trace is kept: its event and every delivery are at their end, and the event's
  status is what follows from its deliveries, so no roll-up is under way.
- Whoever changes a settled trace on demand (retry, replay) has it forgotten *before* the change is
  written. For `FORGOTTEN_SECONDS` after that nothing can be kept. A call lasts 29 s at most, so the
  change is written well before; and what was read before the change is kept within
  `FILL_SECONDS` of that read, or not at all.
- Every other change of a settled record (a late result, a bulk operation) is seen in the stream,
  and notify has the event forgotten then.
- What is kept expires by itself after `TRACE_SECONDS`, and with its event.
"""

from __future__ import annotations

from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.events import Payload
from hooktrace.domain.ids import EventId, ProjectId, parse_event_id
from hooktrace.domain.states import DELIVERY_ENDS, EVENT_ENDS, DeliveryStatus, roll_up
from hooktrace.ports import Clock
from hooktrace.reading_ports import FORGOTTEN_SECONDS, Absent, KeptTrace, TraceCache
from hooktrace.usecases.read_trace import ReadTrace, Trace

TRACE_SECONDS = 300
"""What is kept too long after all (nobody could have it forgotten) is gone after so long."""
ABSENT_SECONDS = 10
FILL_SECONDS = FORGOTTEN_SECONDS // 2


class CachedTraces:
    """`ReadTrace` with a cache before it. Whatever the cache does, the answer is right."""

    def __init__(self, traces: ReadTrace, cache: TraceCache, clock: Clock) -> None:
        self._traces = traces
        self._cache = cache
        self._clock = clock

    def event(self, project: ProjectId, text: str, *, start: int = 0) -> Trace | None:
        """As `ReadTrace.event`; from the cache without a read when it is kept there."""
        identifier = parse_event_id(text)
        if identifier is None or start > 0:
            return self._traces.event(project, text, start=start)
        kept = self._find(project, identifier)
        if kept is not None:
            return kept if isinstance(kept, Trace) else None
        started_ms = self._clock.now_ms()
        trace = self._traces.event(project, text)
        self._keep(project, identifier, trace, started_ms)
        return trace

    def delivery(self, project: ProjectId, text: str) -> DeliveryRecord | None:
        """As `ReadTrace.delivery`: deliveries are not cached."""
        return self._traces.delivery(project, text)

    def is_settled(self, project: ProjectId, event: EventId) -> bool:
        """Whether the cache knows that there is nothing to wait for."""
        return self._find(project, event) is not None

    def _find(self, project: ProjectId, event: EventId) -> Trace | Absent | None:
        kept = self._cache.get(project, event)
        if not isinstance(kept, KeptTrace):
            return kept
        expires_s = kept.event.expires_s
        if expires_s is not None and expires_s * 1000 <= self._clock.now_ms():
            return Absent()
        payload = Payload.unpack(kept.packed) if kept.packed is not None else None
        return Trace(event=kept.event, payload=payload, deliveries=kept.deliveries, start=0)

    def _keep(
        self, project: ProjectId, event: EventId, trace: Trace | None, started_ms: int
    ) -> None:
        now_ms = self._clock.now_ms()
        if not 0 <= now_ms - started_ms < FILL_SECONDS * 1000:
            return
        if trace is None:
            self._cache.keep(project, event, Absent(), seconds=ABSENT_SECONDS)
            return
        expires_s = trace.event.expires_s
        left = TRACE_SECONDS if expires_s is None else expires_s - now_ms // 1000
        if is_settled(trace) and left > 0:
            kept = KeptTrace(trace.event, _packed(trace), trace.deliveries)
            self._cache.keep(project, event, kept, seconds=min(TRACE_SECONDS, left))


def is_settled(trace: Trace) -> bool:
    """Whether nothing is under way: all of it is at its end, and fits together."""
    event, deliveries = trace.event, trace.deliveries
    if event.status not in EVENT_ENDS or event.plan_total != len(deliveries) or event.plan_pages:
        return False
    if any(one.version == 0 or one.status not in DELIVERY_ENDS for one in deliveries):
        return False
    latest: dict[str, tuple[int, DeliveryStatus]] = {}
    for one in deliveries:
        known = latest.get(one.endpoint_id)
        if known is None or known[0] <= one.replay:
            latest[one.endpoint_id] = (one.replay, one.status)
    return not latest or roll_up(status for _, status in latest.values()) is event.status


def _packed(trace: Trace) -> bytes | None:
    if trace.event.packed is not None:
        return trace.event.packed
    return trace.payload.pack() if trace.payload is not None else None
