"""What matchers read: the change log, the whole set, and compiled snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hooktrace.adapters.registry.endpoint_items import endpoint_of
from hooktrace.adapters.registry.items import (
    LAST,
    STAMP,
    change_key,
    change_of,
    endpoint_key,
    stamp_key,
    subscription_key,
    subscription_of,
    to_item,
    version_of,
)
from hooktrace.adapters.registry.table import Blobs, Put, RegistryTable
from hooktrace.domain.registry import Changes, MatchingSet, fold_changes

if TYPE_CHECKING:
    from hooktrace.domain.matching import MatchRow

INLINE_SNAPSHOT_BYTES = 300_000
"""Larger snapshots go to S3: an item holds 400 KB, and reading it costs by its size."""

VERSION_BYTES = 8
"""In front of a snapshot in S3. The object is overwritten, so it says its version itself: whichever
of two writers is last, a reader has a version that fits the data."""

READS = 3
LONGEST_LOG = 5_000


@dataclass(frozen=True, slots=True)
class RegistryMatching:
    """Fulfils `MatchingSource`."""

    table: RegistryTable
    blobs: Blobs

    def changes_since(self, project_id: str, version: int) -> Changes | None:
        """One range read: the changes after `version`, in order, then the stamp.

        The read may pass the log just before a transaction and the stamp just after it; then the
        stamp is ahead of the log, and what is missing is read again. A gap anywhere else, or one
        that stays, means that the log has expired.
        """
        steps: list[Changes] = []
        reached = version
        for _ in range(READS):
            pk, low = change_key(project_id, reached)
            items = self.table.query(pk, f"{low} ", LAST, limit=LONGEST_LOG)
            *log, stamp = items or [{}]
            if not stamp or stamp["SK"]["S"] != STAMP:
                return None
            for item in log:
                step = change_of(item)
                if step.version != reached + 1:
                    return None
                steps.append(step)
                reached = step.version
            if version_of(stamp) <= reached:
                break
        else:
            return None
        if version > version_of(stamp):
            return None
        return fold_changes(version, steps)

    def load_matching_set(self, project_id: str) -> MatchingSet:
        """Reads the stamp first: what changes meanwhile comes again with the next changes."""
        key = stamp_key(project_id)
        stamp = self.table.get([key]).get(key)
        if stamp is None:
            return MatchingSet(0, (), frozenset())
        pk, low = endpoint_key(project_id, "")
        stored = self.table.each(pk, low, endpoint_key(project_id, LAST)[1])
        enabled = {
            endpoint.id: endpoint.state == "enabled" for endpoint in map(endpoint_of, stored)
        }
        low, high = subscription_key(project_id, "")[1], subscription_key(project_id, LAST)[1]
        found = (subscription_of(item).match_row() for item in self.table.each(pk, low, high))
        return MatchingSet(
            version=version_of(stamp),
            rows=tuple(_of_one_copy(row for row in found if row.endpoint_id in enabled)),
            disabled_endpoints=frozenset(eid for eid, on in enabled.items() if not on),
        )

    def read_snapshot(self, project_id: str) -> tuple[int, bytes] | None:
        key = _snapshot_key(project_id)
        item = self.table.get([key]).get(key)
        if item is None:
            return None
        if "blob" in item:
            stored = self.blobs.get(item["blob"]["S"])
            if stored is None:
                return None
            return int.from_bytes(stored[:VERSION_BYTES], "big"), stored[VERSION_BYTES:]
        return version_of(item), item["data"]["B"]

    def write_snapshot(self, project_id: str, version: int, data: bytes) -> None:
        key = _snapshot_key(project_id)
        before = self.table.get([key]).get(key)
        if before is not None and version_of(before) >= version:
            return
        fields: dict[str, str | bytes] = {"data": data}
        if len(data) > INLINE_SNAPSHOT_BYTES:
            name = f"snapshots/{project_id}"
            self.blobs.put(name, version.to_bytes(VERSION_BYTES, "big") + data)
            fields = {"blob": name}
        put = Put(
            to_item(key, fields, version=version),
            over="nothing" if before is None else version_of(before),
        )
        self.table.transact([put])  # refused: somebody else has just published one


def _of_one_copy(rows: Iterable[MatchRow]) -> Iterator[MatchRow]:
    """The rows, with one copy of what many have alike: a large project has few event types."""
    ids: dict[str, str] = {}
    types: dict[tuple[str, ...], tuple[str, ...]] = {}
    for row in rows:
        yield replace(
            row,
            endpoint_id=ids.setdefault(row.endpoint_id, row.endpoint_id),
            event_types=types.setdefault(row.event_types, row.event_types),
        )


def _snapshot_key(project_id: str) -> tuple[str, str]:
    return f"SNAPSHOT#{project_id}", "SNAPSHOT"
