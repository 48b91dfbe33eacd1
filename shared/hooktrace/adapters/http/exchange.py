"""The state of one attempt on the wire, and the one way it fails."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum

from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.errors import HooktraceError
from hooktrace.domain.targets import Target

Monotonic = Callable[[], float]


class AttemptFailed(HooktraceError):  # noqa: N818 - an outcome of the endpoint, not of our code
    """The attempt ended without a status; `reason` is the sentence for the record."""

    def __init__(self, outcome: AttemptOutcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


class Stage(Enum):
    """How far the attempt has come; the value ends the sentence about a timeout."""

    CONNECT = "not connected"
    TLS = "connected, the TLS handshake did not end"
    SEND = "connected, still sending the request"
    WAIT = "connected, request sent, waiting for the status line"
    HEAD = "the answer began, but its headers did not end"
    BODY = "the body did not end"


class Exchange:
    """One attempt: its target, its one deadline, and what is known about it so far.

    `received` keeps the raw bytes up to the end of the answer's head, `ended` says that the other
    side closed. Times come from an injected monotonic clock, in seconds.
    """

    def __init__(self, target: Target, timeout_seconds: float, monotonic: Monotonic) -> None:
        self.target = target
        self.timeout_seconds = timeout_seconds
        self.monotonic = monotonic
        self.started = monotonic()
        self.deadline = self.started + timeout_seconds
        self.stage = Stage.CONNECT
        self.address: str | None = None
        self.parts_ms: dict[str, int] = {}
        self.received = bytearray()
        self.ended = False
        self._mark = self.started

    def remaining(self) -> float:
        """Seconds left, more than zero. Raises AttemptFailed when there are none."""
        left = self.deadline - self.monotonic()
        if left <= 0:
            raise self.timed_out()
        return left

    def timed_out(self) -> AttemptFailed:
        """The failure of a deadline that passed in the present stage."""
        reason = f"No answer within {self.timeout_seconds:.1f} s: {self.stage.value}."
        return AttemptFailed(AttemptOutcome.TIMEOUT, reason)

    def lap(self, part: str) -> None:
        """Books the time since the last lap under `part`."""
        now = self.monotonic()
        self.parts_ms[part] = _ms(now - self._mark)
        self._mark = now

    def duration_ms(self) -> int:
        """Milliseconds since the attempt began."""
        return _ms(self.monotonic() - self.started)

    def head_is_read(self, body_seconds: float) -> None:
        """The status is known: from here on only a short while is left, for the body."""
        self.lap("wait")
        self.stage = Stage.BODY
        self.deadline = min(self.deadline, self.monotonic() + body_seconds)


def _ms(seconds: float) -> int:
    return max(0, math.ceil(seconds * 1000))
