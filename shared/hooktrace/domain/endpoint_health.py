"""How an endpoint fares: what is kept of it, and when its state changes. Pure.

Only changes are kept: the first failure after it worked, the warning, the disabling, and the
first success after any of these. An endpoint that works has no record, and costs no write.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.registry import DisabledReason, Endpoint

DAY_MS = 24 * 3_600 * 1_000


class HealthState(StrEnum):
    """What is told of an endpoint."""

    WORKING = "working"
    FAILING = "failing"
    WARNED = "warned"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class LifeTimes:
    """When an endpoint that does nothing but fail is warned of, and when it is disabled.

    `notice_ms` lies between the two at least, also when the endpoint was not tried for days.
    """

    warn_after_ms: int = 4 * DAY_MS
    disable_after_ms: int = 5 * DAY_MS
    notice_ms: int = DAY_MS


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that failed. `status` is the HTTP status, None when there was no answer."""

    at_ms: int
    outcome: AttemptOutcome
    status: int | None = None


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """What the ledger keeps of an endpoint; `version` 0 means that nothing is stored.

    `failure` is the failure of the last change. `owes_recovery`: a warning or a disabling was
    told, so the next success is told, too. `disabled_ms` and `endpoint_version` say which
    disabling was told last: results of an attempt that began with an older version of the
    endpoint do not count any more, those of a newer one show that it was enabled again.
    """

    project_id: ProjectId
    endpoint_id: EndpointId
    version: int = 0
    state: HealthState = HealthState.WORKING
    updated_ms: int = 0
    failing_since_ms: int | None = None
    failure: Failure | None = None
    last_success_ms: int | None = None
    warned_ms: int | None = None
    disabled_ms: int | None = None
    disabled_reason: DisabledReason | None = None
    endpoint_version: int = 0
    owes_recovery: bool = False
    expires_s: int | None = None
    write_token: str = ""

    def is_of(self, endpoint_version: int) -> bool:
        """Whether a result with this version of the endpoint counts."""
        return self.state is not HealthState.DISABLED or endpoint_version > self.endpoint_version

    def has_told(self, endpoint: Endpoint) -> bool:
        """Whether this disabling of the endpoint was told."""
        same = self.disabled_ms is not None and self.disabled_ms == endpoint.disabled_ms
        return same or endpoint.version <= self.endpoint_version

    def disables_ms(self, now_ms: int, times: LifeTimes) -> int | None:
        """The first moment at which one more failure disables the endpoint, None if none does."""
        if self.failing_since_ms is None or self.state is HealthState.DISABLED:
            return None
        warned = self.warned_ms
        if warned is None:
            warned = max(now_ms, self.failing_since_ms + times.warn_after_ms)
        return max(self.failing_since_ms + times.disable_after_ms, warned + times.notice_ms)


def after_success(
    health: EndpointHealth, *, endpoint_version: int, now_ms: int, token: str
) -> EndpointHealth | None:
    """The health after an attempt that succeeded; None when nothing changes."""
    if health.version == 0 or not health.is_of(endpoint_version):
        return None
    if health.state is HealthState.WORKING:
        return None
    return replace(
        health,
        version=health.version + 1,
        state=HealthState.WORKING,
        updated_ms=now_ms,
        failing_since_ms=None,
        last_success_ms=now_ms,
        warned_ms=None,
        owes_recovery=False,
        write_token=token,
    )


def after_failure(
    health: EndpointHealth,
    failure: Failure,
    *,
    endpoint_version: int,
    times: LifeTimes,
    token: str,
) -> EndpointHealth | None:
    """The health after an attempt that failed; None when nothing changes.

    An endpoint that was disabled and enabled again begins anew: it is failing since now.
    """
    now_ms = failure.at_ms
    if not health.is_of(endpoint_version):
        return None
    after = replace(
        health,
        version=health.version + 1,
        updated_ms=now_ms,
        failure=failure,
        write_token=token,
    )
    if health.state in {HealthState.WORKING, HealthState.DISABLED}:
        return replace(after, state=HealthState.FAILING, failing_since_ms=now_ms, warned_ms=None)
    since_ms = health.failing_since_ms or now_ms
    if health.state is HealthState.FAILING and now_ms >= since_ms + times.warn_after_ms:
        return replace(after, state=HealthState.WARNED, warned_ms=now_ms, owes_recovery=True)
    return None


def must_disable(
    health: EndpointHealth, *, endpoint_version: int, now_ms: int, times: LifeTimes
) -> bool:
    """Whether a failure now disables the endpoint: long enough, and warned of long enough."""
    if health.state is not HealthState.WARNED or not health.is_of(endpoint_version):
        return False
    at_ms = health.disables_ms(now_ms, times)
    return at_ms is not None and now_ms >= at_ms


def after_disabling(
    health: EndpointHealth, endpoint: Endpoint, *, now_ms: int, token: str
) -> EndpointHealth | None:
    """The health of an endpoint that was disabled, for whatever reason; None when that is told."""
    if endpoint.state != "disabled" or health.has_told(endpoint):
        return None
    return replace(
        health,
        version=health.version + 1,
        state=HealthState.DISABLED,
        updated_ms=now_ms,
        disabled_ms=endpoint.disabled_ms,
        disabled_reason=endpoint.disabled_reason,
        endpoint_version=endpoint.version,
        owes_recovery=True,
        write_token=token,
    )
