"""The soak with real requests: the sender's own sockets, and a receiver that misbehaves at random.

    python -m tests.soak_receiver --seed 7 --events 1000

Schedules run in fake time, requests in real time. What a request meets, and whether its worker
dies, follows from the seed, its delivery and its attempt; only the order among threads differs
from run to run.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from hooktrace.adapters.http import HttpSender
from hooktrace.domain.attempts import OutgoingRequest, SendResult
from hooktrace.domain.registry import Endpoint
from tests.fakes import WorkerDied
from tests.soak import SCHEDULE, Chances, Soak
from tools.receiver.behaviour import Step
from tools.receiver.server import Received, Receiver

THREADS = 20
RECEIVER_FAILURES = (
    *(Step(status=status) for status in (302, 400, 404, 429, 500, 502, 503)),
    Step(kind="close"),
    Step(kind="reset"),
    Step(kind="raw", body=b"220 smtp.example ESMTP\r\n"),
)
"""Each of these is a failure, told apart at once."""
RECEIVER_SUCCESSES = (
    Step(status=200, body=b"ok"),
    Step(status=204),
    Step(kind="truncated"),
    Step(kind="chunked_without_end"),
    Step(kind="gzip_bomb"),
)
"""The status decides, however the body goes on."""
SLOW = (Step(kind="hang"), Step(kind="drip"))
"""They take the whole deadline, so they are rare."""


def the_draw(seed: int, purpose: str, delivery: str, attempt: str) -> random.Random:
    """Randomness that belongs to one attempt of one delivery."""
    return random.Random(f"{seed}/{purpose}/{delivery}/{attempt}")


def names(headers: dict[str, str]) -> tuple[str, str]:
    """The delivery and the attempt that a request names."""
    return headers["hooktrace-delivery-id"], headers["hooktrace-attempt"]


class RandomReceiver(Receiver):
    """Answers each request by its own draw."""

    def __init__(self, seed: int, fails: float) -> None:
        super().__init__()
        self._seed = seed
        self._fails = fails

    def take(self, request: Received) -> Step:
        super().take(request)
        headers = {name.lower(): value for name, value in request.headers}
        draw = the_draw(self._seed, "answer", *names(headers))
        if draw.random() < 0.004:
            return draw.choice(SLOW)
        if draw.random() < self._fails:
            return draw.choice(RECEIVER_FAILURES)
        return RECEIVER_SUCCESSES[0] if draw.random() < 0.9 else draw.choice(RECEIVER_SUCCESSES)


class MortalSender:
    """The real sender in a worker that dies now and then, before or after the request."""

    def __init__(self, seed: int, chances: Chances) -> None:
        self._seed = seed
        self._chances = chances
        self._sender = HttpSender(allow_loopback=True)
        self.deaths = 0

    def send(self, request: OutgoingRequest) -> SendResult:
        draw = the_draw(self._seed, "death", *names(dict(request.headers)))
        if draw.random() < self._chances.dies_before_sending:
            self.deaths += 1
            raise WorkerDied
        result = self._sender.send(request)
        if draw.random() < self._chances.dies_after_sending:
            self.deaths += 1
            raise WorkerDied
        return result


class ReceiverSoak(Soak):
    """The soak's checks, with requests counted where they arrive."""

    def __init__(self, seed: int, events: int, receiver: Receiver) -> None:
        self._receiver = receiver
        super().__init__(seed, events)
        self.mortal = MortalSender(seed, self.chances)
        self.world.sender = self.mortal
        self.world.pool = ThreadPoolExecutor(THREADS)

    def _endpoint(self, number: int) -> Endpoint:
        endpoint = self.world.endpoint(
            f"{self._receiver.url}/{number}", retry_schedule=SCHEDULE, timeout_seconds=1
        )
        self._subscribe(endpoint, number)
        return endpoint

    def check(self) -> dict[str, int]:
        self.world.pool.shutdown()
        self.deaths += self.mortal.deaths
        self.requests = Counter(
            request.header("hooktrace-delivery-id") or "" for request in self._receiver.requests()
        )
        return super().check()


def soak(seed: int, events: int) -> dict[str, int]:
    """One run; raises AssertionError with what does not add up."""
    with RandomReceiver(seed, Chances().fails) as receiver:
        one = ReceiverSoak(seed, events, receiver)
        one.run()
        return one.check()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=1_000, help="each goes to five endpoints")
    options = parser.parse_args()
    for name, number in sorted(soak(options.seed, options.events).items()):
        sys.stdout.write(f"{name:24s} {number}\n")


if __name__ == "__main__":
    main()
