"""Add to each near miss of a report what would have made it match, when the report is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hooktrace.domain.events import Payload
from hooktrace.domain.filters import FilterEvent
from hooktrace.domain.filters.lookalikes import Lookalikes
from hooktrace.domain.filters.suggest import with_suggestions
from hooktrace.domain.strict_json import parse_value
from hooktrace.usecases.cached_projects import ProjectSource
from hooktrace.usecases.read_trace import Trace


class SuggestFixes:
    """Made from the stored clauses and the event's data: they stay true of the decision that was
    made, also when the subscription has changed since. Nothing of it is stored."""

    def __init__(self, projects: ProjectSource) -> None:
        self._projects = projects

    def report(self, trace: Trace) -> Mapping[str, Any] | None:
        """The event's report with a `suggestion` at each clause that has one.

        Unchanged where there is nothing to explain, where the data is not stored any more, and
        for projects with `redact_actual`: a suggestion shows what the event has. Costs nothing
        for a report without near misses, else a parse of the data. Raises Unavailable.
        """
        report, payload = trace.event.report, trace.payload
        if report is None or payload is None or not report["near_misses"]:
            return report
        project = self._projects.get_project(trace.event.project_id)
        if project is None or project.redact_actual or _was_redacted(report):
            return report
        return _suggested(report, trace.event.type, payload)


def _suggested(report: Mapping[str, Any], event_type: str, payload: Payload) -> dict[str, Any]:
    event = FilterEvent(event_type, payload.headers, parse_value(payload.data))
    lookalikes = Lookalikes(event)
    misses = [
        {**miss, "clauses": with_suggestions(miss["clauses"], event, lookalikes=lookalikes)}
        for miss in report["near_misses"]
    ]
    return {**report, "near_misses": misses}


def _was_redacted(report: Mapping[str, Any]) -> bool:
    """Whether the report was made while the project kept values out: a value is left out that
    there was."""
    return any(
        clause["reason"] in ("value", "type") and clause["path"] != "" and "actual" not in clause
        for miss in report["near_misses"]
        for clause in miss["clauses"]
    )
