"""Transactions on the registry, and the change log that matchers follow.

A write that alters matching is one transaction: the record (on its own condition), the stamp (on
the version it was read at, plus one) and the change under the new version. So the log has no
gaps, and whoever reads the stamp after a write was answered sees that write.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from hooktrace.adapters.registry.items import change_item, stamp_key, to_item, version_of
from hooktrace.adapters.registry.table import Op, Put, Refusal, RegistryTable
from hooktrace.domain.errors import NotFound, Unavailable
from hooktrace.domain.registry import Changes

CHANGES_KEPT_SECONDS = 2 * 24 * 3600
"""How far back the change log reaches; older readers load the whole set."""

TRIES = 12
BASE_SECONDS = 0.02
LONGEST_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Committer:
    """Runs transactions and repeats them with full jitter while others are at the same items.

    `now_ms` and `pause` (seconds) are for tests to replace.
    """

    table: RegistryTable
    now_ms: Callable[[], int]
    pause: Callable[[float], None] = time.sleep

    def run(self, ops: Sequence[Op]) -> int | None:
        """All of `ops` or nothing; answers which op's condition failed, None for done."""
        for _ in self._tries():
            refusals = self.table.transact(ops)
            if refusals is None:
                return None
            if (failed := _failed(refusals)) is not None:
                return failed
        raise Unavailable("the registry is busy: too many writers at one record")

    def run_matching(self, project_id: str, ops: Sequence[Op], change: Changes) -> int | None:
        """Like `run`, with a change to what matches. `change.version` is set here."""
        key = stamp_key(project_id)
        for _ in self._tries():
            stamp = self.table.get([key]).get(key)
            if stamp is None:
                raise NotFound(f"there is no project {project_id}")
            version = version_of(stamp)
            expires_s = self.now_ms() // 1000 + CHANGES_KEPT_SECONDS
            step = replace(change, version=version + 1)
            matching = [
                Put(to_item(key, {}, version=version + 1), over=version),
                Put(change_item(project_id, step, expires_s)),
            ]
            refusals = self.table.transact([*ops, *matching])
            if refusals is None:
                return None
            if (failed := _failed(refusals[: len(ops)])) is not None:
                return failed
        raise Unavailable("the registry is busy: too many writers in one project")

    def _tries(self) -> Iterator[None]:
        for number in range(TRIES):
            if number:
                longest = min(BASE_SECONDS * 2**number, LONGEST_SECONDS)
                self.pause(random.uniform(0, longest))  # noqa: S311 - jitter, not a secret
            yield


def _failed(refusals: Sequence[Refusal | None]) -> int | None:
    return next((i for i, refusal in enumerate(refusals) if refusal == "condition"), None)
