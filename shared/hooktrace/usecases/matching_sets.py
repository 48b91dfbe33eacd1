"""A project's subscriptions, compiled and always fresh: what match decides with."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from hooktrace.domain.matching import FilterCache, StaleSnapshot, SubscriptionIndex
from hooktrace.registry_ports import MatchingSource

KEPT_PROJECTS = 200
KEPT_BYTES = 100_000_000
"""About what the held sets may take together; the project at hand is held however large it is."""


@dataclass(slots=True)
class _Held:
    version: int
    index: SubscriptionIndex


class MatchingSets:
    """Holds compiled sets of the latest projects and brings each up to date before it is used.

    The change log is read strongly consistent on every `get`, so that the first event after a
    change sees it; an unchanged project costs that one read. What is held is bounded by projects
    and by bytes; filters are compiled into one cache for all of them, which has a bound of its own.
    """

    def __init__(self, source: MatchingSource) -> None:
        self._source = source
        self._filters = FilterCache()
        self._held: OrderedDict[str, _Held] = OrderedDict()

    def get(self, project_id: str) -> SubscriptionIndex:
        """The project's compiled set as of now. Raises Unavailable."""
        held = self._held.get(project_id) or self._from_snapshot(project_id)
        changes = self._source.changes_since(project_id, held.version) if held else None
        if held is None or changes is None:
            self._held.pop(project_id, None)  # two sets of one project would not have room
            held = None
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
        self._keep(project_id, held)
        return held.index

    def _keep(self, project_id: str, held: _Held) -> None:
        self._held[project_id] = held
        self._held.move_to_end(project_id)
        left = sum(one.index.held_bytes for one in self._held.values())
        while len(self._held) > 1 and (left > KEPT_BYTES or len(self._held) > KEPT_PROJECTS):
            left -= self._held.popitem(last=False)[1].index.held_bytes

    def _from_snapshot(self, project_id: str) -> _Held | None:
        found = self._source.read_snapshot(project_id)
        if found is None:
            return None
        version, data = found
        try:
            return _Held(version, SubscriptionIndex.loads(data, self._filters))
        except StaleSnapshot:
            return None

    def _from_records(self, project_id: str) -> _Held:
        whole = self._source.load_matching_set(project_id)
        index = SubscriptionIndex.build(whole.rows, whole.disabled_endpoints, self._filters)
        return _Held(whole.version, index)


class Snapshots:
    """Compiled sets for cold matchers: one object and a short log, instead of every record.

    Sweep keeps them. How far each project was when it was last looked at is remembered, so that a
    round reads the change log alone: not the snapshot, nor the set of a project too young for one.
    """

    def __init__(self, source: MatchingSource) -> None:
        self._source = source
        self._seen: dict[str, int] = {}

    def publish(self, project_id: str, *, lag: int) -> bool:
        """Publishes a snapshot when the newest one is `lag` changes behind; whether it did.

        A crash half-way leaves the snapshot before.
        """
        seen = self._seen.get(project_id)
        if seen is None:
            found = self._source.read_snapshot(project_id)
            seen = 0 if found is None else found[0]
        changes = self._source.changes_since(project_id, seen)
        if changes is not None and changes.version - seen < lag:
            self._seen[project_id] = seen
            return False
        whole = self._source.load_matching_set(project_id)
        self._seen[project_id] = version = whole.version
        if version < lag:
            return False
        index = SubscriptionIndex.build(whole.rows, whole.disabled_endpoints)
        del whole  # the rows need not be there while the bytes are made
        self._source.write_snapshot(project_id, version, index.dumps())
        return True
