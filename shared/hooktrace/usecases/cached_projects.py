"""Projects, remembered for some seconds: their settings seldom change."""

from __future__ import annotations

from typing import Protocol

from hooktrace.domain.registry import Project
from hooktrace.ports import Clock

REMEMBERED_MS = 30_000
MOST = 1_000


class ProjectSource(Protocol):
    """Where projects are read from."""

    def get_project(self, project_id: str) -> Project | None: ...


class CachedProjects:
    """Fulfils the `Projects` of match and deliver; a change is seen within 30 s."""

    def __init__(self, source: ProjectSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._known: dict[str, tuple[int, Project | None]] = {}

    def get_project(self, project_id: str) -> Project | None:
        now_ms = self._clock.now_ms()
        known = self._known.get(project_id)
        if known is not None and 0 <= now_ms - known[0] < REMEMBERED_MS:
            return known[1]
        if len(self._known) >= MOST:
            self._known.clear()
        project = self._source.get_project(project_id)
        self._known[project_id] = (now_ms, project)
        return project


class ListedProjects(ProjectSource, Protocol):
    """Projects, and which there are."""

    def list_projects(self) -> list[str]: ...


class AllProjects(CachedProjects):
    """Remembers each project for some seconds; which there are is always read."""

    def __init__(self, source: ListedProjects, clock: Clock) -> None:
        super().__init__(source, clock)
        self._listed = source

    def list_projects(self) -> list[str]:
        return self._listed.list_projects()
