"""Keep the statistics: one conditional write for each roll-up that a stream batch adds to."""

from __future__ import annotations

from collections.abc import Iterable

from hooktrace.domain.errors import Unavailable
from hooktrace.domain.stats import Happened, RollUp, RollUpKey, add, keys_of
from hooktrace.ports import StatsStore

ROUNDS = 8


class KeepStats:
    """The use case of the notify room; see `run`."""

    def __init__(self, *, stats: StatsStore) -> None:
        self._stats = stats

    def run(self, happened: Iterable[Happened]) -> int:
        """Adds what happened to its roll-ups; answers with how many were written.

        One read and one write for each project, endpoint, shard and day in the batch, however
        many records. The write is conditional on the version: whoever loses, to another run of
        this room or to its own write that reported a failure, adds to what stands there then,
        and records that are in it already add nothing. A crash between two writes leaves the
        rest to the repetition of the batch. Raises Unavailable: the batch must be repeated.
        """
        groups: dict[RollUpKey, list[Happened]] = {}
        for one in happened:
            for key in keys_of(one):
                groups.setdefault(key, []).append(one)
        if not groups:
            return 0
        known = self._stats.roll_ups(groups)
        written = 0
        for _ in range(ROUNDS):
            writes: list[RollUp] = []
            for key, ones in groups.items():
                after = add(known.get(key) or RollUp(key), ones)
                if after is not None:
                    writes.append(after)
            lost = self._stats.write([(one, known.get(one.key)) for one in writes])
            written += len(writes) - len(lost)
            if not lost:
                return written
            known |= lost
            groups = {key: groups[key] for key in lost}
        raise Unavailable("the statistics keep changing")
