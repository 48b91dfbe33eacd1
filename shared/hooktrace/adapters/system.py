"""The machine's clock and random numbers."""

from __future__ import annotations

import os
import random
import secrets
import time

from hooktrace.domain.ids import ENTROPY_BYTES


class SystemClock:
    """Fulfils `hooktrace.ports.Clock`."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class SystemChance:
    """Fulfils `hooktrace.ports.Chance`. Read at each call, never kept: safe after a restore."""

    def token(self) -> str:
        return secrets.token_urlsafe(6)

    def entropy(self) -> bytes:
        return os.urandom(ENTROPY_BYTES)

    def fraction(self) -> float:
        return random.random()  # noqa: S311 - jitter
