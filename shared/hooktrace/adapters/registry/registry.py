"""The registry's stores, put together on one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hooktrace.adapters.registry.audit import RegistryAudit
from hooktrace.adapters.registry.commit import Committer
from hooktrace.adapters.registry.data_keys import RegistryDataKeys
from hooktrace.adapters.registry.endpoints import RegistryEndpoints
from hooktrace.adapters.registry.keys import RegistryKeys
from hooktrace.adapters.registry.matching import RegistryMatching
from hooktrace.adapters.registry.projects import RegistryProjects
from hooktrace.adapters.registry.subscriptions import RegistrySubscriptions
from hooktrace.adapters.registry.table import Blobs, RegistryTable


@dataclass(frozen=True, slots=True)
class Registry:
    """All ports of `hooktrace.registry_ports`; a room takes those it needs."""

    projects: RegistryProjects
    keys: RegistryKeys
    endpoints: RegistryEndpoints
    data_keys: RegistryDataKeys
    subscriptions: RegistrySubscriptions
    matching: RegistryMatching
    audit: RegistryAudit


def registry_on(table: RegistryTable, blobs: Blobs, now_ms: Callable[[], int]) -> Registry:
    """The registry on a table and a place for large snapshots."""
    committer = Committer(table, now_ms)
    return Registry(
        projects=RegistryProjects(table, committer),
        keys=RegistryKeys(table, committer),
        endpoints=RegistryEndpoints(table, committer),
        data_keys=RegistryDataKeys(table, committer),
        subscriptions=RegistrySubscriptions(table, committer),
        matching=RegistryMatching(table, blobs),
        audit=RegistryAudit(table, committer),
    )
