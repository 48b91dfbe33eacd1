"""A queue in memory: delays, messages that come back, a dead-letter list."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from hooktrace.domain.errors import Unavailable
from hooktrace.domain.messages import Task, encode
from hooktrace.domain.retry import QUEUE_DELAY_MAX_SECONDS, return_seconds
from hooktrace.ports import Clock

VISIBILITY_MS = 60_000
MAX_RECEIVES = 5


@dataclass(slots=True)
class Message:
    """A message, and from when on it can be received."""

    id: str
    body: str
    visible_ms: int
    receives: int = 0


class MemoryQueue:
    """Fulfils `hooktrace.ports.TaskQueue` and the `DeadLetters` of sweep (its own dead ones).

    Safe for threads.
    """

    def __init__(self, clock: Clock) -> None:
        self.messages: list[Message] = []
        self.dead: list[Message] = []
        self.sent = 0
        self.before_send: Callable[[Sequence[tuple[Task, int]]], None] = lambda _: None
        self._clock = clock
        self._numbers = count(1)
        self._lock = threading.RLock()

    def send(self, tasks: Sequence[tuple[Task, int]]) -> None:
        self.before_send(tasks)
        for task, delay in tasks:
            if not 0 <= delay <= QUEUE_DELAY_MAX_SECONDS:
                raise Unavailable(f"a delay of {delay} s is refused")
            self.put(encode(task), delay)

    def put(self, body: str, delay_seconds: int = 0) -> None:
        """Sends raw text."""
        visible = self._clock.now_ms() + delay_seconds * 1000
        with self._lock:
            self.sent += 1
            self.messages.append(Message(f"m{next(self._numbers)}", body, visible))

    def take(self, most: int = 10) -> list[Message]:
        """Receives up to `most` visible messages; they come back unless they are `done`."""
        now_ms = self._clock.now_ms()
        with self._lock:
            taken = [m for m in self.messages if m.visible_ms <= now_ms][:most]
            for message in list(taken):
                message.receives += 1
                message.visible_ms = now_ms + VISIBILITY_MS
                if message.receives > MAX_RECEIVES:
                    self.messages.remove(message)
                    self.dead.append(message)
                    taken.remove(message)
            return taken

    def done(self, message: Message) -> None:
        """Deletes a received message."""
        with self._lock:
            self.messages.remove(message)

    def put_back(self, message: Message) -> None:
        """A received message comes back soon, as `return_seconds` says."""
        seconds = return_seconds(message.receives)
        if seconds is not None:
            message.visible_ms = self._clock.now_ms() + seconds * 1000

    def receive(self) -> list[tuple[str, str]]:
        return [(message.id, message.body) for message in self.dead]

    def delete(self, handle: str) -> None:
        self.dead = [message for message in self.dead if message.id != handle]
