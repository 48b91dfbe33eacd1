"""Snapshots for cold matchers: published when they lag behind, and a round reads little."""

from __future__ import annotations

from hooktrace.domain.matching import SubscriptionIndex
from hooktrace.domain.registry import Changes, MatchingSet
from hooktrace.usecases.matching_sets import Snapshots
from tests.unit.matching.test_sets import rows

LAG = 200


class Source:
    """A project at some version, its log and its snapshot; counts what is read."""

    def __init__(self, version: int, *, log_from: int = 0) -> None:
        self.version = version
        self.log_from = log_from
        self.snapshot: tuple[int, bytes] | None = None
        self.reads: list[str] = []

    def changes_since(self, _project_id: str, version: int) -> Changes | None:
        self.reads.append("log")
        return None if version < self.log_from else Changes(self.version)

    def load_matching_set(self, _project_id: str) -> MatchingSet:
        self.reads.append("set")
        return MatchingSet(self.version, rows(3), frozenset())

    def read_snapshot(self, _project_id: str) -> tuple[int, bytes] | None:
        self.reads.append("snapshot")
        return self.snapshot

    def write_snapshot(self, _project_id: str, version: int, data: bytes) -> None:
        self.snapshot = version, data


def reads(source: Source, snapshots: Snapshots, rounds: int) -> list[str]:
    source.reads.clear()
    assert not any(snapshots.publish("p", lag=LAG) for _ in range(rounds))
    return source.reads


def test_a_snapshot_is_published_when_the_last_one_lags() -> None:
    source = Source(LAG)
    snapshots = Snapshots(source)
    assert snapshots.publish("p", lag=LAG)
    assert source.snapshot is not None
    version, data = source.snapshot
    assert (version, len(SubscriptionIndex.loads(data))) == (LAG, 3)
    source.version += LAG - 1
    assert reads(source, snapshots, 5) == ["log"] * 5
    source.version += 1
    assert snapshots.publish("p", lag=LAG)
    assert source.snapshot[0] == 2 * LAG


def test_a_young_project_has_none_and_its_set_is_not_read() -> None:
    source = Source(LAG - 1)
    assert reads(source, Snapshots(source), 5) == ["snapshot", *["log"] * 5]
    assert source.snapshot is None


def test_a_quiet_project_whose_log_expired_is_read_once() -> None:
    source = Source(20, log_from=10)
    assert reads(source, Snapshots(source), 5) == ["snapshot", "log", "set", *["log"] * 4]
    assert source.snapshot is None


def test_a_new_sweep_finds_the_snapshot_of_the_one_before() -> None:
    source = Source(LAG)
    assert Snapshots(source).publish("p", lag=LAG)
    assert reads(source, Snapshots(source), 3) == ["snapshot", *["log"] * 3]


def test_a_snapshot_whose_log_expired_is_made_anew() -> None:
    source = Source(LAG)
    assert Snapshots(source).publish("p", lag=LAG)
    source.version, source.log_from = LAG + 50, LAG + 10
    assert Snapshots(source).publish("p", lag=LAG)
    assert source.snapshot is not None
    assert source.snapshot[0] == LAG + 50
