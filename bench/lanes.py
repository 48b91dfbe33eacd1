"""How much endpoints that hang slow the others: p99 from queue to wire, with and without them.

Real threads, the real sender, a real receiver (a process of its own), and the in-memory table
and queues that pass the conformance suite. Workers are as many as the mappings of the stack
allow, each with its own threads. Phases without and with hanging endpoints alternate in one run;
only deliveries to the endpoints that never hang are measured. Of each kind of phase the median
p99 counts: a hiccup of the machine is in one of them, what hangs do is in all.
"""

from __future__ import annotations

import json
import queue
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from hooktrace.adapters.http import HttpSender
from hooktrace.adapters.memory.queue import MemoryQueue, Message
from hooktrace.adapters.records import decode_batch
from hooktrace.adapters.system import SystemClock
from hooktrace.domain.messages import DeliverTaskV1
from hooktrace.usecases.brake import LaneName
from hooktrace.usecases.delivery_jobs import PutBack
from tests.world import World

ENDPOINTS = 20
HANGING = 2
PER_SECOND = 60
PHASE_SECONDS = 7
ROUNDS = 3
TIMEOUT_SECONDS = 6
FAST_WORKERS, SLOW_WORKERS = 50, 20
FAST_BATCH, SLOW_BATCH = 10, 100
THREADS = 100
POLL_SECONDS = 0.005
BUDGET = 1.5


class Lane:
    """A queue and its mapping: batches go to the next free worker, at most so many at once."""

    def __init__(
        self, world: World, source: MemoryQueue, name: LaneName, workers: int, batch: int
    ) -> None:
        self._source, self._name, self._batch = source, name, batch
        self._stopping = threading.Event()
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._pools = []
        for _ in range(workers):
            world.pool = ThreadPoolExecutor(THREADS)
            self._pools.append(world.pool)
            self._free.put(world.deliverer())
        self._invocations = ThreadPoolExecutor(workers)
        self._poller = threading.Thread(target=self._poll, daemon=True)

    def start(self) -> None:
        self._poller.start()

    def stop(self) -> None:
        """Takes no further batch, and waits for those under way."""
        self._stopping.set()
        self._poller.join()
        self._invocations.shutdown()
        for pool in self._pools:
            pool.shutdown()

    def _poll(self) -> None:
        while not self._stopping.is_set():
            worker = self._free.get()
            messages = self._source.take(self._batch)
            while not messages and not self._stopping.wait(POLL_SECONDS):
                messages = self._source.take(self._batch)
            self._invocations.submit(self._invoke, worker, messages)

    def _invoke(self, worker: Any, messages: list[Message]) -> None:
        records = [{"messageId": m.id, "body": m.body} for m in messages]
        batch = decode_batch({"Records": records}, DeliverTaskV1)
        deadline = time.monotonic() + 60
        answers = worker.run(
            [task for _, task in batch.tasks],
            lambda: round((deadline - time.monotonic()) * 1000),
            self._name,
        )
        for message, answer in zip(messages, answers, strict=True):
            if not isinstance(answer, PutBack):
                self._source.done(message)
        self._free.put(worker)


@contextmanager
def receiver() -> Iterator[str]:
    """The URL of a receiver in another process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.receiver", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["url"])
    finally:
        process.terminate()
        process.wait()


def _ask(method: str, url: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(url, body, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


def a_world() -> World:
    """Time and sender are real, stores are in memory."""
    world = World()
    clock: Any = SystemClock()
    world.clock, world.pause = clock, time.sleep
    for name in ("match_queue", "deliver_queue", "slow_queue"):
        setattr(world, name, MemoryQueue(clock))
    sender: Any = HttpSender(allow_loopback=True)
    world.sender = sender
    return world


def phase(world: World, base: str, *, hang: bool) -> dict[str, float]:
    """Sends events at an even pace; when each came to the deliver queue, of those measured."""
    for number in range(HANGING):
        url = f"{base}/_behaviour/e{number}"
        _ask("PUT", url, b'{"kind": "hang"}') if hang else _ask("DELETE", url)
    queued: dict[str, float] = {}
    begun = time.monotonic()
    for number in range(PER_SECOND * PHASE_SECONDS):
        time.sleep(max(0.0, begun + number / PER_SECOND - time.monotonic()))
        endpoint = number % ENDPOINTS
        event = world.ingest(event_type=f"e{endpoint}")
        world.match_once()
        if endpoint >= HANGING:
            queued[event.id] = time.time()
    return queued


def run(base: str) -> tuple[dict[bool, list[dict[str, float]]], dict[str, float], int]:
    """Times queued by phase without and with hangs, times received, what the slow lane took."""
    world = a_world()
    for number in range(ENDPOINTS):
        endpoint = world.endpoint(f"{base}/e{number}", timeout_seconds=TIMEOUT_SECONDS)
        world.subscription(endpoint, event_types=(f"e{number}",))
    lanes = [
        Lane(world, world.deliver_queue, "fast", FAST_WORKERS, FAST_BATCH),
        Lane(world, world.slow_queue, "slow", SLOW_WORKERS, SLOW_BATCH),
    ]
    for lane in lanes:
        lane.start()
    queued: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    for _ in range(ROUNDS):
        for hang in (False, True):
            queued[hang].append(phase(world, base, hang=hang))
    wanted = {event for times in (*queued[False], *queued[True]) for event in times}
    received = _received(base, lambda found: wanted <= found.keys())
    for lane in lanes:
        lane.stop()
    return queued, received, world.slow_queue.sent


def _received(base: str, complete: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    """When each event first came to the receiver, once all are there."""
    found: dict[str, float] = {}
    for _ in range(40):
        for one in _ask("GET", f"{base}/_requests"):
            headers = {name.lower(): value for name, value in one["headers"]}
            found.setdefault(headers["webhook-id"], one["at"])
        if complete(found):
            break
        time.sleep(0.25)
    return found


def _p99_ms(phases: list[dict[str, float]], received: dict[str, float]) -> float:
    """The median of the phases' own 99th percentiles."""
    waits = [[(received[e] - at) * 1000 for e, at in queued.items()] for queued in phases]
    return statistics.median(statistics.quantiles(one, n=100)[98] for one in waits)


def main() -> int:
    with receiver() as base:
        queued, received, slow = run(base)
    without, with_hangs = (_p99_ms(queued[hang], received) for hang in (False, True))
    ratio = with_hangs / without
    sys.stdout.write(
        f"  {'others: p99 queue to wire, none hangs (ms)':44s} {without:8.1f}\n"
        f"  {'others: p99, 1 in 10 endpoints hangs (ms)':44s} {with_hangs:8.1f}\n"
        f"  {'ratio':44s} {ratio:8.2f}  budget {BUDGET:g}\n"
        f"  {'deliveries measured':44s} {sum(map(len, (*queued[False], *queued[True]))):8d}\n"
        f"  {'messages that took the slow lane':44s} {slow:8d}\n"
    )
    return int(ratio > BUDGET)
