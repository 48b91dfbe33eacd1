"""Once a minute: dead letters, due retries, and what the audit finds stuck."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.domain.registry import Project
from hooktrace.ports import (
    Chance,
    Clock,
    Ledger,
    LedgerScan,
    Payloads,
    TaskQueue,
    Written,
)
from hooktrace.usecases.repair_events import RepairEvents, look_again
from hooktrace.usecases.roll_up_events import RollUpEvents
from hooktrace.usecases.send_due import DUE_AGAIN_MS, SendDue
from hooktrace.usecases.watch_operations import WatchOperations
from hooktrace.usecases.write_back import DeadLetters, WriteBackLetters

FIRST_LOOK_BACK_MS = 10 * 60_000
CHUNK = 100
ROUNDS = 4
WHOLE = "-"
ROUND_MS = 40_000
"""A round ends by then, wherever it is: the function has 55 s, and more to do."""
SHARES = {"letters": 0.25, "due": 0.6, "first": 0.85, "second": 1.0}
"""When each part of a round has to be done, so that none starves those behind it."""


class Projects(Protocol):
    """All projects."""

    def list_projects(self) -> list[str]: ...

    def get_project(self, project_id: str) -> Project | None: ...


class Marks(Protocol):
    """How far each audit has looked, kept from run to run."""

    def mark(self, name: str) -> int | None: ...

    def set_mark(self, name: str, value: int) -> None: ...

    def place(self, name: str) -> str:
        """Where inside its window an audit ran out of time; empty when it did not."""
        ...

    def set_place(self, name: str, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Ages:
    """The audit looks at each event when it has reached each of these ages."""

    first_seconds: int = 180
    second_seconds: int = 1_800


@dataclass(frozen=True, slots=True)
class _Place:
    """In the window that ends with `until_ms`: behind an event in this shard of this project, or
    behind the shard's last one."""

    until_ms: int
    project: str
    shard: int
    after: EventId | None

    def __str__(self) -> str:
        return f"{self.until_ms} {self.project} {self.shard} {self.after or WHOLE}"

    @classmethod
    def parse(cls, text: str) -> _Place | None:
        if not text:
            return None
        until_ms, project, shard, after = text.split()
        event = None if after == WHOLE else EventId(after)
        return cls(int(until_ms), project, int(shard), event)


class Sweep:
    """The use case of the sweep room; see `run`."""

    def __init__(
        self,
        *,
        projects: Projects,
        ledger: Ledger,
        payloads: Payloads,
        scan: LedgerScan,
        marks: Marks,
        match_queue: TaskQueue,
        deliver_queue: TaskQueue,
        dead_letters: Sequence[DeadLetters],
        roll_up: RollUpEvents,
        operations: WatchOperations,
        ages: Ages,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._projects = projects
        self._ledger = ledger
        self._scan = scan
        self._marks = marks
        self._letters = WriteBackLetters(
            queues=dead_letters,
            ledger=ledger,
            payloads=payloads,
            projects=projects,
            operations=operations,
            clock=clock,
            chance=chance,
        )
        self._repair = RepairEvents(
            ledger=ledger,
            payloads=payloads,
            match_queue=match_queue,
            deliver_queue=deliver_queue,
            roll_up=roll_up,
            clock=clock,
        )
        self._due = SendDue(
            scan=scan,
            ledger=ledger,
            deliver_queue=deliver_queue,
            repair=self._repair,
            roll_up=roll_up,
            operations=operations,
            clock=clock,
            chance=chance,
        )
        self._roll_up = roll_up
        self._ages = ages
        self._clock = clock
        self._chance = chance
        self._began_ms = 0
        self.counts: Counter[str] = Counter()

    def run(self) -> Counter[str]:
        """One round; answers with what was found and done. Raises Unavailable.

        Every step may be repeated: what it sends again meets the claim, and nothing is sent
        twice. A round has a share of its time for each part, and goes on next minute with what
        is left: letters and due entries leave their queue and index one by one, an audit keeps
        its place. A mark moves on only after its whole window was looked through.
        """
        self._began_ms = self._clock.now_ms()
        self.counts = self._repair.counts = Counter()
        self.counts.update(self._letters.run(lambda: self._has_time("letters")))
        self._due.run(lambda: self._has_time("due"))
        self._audit("first", self._ages.first_seconds * 1000, is_last=False)
        self._audit("second", self._ages.second_seconds * 1000, is_last=True)
        return self.counts

    def _has_time(self, part: str) -> bool:
        return self._clock.now_ms() - self._began_ms < ROUND_MS * SHARES[part]

    # -- the audit ------------------------------------------------------------------------

    def _audit(self, name: str, age_ms: int, *, is_last: bool) -> None:
        """Looks at every event that reached this age since the last look.

        A window that a round could not finish is finished by the next ones, from its place on,
        before a new one begins. What the last look finds under way without a time of its own in
        `due` is listed there.
        """
        until = self._clock.now_ms() - age_ms
        mark = self._marks.mark(name)
        since = until - FIRST_LOOK_BACK_MS if mark is None else mark
        place = _Place.parse(self._marks.place(name))
        if place is not None:
            until = place.until_ms
        if until <= since:
            return
        for project, shard, after in self._lanes(place):
            found = self._scan.events_in_shard(ProjectId(project), shard, since, until, after)
            events = iter(found)
            while chunk := list(islice(events, CHUNK)):
                self._look_at(chunk, is_last=is_last)
                if not self._has_time(name):
                    self._pause(name, _Place(until, project, shard, chunk[-1].id))
                    return
            if not self._has_time(name):
                self._pause(name, _Place(until, project, shard, None))
                return
        self._marks.set_mark(name, until)
        if place is not None:
            self._marks.set_place(name, "")

    def _pause(self, name: str, place: _Place) -> None:
        self.counts["audits_cut_off"] += 1
        self._marks.set_place(name, str(place))

    def _lanes(self, place: _Place | None) -> Iterator[tuple[str, int, EventId | None]]:
        """Project, shard and the event to go on behind, in the order of ids; from the place on."""
        for identifier in sorted(self._projects.list_projects()):
            if place is not None and identifier < place.project:
                continue
            project = self._projects.get_project(identifier)
            for shard in range(project.shards if project else 0):
                if place is None or (identifier, shard) > (place.project, place.shard):
                    yield identifier, shard, None
                elif shard == place.shard and place.after is not None:
                    yield identifier, shard, place.after

    def _look_at(self, events: Sequence[EventRecord], *, is_last: bool) -> None:
        self.counts["audited"] += len(events)
        go_on = self._repair.run(events)
        for event in events if is_last else ():
            self._roll_up.keep(event)
            if event.id in go_on:
                self._list_as_due(event)

    def _list_as_due(self, event: EventRecord) -> None:
        """The event may have changed meanwhile; who wrote last does not matter."""
        for _ in range(ROUNDS):
            found = self._ledger.events([(event.project_id, event.id)])
            now = found.get(event.id)
            if now is None or now.due_ms is not None:
                return
            due_ms = self._clock.now_ms() + DUE_AGAIN_MS
            if isinstance(
                self._ledger.write([look_again(now, due_ms, self._chance.token())])[0], Written
            ):
                return
