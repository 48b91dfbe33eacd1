"""Wrapped data keys in the registry table, one item for each project and generation."""

from __future__ import annotations

from dataclasses import dataclass

from hooktrace.adapters.registry.commit import Committer
from hooktrace.adapters.registry.items import data_key_key, project_key, to_item
from hooktrace.adapters.registry.table import Check, Key, Put, RegistryTable
from hooktrace.domain.errors import NotFound


@dataclass(frozen=True, slots=True)
class RegistryDataKeys:
    """Fulfils `hooktrace.adapters.vault.DataKeys`.

    Generation 1 is the only one that is made today; texts name theirs, so that others can follow.
    """

    table: RegistryTable
    committer: Committer

    def newest(self, project_id: str) -> tuple[int, bytes] | None:
        wrapped = self.wrapped(project_id, 1)
        return None if wrapped is None else (1, wrapped)

    def wrapped(self, project_id: str, generation: int) -> bytes | None:
        key: Key = data_key_key(project_id, generation)
        item = self.table.get([key]).get(key)
        if item is None:
            return None
        wrapped: bytes = item["wrapped"]["B"]
        return wrapped

    def add(self, project_id: str, generation: int, wrapped: bytes) -> bool:
        key = data_key_key(project_id, generation)
        fields = {"wrapped": wrapped, "created_ms": self.committer.now_ms()}
        failed = self.committer.run(
            [Put(to_item(key, fields, version=1), over="nothing"), Check(project_key(project_id))]
        )
        if failed == 1:
            raise NotFound(f"there is no project {project_id}")
        return failed is None
