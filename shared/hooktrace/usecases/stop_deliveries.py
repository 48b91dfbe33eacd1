"""Cancel what is pending for an endpoint that was disabled or deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.delivery_steps import end_without_attempt
from hooktrace.domain.ids import DeliveryId, EndpointId, ProjectId, bare, delivery_id
from hooktrace.domain.listing import FIRST, LAST
from hooktrace.domain.registry import Endpoint, Project
from hooktrace.ports import Chance, Clock, Ledger, Write, Written
from hooktrace.reading_ports import Lane, LaneRead, LedgerLists
from hooktrace.registry_ports import Stop, StopStore
from hooktrace.usecases.endpoint_life import EndpointLife
from hooktrace.usecases.whole_writes import check_all

ROWS_A_READ = 500
ROWS_IN_CALL = 2_000
"""What the call that disables an endpoint looks through itself; sweep goes on with the rest."""
ROWS_A_ROUND = 10_000
LISTED = ("retrying", "waiting")
"""Where the `attention` index has what no worker holds; each is walked through shard by shard."""
GRACE_MS = 120_000
"""Longer than an attempt in flight takes to be on record and in the index."""


class Endpoints(Protocol):
    """Endpoints, strongly consistent."""

    def get_endpoint(self, project_id: str, endpoint_id: str) -> Endpoint | None: ...


class Projects(Protocol):
    """Says into how many shards a project is divided."""

    def get_project(self, project_id: str) -> Project | None: ...


class StopDeliveries:
    """Looks through what retries or waits for its turn; cancels what is for the stopped endpoint.

    A delivery whose message is with a worker, or soon will be, or whose attempt is in flight, is
    not among them: the worker looks at the endpoint itself and cancels it.

    It never cancels what is newer than the disabling: records are read first, the endpoint
    after them. If it is still disabled by the same act then, each record stood like this while
    it was disabled, and the write is conditional on that version. Once it is enabled again, the
    work ends.
    """

    def __init__(
        self,
        *,
        stops: StopStore,
        endpoints: Endpoints,
        projects: Projects,
        life: EndpointLife,
        ledger: Ledger,
        lists: LedgerLists,
        clock: Clock,
        chance: Chance,
        rows_in_call: int = ROWS_IN_CALL,
        rows_a_round: int = ROWS_A_ROUND,
    ) -> None:
        self._stops = stops
        self._endpoints = endpoints
        self._projects = projects
        self._life = life
        self._ledger = ledger
        self._lists = lists
        self._clock = clock
        self._chance = chance
        self._rows_in_call = rows_in_call
        self._rows_a_round = rows_a_round
        self._rows = 0
        self._cancelled = 0

    def start(self, stop: Stop) -> int:
        """A bounded piece of the work, at once; answers how many were cancelled.

        Raises Unavailable. The note of the stop remains, so sweep does what is left.
        """
        self._rows, self._cancelled = self._rows_in_call, 0
        self._walk(stop)
        return self._cancelled

    def finish(self) -> Counter[str]:
        """A round of sweep: works through the notes of stopped endpoints. Raises Unavailable.

        Parts for each note: (1) have a disabling told, if that was cut off; (2) a walk at once;
        (3) another one `GRACE_MS` after the stop, for what was in flight then; (4) remove the
        note. Every part may be repeated; a walk that was cut off goes on where it was.
        """
        self._rows, self._cancelled = self._rows_a_round, 0
        counts: Counter[str] = Counter()
        for stop in self._stops.pending_stops():
            if self._rows <= 0:
                break
            counts["stops"] += self._work(stop)
        counts["stopped"] = self._cancelled
        return counts

    def _work(self, stop: Stop) -> bool:
        """One note; whether it is done with."""
        endpoint = self._endpoints.get_endpoint(stop.project_id, stop.endpoint_id)
        if not _holds(stop, endpoint):
            self._stops.clear_stop(stop)
            return True
        if endpoint is not None:
            self._life.announce(endpoint)
        now_ms = self._clock.now_ms()
        if not stop.at:
            if stop.walk_ms and now_ms < stop.since_ms + GRACE_MS:
                return False
            stop = replace(stop, walk_ms=now_ms)
        left = self._walk(stop)
        if left is not None or stop.walk_ms < stop.since_ms + GRACE_MS:
            self._stops.keep_stop(replace(stop, at=left or ""))
            return False
        if endpoint is None:
            self._life.forget(stop.project_id, stop.endpoint_id)
        self._stops.clear_stop(stop)
        return True

    def _walk(self, stop: Stop) -> str | None:
        """From `stop.at` on; answers where to go on, None at the end or when it was called off."""
        project = self._projects.get_project(stop.project_id)
        number, _, low = stop.at.partition(":")
        step = int(number or 0)
        while project is not None and step < project.shards * len(LISTED):
            if self._rows <= 0:
                return f"{step}:{low}"
            name, shard = LISTED[step // project.shards], step % project.shards
            lane = Lane(ProjectId(stop.project_id), "D", shard, "attention", name)
            limit = min(ROWS_A_READ, self._rows)
            read = LaneRead(lane, low or FIRST, LAST, limit, descending=False)
            (found,) = self._lists.read([read])
            self._rows -= max(1, found.rows)
            refs = _deliveries_of(stop.endpoint_id, [entry.place for entry in found.entries])
            if refs and not self._cancel(stop, refs):
                return None
            step, low = (step + 1, "") if found.edge is None else (step, found.edge)
        return None

    def _cancel(self, stop: Stop, refs: Sequence[DeliveryId]) -> bool:
        """False when the endpoint is not stopped any more, and nothing was done."""
        project = ProjectId(stop.project_id)
        records = list(self._ledger.deliveries((project, ref) for ref in refs).values())
        endpoint = self._endpoints.get_endpoint(stop.project_id, stop.endpoint_id)
        if not _holds(stop, endpoint):
            return False
        writes = []
        for record in records:
            after = self._cancelled_record(record, is_deleted=endpoint is None)
            if after is not None:
                writes.append(Write(after, record))
        answers = self._ledger.write(writes) if writes else []
        self._cancelled += sum(isinstance(answer, Written) for answer in answers)
        check_all(answers)
        return True

    def _cancelled_record(
        self, record: DeliveryRecord, *, is_deleted: bool
    ) -> DeliveryRecord | None:
        now_ms = self._clock.now_ms()
        if record.forced and not is_deleted:
            return None
        if record.lease_until_ms is not None and record.lease_until_ms > now_ms:
            return None
        return end_without_attempt(
            record,
            "endpoint_deleted" if is_deleted else "endpoint_disabled",
            now_ms=now_ms,
            token=self._chance.token(),
        )


def _holds(stop: Stop, endpoint: Endpoint | None) -> bool:
    """Whether the endpoint is still stopped by this very act: deleted, or disabled then."""
    if endpoint is None:
        return True
    return endpoint.state == "disabled" and (endpoint.disabled_ms or 0) == stop.since_ms


def _deliveries_of(endpoint_id: str, places: Sequence[str]) -> list[DeliveryId]:
    wanted = bare(EndpointId(endpoint_id))
    parts = [place.split("#") for place in places]
    return [
        delivery_id(event, endpoint, int(replay))
        for event, endpoint, replay in parts
        if endpoint == wanted
    ]
