"""Wait for the outcome of an event, for as long as a caller is willing to."""

from __future__ import annotations

import time
from collections.abc import Callable

from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.domain.states import EVENT_ENDS, EventStatus
from hooktrace.ports import Ledger

MAX_SECONDS = 25
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0


class AwaitOutcome:
    """Looks at the event's record (one strongly consistent read), then ever less often."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        pause: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._pause = pause
        self._monotonic = monotonic

    def run(self, project: ProjectId, event: EventId, seconds: float) -> EventStatus | None:
        """The status at the end of waiting: final if it came in time. None: no such event."""
        deadline = self._monotonic() + min(seconds, MAX_SECONDS)
        pause = FIRST_PAUSE
        while True:
            found = self._ledger.events([(project, event)]).get(event)
            left = deadline - self._monotonic()
            if found is None or found.status in EVENT_ENDS or left <= 0:
                return found.status if found else None
            self._pause(min(pause, left))
            pause = min(pause * 1.5, LONGEST_PAUSE)
