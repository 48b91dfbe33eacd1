"""Strict ingest: an event that no subscription wants is refused, and recorded all the same."""

from __future__ import annotations

from hooktrace.domain.events import EventRecord
from hooktrace.domain.filters import FilterEvent
from hooktrace.domain.new_event import NewEvent
from hooktrace.domain.registry import Project
from hooktrace.domain.strict_json import parse_value
from hooktrace.usecases.ingest_events import IngestEvents
from hooktrace.usecases.match_events import Sets


def reject_unmatched(
    new: NewEvent, project: Project, *, sets: Sets, events: IngestEvents
) -> EventRecord | None:
    """The `rejected` record with its match report, or None when something matches.

    An event whose idempotency key is taken was judged when it came first: its answer is the one
    that stands. One read of the change log, and one write only when nothing matches. Raises
    Unavailable.
    """
    if events.is_known(new, project):
        return None
    event = FilterEvent(new.type, new.payload.headers, parse_value(new.payload.data))
    decision = sets.get(project.id).match(event)
    if decision.matched:
        return None
    report = decision.report.to_json(redact_actual=project.redact_actual)
    return events.reject(new, project, report)
