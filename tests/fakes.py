"""What stands for time, chance, threads and endpoints in the tests' world."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from hooktrace.domain.attempts import AttemptOutcome, OutgoingRequest, RawAnswer, SendResult

START_MS = 1_790_000_000_000


class FakeClock:
    """Time stands still until it is moved."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms

    def advance(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


class FakeChance:
    """Repeatable randomness; `at` is the place within the jitter."""

    def __init__(self, seed: int = 1, at: float = 0.5) -> None:
        self.random = random.Random(seed)
        self.at = at

    def token(self) -> str:
        return f"{self.random.getrandbits(48):x}"

    def entropy(self) -> bytes:
        return self.random.randbytes(10)

    def fraction(self) -> float:
        return self.at


class AtOnce(Executor):
    """Runs in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as every executor does
            future.set_exception(error)
        return future


class WorkerDied(BaseException):
    """What `os._exit` is to a process: nothing after it runs."""


def answer(status: int = 200, **more: Any) -> SendResult:
    """The result of a request that was answered with `status`."""
    good = 200 <= status < 300
    fields: dict[str, Any] = {
        "outcome": AttemptOutcome.SUCCESS if good else AttemptOutcome.HTTP_ERROR,
        "reason": "" if good else f"The endpoint answered {status}.",
        "status": status,
        "response_headers": (),
        "response_body": "ok",
        "response_body_bytes": 2,
        "response_truncated": False,
        "address": "127.0.0.1:9",
        "duration_ms": 7,
        "parts_ms": {"connect": 1},
        "retry_after": None,
    }
    return SendResult(**(fields | more))


class ScriptedSender:
    """Answers from a script per URL (the last entry repeats), and remembers every request."""

    def __init__(self) -> None:
        self.requests: list[OutgoingRequest] = []
        self.script: dict[str, list[Any]] = {}

    def send(self, request: OutgoingRequest) -> SendResult:
        self.requests.append(request)
        steps = self.script.get(request.url, [200])
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if callable(step):
            step = step(request)
        if isinstance(step, BaseException):
            raise step
        return answer(step) if isinstance(step, int) else step


class ScriptedFetcher:
    """A token endpoint for every URL: bodies by script (the last repeats), requests remembered."""

    def __init__(self) -> None:
        self.requests: list[OutgoingRequest] = []
        self.script: list[Any] = [{"access_token": "token-1", "expires_in": 3600}]

    def fetch(self, request: OutgoingRequest) -> RawAnswer:
        self.requests.append(request)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, dict):
            return RawAnswer(answer(200), json.dumps(step).encode())
        if isinstance(step, int):
            return RawAnswer(answer(step), b"{}")
        assert isinstance(step, RawAnswer)
        return step
