"""Ended traces in Valkey or Redis, by the `redis` package.

One key for each event, `ht1:<project>:<event>`, and two commands: `GET`, and `SET` with a time to
live. `keep` sets with `NX`; `forget` sets a tombstone over whatever is there, so that a late
`keep` of what was read before finds the key taken. No command needs more than one key, so any
cluster serves. A server that does not answer costs the first few calls a short wait; then nobody
asks it for a while.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from hooktrace.adapters.trace_cache.values import FORGOTTEN, decode, encode
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.reading_ports import FORGOTTEN_SECONDS, Absent, KeptTrace

CONNECT_SECONDS = 0.25
COMMAND_SECONDS = 0.1
FAILURES = 3
PAUSE_SECONDS = 10.0
CONNECTIONS = 4


class Breaker:
    """After `FAILURES` failures in a row nobody asks for `PAUSE_SECONDS`; then one asks first."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures = 0
        self._closed_until = 0.0
        self._lock = threading.Lock()

    def lets_pass(self) -> bool:
        with self._lock:
            now = self._monotonic()
            if self._failures < FAILURES:
                return True
            if now < self._closed_until:
                return False
            self._closed_until = now + PAUSE_SECONDS  # this caller tries; the others wait for it
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._closed_until = self._monotonic() + PAUSE_SECONDS


def connect(url: str) -> Redis:
    """A client of `redis://host:port` or, with TLS, `rediss://host:port`; connects when used."""
    return Redis.from_url(
        url,
        protocol=2,
        driver_info=None,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=COMMAND_SECONDS,
        retry=Retry(NoBackoff(), 0),
        max_connections=CONNECTIONS,
    )


class ValkeyTraceCache:
    """Fulfils `TraceCache`."""

    def __init__(self, client: Redis, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client: Any = client
        self._breaker = Breaker(monotonic)

    def get(self, project: ProjectId, event: EventId) -> KeptTrace | Absent | None:
        value = self._ask(lambda: self._client.get(_key(project, event)))
        return decode(value, project, event) if isinstance(value, bytes) else None

    def keep(
        self, project: ProjectId, event: EventId, found: KeptTrace | Absent, *, seconds: int
    ) -> None:
        value = encode(found)
        if value is not None:
            self._ask(lambda: self._client.set(_key(project, event), value, nx=True, ex=seconds))

    def forget(self, refs: Iterable[tuple[ProjectId, EventId]]) -> None:
        """Asks also while others do not: what is kept must not outlive a change."""
        try:
            for project, event in dict.fromkeys(refs):
                self._client.set(_key(project, event), FORGOTTEN, ex=FORGOTTEN_SECONDS)
        except (RedisError, OSError) as error:
            raise Unavailable(f"the cache did not answer: {type(error).__name__}") from error

    def _ask(self, command: Callable[[], Any]) -> Any:
        if not self._breaker.lets_pass():
            return None
        try:
            answer = command()
        except (RedisError, OSError):
            self._breaker.failed()
            return None
        self._breaker.succeeded()
        return answer


def _key(project: ProjectId, event: EventId) -> str:
    return f"ht1:{project}:{event}"
