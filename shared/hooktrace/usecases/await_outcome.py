"""Wait for the outcome of an event, for as long as a caller is willing to."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.domain.states import EVENT_ENDS, EventStatus
from hooktrace.ports import Clock, Ledger
from hooktrace.reading_ports import WaiterSlot, WaiterSlots

MAX_SECONDS = 25
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0
MARGIN_MS = 5_000  # what clocks of instances may differ, and the last read takes
RETRY_AFTER_SECONDS = 2
"""When to ask again after there was no slot to wait in."""


@dataclass(frozen=True, slots=True)
class Waited:
    """The status at the end (None: no such event), and whether there was a slot to wait in."""

    status: EventStatus | None
    had_slot: bool = True


class AwaitOutcome:
    """Looks at the event's record (one strongly consistent read), then ever less often.

    Each caller that waits holds an instance of its room for that long, so a project has a fixed
    number of slots. A caller that finds the outcome at its first look takes none; one that finds
    no slot is answered at once. A crash leaves a slot whose time runs out by itself. When the
    slots cannot be reached nobody waits: the answer is the state as it is, never an error.
    """

    def __init__(
        self,
        ledger: Ledger,
        slots: WaiterSlots,
        clock: Clock,
        *,
        pause: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._slots = slots
        self._clock = clock
        self._pause = pause
        self._monotonic = monotonic

    def run(self, project: ProjectId, event: EventId, seconds: float) -> Waited:
        """The status at the end of waiting: final if it came in time.

        Raises Unavailable when the ledger does not answer.
        """
        seconds = min(seconds, MAX_SECONDS)
        deadline = self._monotonic() + seconds
        status = self._look(project, event)
        if status is None or status in EVENT_ENDS or seconds <= 0:
            return Waited(status)
        slot = self._take(project, seconds)
        if slot is None:
            return Waited(status, had_slot=False)
        try:
            return Waited(self._watch(project, event, deadline))
        finally:
            self._release(slot)

    def _watch(self, project: ProjectId, event: EventId, deadline: float) -> EventStatus | None:
        pause = FIRST_PAUSE
        while True:
            self._pause(max(0.0, min(pause, deadline - self._monotonic())))
            status = self._look(project, event)
            if status is None or status in EVENT_ENDS or self._monotonic() >= deadline:
                return status
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _look(self, project: ProjectId, event: EventId) -> EventStatus | None:
        found = self._ledger.events([(project, event)]).get(event)
        return found.status if found else None

    def _take(self, project: ProjectId, seconds: float) -> WaiterSlot | None:
        now_ms = self._clock.now_ms()
        until_ms = now_ms + round(seconds * 1000) + MARGIN_MS
        try:
            return self._slots.take(project, now_ms=now_ms, until_ms=until_ms)
        except Unavailable:
            return None

    def _release(self, slot: WaiterSlot) -> None:
        try:
            self._slots.release(slot)
        except Unavailable:
            return  # its time runs out
