"""Projects in the registry table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hooktrace.adapters.registry.commit import Committer
from hooktrace.adapters.registry.items import (
    LAST,
    key_items,
    project_item,
    project_key,
    project_of,
    stamp_key,
    to_item,
)
from hooktrace.adapters.registry.table import Put, RegistryTable
from hooktrace.domain.keys import StoredKey
from hooktrace.domain.registry import Project, VersionConflict


@dataclass(frozen=True, slots=True)
class RegistryProjects:
    """Fulfils `ProjectStore`."""

    table: RegistryTable
    committer: Committer

    def create_project(self, project: Project, keys: Iterable[StoredKey]) -> None:
        items = [
            project_item(project),
            to_item(("PROJECTS", project.id), {}),
            to_item(stamp_key(project.id), {}, version=0),
            *(item for key in keys for item in key_items(key)),
        ]
        if self.committer.run([Put(item, over="nothing") for item in items]) is not None:
            raise VersionConflict(f"a project {project.id} exists")

    def get_project(self, project_id: str) -> Project | None:
        key = project_key(project_id)
        item = self.table.get([key]).get(key)
        return project_of(item) if item else None

    def replace_project(self, project: Project, *, before: Project) -> Project:
        after = replace(project, version=before.version + 1)
        if self.committer.run([Put(project_item(after), over=before.version)]) is not None:
            raise VersionConflict(f"project {after.id} has changed")
        return after

    def list_projects(self) -> list[str]:
        return [item["SK"]["S"] for item in self.table.query("PROJECTS", "", LAST)]
