"""A project's subscriptions, compiled and always fresh: what match decides with."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from hooktrace.domain.matching import StaleSnapshot, SubscriptionIndex
from hooktrace.registry_ports import MatchingSource

KEPT_PROJECTS = 200


@dataclass(slots=True)
class _Held:
    version: int
    index: SubscriptionIndex


class MatchingSets:
    """Holds compiled sets of the latest projects and brings each up to date before it is used.

    The change log is read strongly consistent on every `get`, so that the first event after a
    change sees it; an unchanged project costs that one read.
    """

    def __init__(self, source: MatchingSource) -> None:
        self._source = source
        self._held: OrderedDict[str, _Held] = OrderedDict()

    def get(self, project_id: str) -> SubscriptionIndex:
        """The project's compiled set as of now. Raises Unavailable."""
        held = self._held.get(project_id) or self._from_snapshot(project_id)
        changes = self._source.changes_since(project_id, held.version) if held else None
        if held is None or changes is None:
            held = self._from_records(project_id)
            changes = self._source.changes_since(project_id, held.version)
        if changes is not None and changes.version != held.version:
            held.index.apply(
                changes.upserts,
                changes.removed,
                changes.endpoints_disabled,
                changes.endpoints_enabled,
            )
            held.version = changes.version
        self._held[project_id] = held
        self._held.move_to_end(project_id)
        if len(self._held) > KEPT_PROJECTS:
            self._held.popitem(last=False)
        return held.index

    def _from_snapshot(self, project_id: str) -> _Held | None:
        found = self._source.read_snapshot(project_id)
        if found is None:
            return None
        version, data = found
        try:
            return _Held(version, SubscriptionIndex.loads(data))
        except StaleSnapshot:
            return None

    def _from_records(self, project_id: str) -> _Held:
        whole = self._source.load_matching_set(project_id)
        return _Held(whole.version, SubscriptionIndex.build(whole.rows, whole.disabled_endpoints))


def publish_snapshot(source: MatchingSource, project_id: str, *, lag: int) -> bool:
    """Publishes a snapshot when the newest one is `lag` changes behind; whether it did.

    Sweep calls this, so that a cold matcher loads one compiled object and a short log instead of
    every record. A crash half-way leaves the snapshot before.
    """
    found = source.read_snapshot(project_id)
    if found is not None:
        changes = source.changes_since(project_id, found[0])
        if changes is not None and changes.version - found[0] < lag:
            return False
    whole = source.load_matching_set(project_id)
    if found is None and whole.version < lag:
        return False
    index = SubscriptionIndex.build(whole.rows, whole.disabled_endpoints)
    source.write_snapshot(project_id, whole.version, index.dumps())
    return True
