"""Housekeeping of the registry: snapshots for cold matchers, leftovers of deleted endpoints."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from hooktrace.registry_ports import PurgeStore
from hooktrace.usecases.matching_sets import Snapshots

SNAPSHOT_LAG = 200
PURGE_PIECES = 20


class Projects(Protocol):
    """All projects."""

    def list_projects(self) -> list[str]: ...


def keep_registry(projects: Projects, purges: PurgeStore, snapshots: Snapshots) -> Counter[str]:
    """One round; every step may be repeated or cut off anywhere."""
    counts: Counter[str] = Counter()
    for project, endpoint in purges.pending_purges():
        for _ in range(PURGE_PIECES):
            counts["purged"] += 1
            if purges.purge_subscriptions(project, endpoint):
                break
    for project in projects.list_projects():
        counts["snapshots"] += snapshots.publish(project, lag=SNAPSHOT_LAG)
    return counts
