"""Read the statistics of a project, or of one of its endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.registry import Project
from hooktrace.domain.stats import DAY_MS, Window, first_day, windows
from hooktrace.ports import Clock, StatsStore


class Projects(Protocol):
    """Says into how many shards a project is divided."""

    def get_project(self, project_id: str) -> Project | None: ...


@dataclass(frozen=True, slots=True)
class Stats:
    """What happened up to `now_ms`, by window."""

    now_ms: int
    windows: tuple[Window, ...]


class ReadStats:
    """Answers for the query room; see `run`."""

    def __init__(self, *, stats: StatsStore, projects: Projects, clock: Clock) -> None:
        self._stats = stats
        self._projects = projects
        self._clock = clock

    def run(self, project_id: ProjectId, endpoint_id: EndpointId | None) -> Stats:
        """One Query for each shard of the project, of at most 31 items each, however many events.

        An endpoint that this project does not have has no counts. Raises Unavailable.
        """
        now_ms = self._clock.now_ms()
        project = self._projects.get_project(project_id)
        found = [
            one
            for lane in range(project.shards if project else 0)
            for one in self._stats.days(
                project_id, lane, endpoint_id, first_day(now_ms), now_ms // DAY_MS
            )
        ]
        return Stats(now_ms, windows(found, now_ms))
