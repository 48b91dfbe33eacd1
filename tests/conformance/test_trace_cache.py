"""One suite, two caches: the shipped fake and a Valkey server behave alike."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from hooktrace.adapters.memory.trace_cache import MemoryTraceCache
from hooktrace.adapters.trace_cache.valkey import ValkeyTraceCache, connect
from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.reading_ports import Absent, KeptTrace, TraceCache
from tests.fakes import FakeClock
from tests.valkey_server import server
from tests.world import World

SECONDS = 300


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("valkey")) as found:
        yield found


@pytest.fixture(params=["memory", "valkey"])
def cache(request: pytest.FixtureRequest) -> Iterator[TraceCache]:
    if request.param == "memory":
        yield MemoryTraceCache(FakeClock())
        return
    client = connect(request.getfixturevalue("url"))
    try:
        yield ValkeyTraceCache(client)
    finally:
        client.close()


def kept_trace(data: bytes = b'{"a": 1.50, "b":"\xc3\xa4\\ud83d\\ude00"}') -> KeptTrace:
    """A delivered event as its ledger has it, in a project that nobody else has."""
    world = World()
    world.chance.random.seed(os.urandom(16))
    world.project = world.new_project("kept")
    world.subscription(world.endpoint())
    found = world.ingest(data, headers={"x-region": "eu"})
    world.run()
    trace = world.trace(found)
    assert trace.payload is not None
    return KeptTrace(trace.event, trace.payload.pack(), trace.deliveries)


def ref(kept: KeptTrace) -> tuple[ProjectId, EventId]:
    return kept.event.project_id, kept.event.id


def test_what_is_kept_comes_back_as_it_was(cache: TraceCache) -> None:
    for kept in (kept_trace(), kept_trace(b'"%s"' % (b"x" * 20_000))):
        assert cache.get(*ref(kept)) is None
        cache.keep(*ref(kept), kept, seconds=SECONDS)
        assert cache.get(*ref(kept)) == kept


def test_what_is_not_there_is_kept_too(cache: TraceCache) -> None:
    where = ref(kept_trace())
    cache.keep(*where, Absent(), seconds=SECONDS)
    assert cache.get(*where) == Absent()


def test_nothing_is_kept_over_what_is_kept(cache: TraceCache) -> None:
    kept = kept_trace()
    cache.keep(*ref(kept), kept, seconds=SECONDS)
    cache.keep(*ref(kept), Absent(), seconds=SECONDS)
    assert cache.get(*ref(kept)) == kept


def test_what_is_forgotten_is_gone_and_stays_gone_for_who_read_before(cache: TraceCache) -> None:
    kept, late = kept_trace(), kept_trace()
    cache.keep(*ref(kept), kept, seconds=SECONDS)
    cache.forget([ref(kept), ref(late)])
    assert cache.get(*ref(kept)) is None
    for one in (kept, late):  # both were read before, and come only now
        cache.keep(*ref(one), one, seconds=SECONDS)
        assert cache.get(*ref(one)) is None


def test_an_event_belongs_to_its_project(cache: TraceCache) -> None:
    kept, other = kept_trace(), kept_trace()
    cache.keep(*ref(kept), kept, seconds=SECONDS)
    assert cache.get(other.event.project_id, kept.event.id) is None
    cache.keep(other.event.project_id, kept.event.id, Absent(), seconds=SECONDS)
    cache.forget([(other.event.project_id, kept.event.id)])
    assert cache.get(*ref(kept)) == kept


def test_what_is_large_is_not_kept(cache: TraceCache) -> None:
    kept = kept_trace(b'"%s"' % os.urandom(60_000).hex().encode())
    cache.keep(*ref(kept), kept, seconds=SECONDS)
    assert cache.get(*ref(kept)) is None
