"""API keys in the registry table: one item for authentication, one for the project's list."""

from __future__ import annotations

from dataclasses import dataclass

from hooktrace.adapters.registry.commit import Committer
from hooktrace.adapters.registry.items import (
    LAST,
    key_items,
    key_lookup_key,
    listed_key_key,
    project_key,
    stored_key_of,
)
from hooktrace.adapters.registry.table import Check, Delete, Put, RegistryTable
from hooktrace.domain.errors import NotFound
from hooktrace.domain.keys import StoredKey
from hooktrace.domain.registry import VersionConflict


@dataclass(frozen=True, slots=True)
class RegistryKeys:
    """Fulfils `KeyStore`."""

    table: RegistryTable
    committer: Committer

    def load_key(self, key_id: str) -> StoredKey | None:
        key = key_lookup_key(key_id)
        item = self.table.get([key]).get(key)
        return stored_key_of(item) if item else None

    def create_key(self, key: StoredKey) -> None:
        ops = [Put(item, over="nothing") for item in key_items(key)]
        failed = self.committer.run([*ops, Check(project_key(key.project_id))])
        if failed == len(ops):
            raise NotFound(f"there is no project {key.project_id}")
        if failed is not None:
            raise VersionConflict(f"a key {key.key_id} exists")

    def list_keys(self, project_id: str) -> list[StoredKey]:
        pk, low = listed_key_key(project_id, "")
        return [
            stored_key_of(item)
            for item in self.table.query(pk, low, listed_key_key(project_id, LAST)[1])
        ]

    def revoke_key(self, project_id: str, key_id: str) -> None:
        listed = listed_key_key(project_id, key_id)
        failed = self.committer.run([Delete(listed, version=1), Delete(key_lookup_key(key_id))])
        if failed is not None:
            raise NotFound(f"there is no key {key_id} in this project")
