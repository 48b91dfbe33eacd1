"""How an endpoint fares, for whoever asks: what is kept of it, and its newest deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.deliveries import Attempt
from hooktrace.domain.endpoint_health import EndpointHealth, Failure, HealthState, LifeTimes
from hooktrace.domain.ids import EndpointId, ProjectId, delivery_id, lowest_ulid
from hooktrace.domain.listing import FIRST, LAST
from hooktrace.domain.registry import Endpoint
from hooktrace.endpoint_ports import EndpointHealths
from hooktrace.ports import Clock, Ledger
from hooktrace.reading_ports import Lane, LaneRead, LedgerLists

NEWEST = 10
"""How many of its deliveries are looked at for the last success and the last failure."""

ReportedState = Literal["untried", "working", "failing", "warned", "disabled"]


@dataclass(frozen=True, slots=True)
class HealthReport:
    """How an endpoint fares now. Times are Unix milliseconds.

    `disables_ms` is the first moment at which one more failure would disable it.
    """

    state: ReportedState
    last_success_ms: int | None
    last_failure: Failure | None
    failing_since_ms: int | None
    warned_ms: int | None
    disables_ms: int | None


class ReadHealth:
    """The use case; see `of`."""

    def __init__(
        self,
        *,
        healths: EndpointHealths,
        ledger: Ledger,
        lists: LedgerLists,
        clock: Clock,
        times: LifeTimes | None = None,
    ) -> None:
        self._healths = healths
        self._ledger = ledger
        self._lists = lists
        self._clock = clock
        self._times = times or LifeTimes()

    def of(self, endpoint: Endpoint) -> HealthReport:
        """The health of an endpoint; bounded work, whatever its history. Raises Unavailable.

        Successes are not kept anywhere: the last one is looked for in the endpoint's newest
        deliveries and, while it fails, in the newest ones from before that.
        """
        ref = ProjectId(endpoint.project_id), EndpointId(endpoint.id)
        kept = self._healths.healths([ref]).get(ref[1]) or EndpointHealth(*ref)
        is_enabled_again = kept.state is HealthState.DISABLED and endpoint.state == "enabled"
        current = EndpointHealth(*ref) if is_enabled_again else kept
        attempts = self._attempts(*ref, LAST)
        success, failure = _last(attempts, success=True), _last(attempts, success=False)
        since_ms = current.failing_since_ms
        if success is None and since_ms is not None:
            earlier = self._attempts(*ref, lowest_ulid(since_ms))
            success = _last(earlier, success=True)
        last_success_ms = max(_end_ms(success), kept.last_success_ms or 0) or None
        last_failure = _later(failure, kept.failure)
        disables_ms = current.disables_ms(self._clock.now_ms(), self._times)
        return HealthReport(
            state=_state(endpoint, kept, last_success_ms, last_failure),
            last_success_ms=last_success_ms,
            last_failure=last_failure,
            failing_since_ms=since_ms,
            warned_ms=current.warned_ms,
            disables_ms=None if endpoint.state == "disabled" else disables_ms,
        )

    def _attempts(self, project: ProjectId, endpoint: EndpointId, high: str) -> list[Attempt]:
        """What is over of the attempts of its newest deliveries before the place `high`."""
        lane = Lane(project, "D", None, "by_endpoint", endpoint)
        (found,) = self._lists.read([LaneRead(lane, FIRST, high, NEWEST, descending=True)])
        parts = [entry.place.split("#") for entry in found.entries[:NEWEST]]
        ids = [delivery_id(event, ulid, int(replay)) for event, ulid, replay in parts]
        records = self._ledger.deliveries((project, one) for one in ids).values() if ids else ()
        return [
            attempt
            for record in records
            for attempt in record.attempts
            if attempt.outcome not in {None, AttemptOutcome.WORKER_LOST}
        ]


def _last(attempts: Sequence[Attempt], *, success: bool) -> Attempt | None:
    asked = [a for a in attempts if (a.outcome is AttemptOutcome.SUCCESS) is success]
    return max(asked, key=_end_ms, default=None)


def _end_ms(attempt: Attempt | None) -> int:
    return 0 if attempt is None else attempt.started_ms + (attempt.duration_ms or 0)


def _later(attempt: Attempt | None, kept: Failure | None) -> Failure | None:
    """The later of the failure that is on record and the one that is kept."""
    if attempt is None or attempt.outcome is None:
        return kept
    if kept is not None and kept.at_ms > _end_ms(attempt):
        return kept
    return Failure(_end_ms(attempt), attempt.outcome, attempt.status)


def _state(
    endpoint: Endpoint,
    kept: EndpointHealth,
    last_success_ms: int | None,
    last_failure: Failure | None,
) -> ReportedState:
    if endpoint.state == "disabled":
        return "disabled"
    if kept.state is HealthState.DISABLED:
        return "untried"
    if kept.state is HealthState.FAILING:
        return "failing"
    if kept.state is HealthState.WARNED:
        return "warned"
    if last_success_ms is None and last_failure is None:
        return "untried"
    return "working"
