"""The trace cache on a real Valkey server: what lies in it, how long, and what if it is away."""

from __future__ import annotations

import os
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from hooktrace.adapters.trace_cache.valkey import (
    COMMAND_SECONDS,
    FAILURES,
    PAUSE_SECONDS,
    ValkeyTraceCache,
    connect,
)
from hooktrace.adapters.trace_cache.values import FORGOTTEN, MOST_BYTES, encode
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.reading_ports import FORGOTTEN_SECONDS, Absent, KeptTrace
from tests.conformance.test_trace_cache import kept_trace, ref
from tests.valkey_server import server
from tools.emulator import free_port


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("valkey")) as found:
        yield found


@pytest.fixture
def client(url: str) -> Iterator[Redis]:
    with closing(connect(url)) as found:
        yield found


def key_of(where: tuple[ProjectId, EventId]) -> str:
    return f"ht1:{where[0]}:{where[1]}"


def test_everything_in_it_expires(client: Any) -> None:
    cache, kept, gone = ValkeyTraceCache(client), kept_trace(), kept_trace()
    cache.keep(*ref(kept), kept, seconds=7)
    cache.forget([ref(gone)])
    assert 0 < client.ttl(key_of(ref(kept))) <= 7
    assert FORGOTTEN_SECONDS - 1 <= client.ttl(key_of(ref(gone))) <= FORGOTTEN_SECONDS
    assert client.get(key_of(ref(gone))) == FORGOTTEN
    cache.keep(*ref(kept_trace()), kept, seconds=1)
    assert all(client.ttl(key) > 0 for key in client.keys("*"))


def test_what_has_expired_is_read_again(client: Any) -> None:
    cache, kept = ValkeyTraceCache(client), kept_trace()
    cache.keep(*ref(kept), kept, seconds=1)
    assert cache.get(*ref(kept)) == kept
    client.pexpire(key_of(ref(kept)), 1)
    deadline = time.monotonic() + 5
    while cache.get(*ref(kept)) is not None:
        assert time.monotonic() < deadline
    cache.keep(*ref(kept), kept, seconds=1)
    assert cache.get(*ref(kept)) == kept


def poisons(kept: KeptTrace, other: KeptTrace) -> list[bytes]:
    """Values that nobody here wrote, or not for this event."""
    good, foreign = encode(kept), encode(other)
    assert good is not None
    assert foreign is not None
    texts = [b"", b"null", b"[]", b"{}", b"{" * 100_000, b'{"event":{},"packed":null}', b"\xff"]
    texts += [b'{"event":{"PK":{"S":"x"}},"packed":"!","deliveries":[]}', b"[" * 5_000]
    bomb = zlib.compress(b" " * (64 * MOST_BYTES))
    packed = [b"T" + zlib.compress(text) for text in texts]
    return [*packed, b"T" + bomb, b"", b"T", b"?", good[:-4], b"T" + os.urandom(50), foreign]


def test_a_poisoned_value_is_as_if_it_were_not_there(client: Any) -> None:
    cache, kept, other = ValkeyTraceCache(client), kept_trace(), kept_trace()
    for poison in poisons(kept, other):
        client.set(key_of(ref(kept)), poison, ex=60)
        assert cache.get(*ref(kept)) is None, poison[:60]
    client.delete(key_of(ref(kept)))
    client.lpush(key_of(ref(kept)), "a list, not a text")
    assert cache.get(*ref(kept)) is None


def test_no_event_shows_under_another_id(client: Any) -> None:
    cache, kept, other = ValkeyTraceCache(client), kept_trace(), kept_trace()
    value = encode(kept)
    for where in (ref(other), (kept.event.project_id, other.event.id)):
        client.set(key_of(where), value, ex=60)
        assert cache.get(*where) is None


def test_a_full_server_is_no_error(tmp_path: Path) -> None:
    options = ("--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
    with server(tmp_path, *options) as url, closing(connect(url)) as client:
        cache, kept = (
            ValkeyTraceCache(client),
            kept_trace(b'"%s"' % os.urandom(20_000).hex().encode()),
        )
        others = [(ProjectId(f"prj_{number}"), kept.event.id) for number in range(20_000)]
        for where in others[:400]:
            cache.keep(*where, kept, seconds=60)
        cache.keep(*ref(kept), kept, seconds=60)
        assert cache.get(*ref(kept)) is None
        with pytest.raises(Unavailable):
            cache.forget(others)


class Time:
    """Monotonic seconds that move when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_server_that_is_away_is_asked_seldom() -> None:
    moments, kept = Time(), kept_trace()
    with closing(connect(f"redis://127.0.0.1:{free_port()}")) as client:
        calls = _counted(client)
        cache = ValkeyTraceCache(client, monotonic=moments)
        for _ in range(20):
            assert cache.get(*ref(kept)) is None
            cache.keep(*ref(kept), kept, seconds=60)
        assert len(calls) == FAILURES
        moments.now += PAUSE_SECONDS + 0.1
        for _ in range(5):
            assert cache.get(*ref(kept)) is None
        assert len(calls) == FAILURES + 1
        with pytest.raises(Unavailable):
            cache.forget([ref(kept)])


def test_a_server_that_hangs_costs_little(tmp_path: Path) -> None:
    kept = kept_trace()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        with closing(connect(url)) as client:
            cache = ValkeyTraceCache(client)
            started = time.monotonic()
            for _ in range(50):
                assert cache.get(*ref(kept)) is None
            assert time.monotonic() - started < FAILURES * COMMAND_SECONDS * 4 + 1


def test_a_server_that_comes_back_is_used_again(tmp_path: Path) -> None:
    moments, kept = Time(), kept_trace()
    with server(tmp_path) as url:
        pass
    port = int(url.rsplit(":", 1)[1])
    with closing(connect(url)) as client:
        cache = ValkeyTraceCache(client, monotonic=moments)
        for _ in range(FAILURES + 1):
            cache.keep(*ref(kept), kept, seconds=60)
        with server(tmp_path, port=port):
            cache.keep(*ref(kept), kept, seconds=60)
            assert cache.get(*ref(kept)) is None  # nobody asks yet
            moments.now += PAUSE_SECONDS + 0.1
            cache.keep(*ref(kept), kept, seconds=60)
            assert cache.get(*ref(kept)) == kept
            cache.forget([ref(kept)])
            assert cache.get(*ref(kept)) is None


def test_absence_is_kept_small(client: Any) -> None:
    cache, where = ValkeyTraceCache(client), ref(kept_trace())
    cache.keep(*where, Absent(), seconds=5)
    assert client.get(key_of(where)) == b"A"


def _counted(client: Any) -> list[str]:
    """Each command that is sent through the client from now on."""
    calls: list[str] = []
    execute = client.execute_command

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(str(args[0]))
        return execute(*args, **options)

    client.execute_command = counted
    return calls
