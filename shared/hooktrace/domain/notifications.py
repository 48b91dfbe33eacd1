"""What is told about a change of status, and to whom nothing is told: bodies, secrets, values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hooktrace.domain.endpoint_health import EndpointHealth, HealthState, LifeTimes
from hooktrace.domain.ids import DeliveryId, EndpointId, EventId, OperationId, ProjectId
from hooktrace.domain.operations import Operation, OperationState
from hooktrace.domain.states import DeliveryStatus, EventStatus
from hooktrace.domain.times import rfc3339

VERSION = 1
EVENT_KINDS = {
    EventStatus.DISCARDED: "event.discarded",
    EventStatus.REJECTED: "event.rejected",
    EventStatus.PARTIAL: "event.partial",
    EventStatus.FAILED: "event.failed",
    EventStatus.SUCCEEDED: "event.succeeded",
}


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A record of the ledger went from one status to another (None: it is new).

    `outcome` and `response_status` are those of a delivery's last attempt, where it failed or
    came to its end by more than one. `is_operational`: of an event that itself tells a
    notification, or of its delivery.
    """

    project_id: ProjectId
    event_id: EventId
    before: str | None
    after: str
    version: int
    at_ms: int
    event_type: str | None = None
    delivery_id: DeliveryId | None = None
    endpoint_id: EndpointId | None = None
    attempts: int = 0
    reason: str | None = None
    outcome: str | None = None
    response_status: int | None = None
    is_operational: bool = False


@dataclass(frozen=True, slots=True)
class HealthChange:
    """The health of an endpoint went from one state to another (None: nothing was kept of it)."""

    before: EndpointHealth | None
    after: EndpointHealth


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to tell. `id` is the same whenever the same change is told again.

    `about` is the event, endpoint or operation that it is about: those about one keep their order.
    """

    id: str
    kind: str
    about: EventId | EndpointId | OperationId
    at_ms: int
    detail: dict[str, Any]

    @property
    def project_id(self) -> ProjectId:
        return ProjectId(self.detail["project_id"])


def notification_of(change: StatusChange) -> Notification | None:
    """What may be told about this change; whether it is, its project chooses.

    Nothing is told about operational webhooks: a notification about a notification would have
    no end.
    """
    kind = _kind(change)
    if kind is None:
        return None
    identifier = f"{kind}:{change.delivery_id or change.event_id}:{change.version}"
    detail: dict[str, Any] = {
        "version": VERSION,
        "id": identifier,
        "kind": kind,
        "time": rfc3339(change.at_ms),
        "project_id": change.project_id,
        "event_id": change.event_id,
        "event_type": change.event_type,
        "delivery_id": change.delivery_id,
        "endpoint_id": change.endpoint_id,
        "status": change.after,
        "previous_status": change.before,
        "attempts": change.attempts or None,
        "reason": change.reason,
        "outcome": change.outcome,
        "response_status": change.response_status,
    }
    kept = {name: value for name, value in detail.items() if value is not None}
    return Notification(identifier, kind, change.event_id, change.at_ms, kept)


def _kind(change: StatusChange) -> str | None:
    if change.before == change.after or change.is_operational:
        return None
    if change.delivery_id is None:
        return EVENT_KINDS.get(EventStatus(change.after))
    if change.after == DeliveryStatus.FAILED:
        return "delivery.failed"
    if change.after == DeliveryStatus.SUCCEEDED:
        return "delivery.recovered" if change.attempts > 1 else "delivery.succeeded"
    return None


def operation_notification(before: str | None, after: Operation) -> Notification | None:
    """What is told about an operation that went on from the state `before`: that it is over.

    It is over when it is completed, and when its work failed again and again; not when somebody
    cancelled it, for they know.
    """
    if after.state not in {OperationState.COMPLETED, OperationState.FAILED}:
        return None
    if before == after.state:
        return None
    identifier = f"operation.completed:{after.id}:{after.version}"
    detail: dict[str, Any] = {
        "version": VERSION,
        "id": identifier,
        "kind": "operation.completed",
        "time": rfc3339(after.updated_ms),
        "project_id": after.project_id,
        "operation_id": after.id,
        "action": after.action,
        "dry_run": after.dry_run,
        "status": after.state,
        "previous_status": before,
        "total": after.counts.total,
        "succeeded": after.counts.succeeded,
        "skipped": after.counts.skipped,
        "failed": after.counts.failed,
        "reason": after.reason,
    }
    if after.action == "test":
        found = ("considered", "matched", "gained", "lost")
        detail |= {name: getattr(after.counts, name) for name in found}
    kept = {name: value for name, value in detail.items() if value is not None}
    return Notification(identifier, "operation.completed", after.id, after.updated_ms, kept)


def health_notification(
    change: HealthChange, times: LifeTimes | None = None
) -> Notification | None:
    """What is told about an endpoint: a warning, why it was disabled, and that it works again.

    `endpoint.recovered` answers a warning or a disabling; short failures are not told.
    """
    kind = _health_kind(change)
    if kind is None:
        return None
    after = change.after
    told = change.before if kind == "endpoint.recovered" and change.before else after
    is_failing = told is after and after.failing_since_ms is not None
    failure = after.failure if is_failing else None
    identifier = f"{kind}:{after.endpoint_id}:{after.version}"
    detail: dict[str, Any] = {
        "version": VERSION,
        "id": identifier,
        "kind": kind,
        "time": rfc3339(after.updated_ms),
        "project_id": after.project_id,
        "endpoint_id": after.endpoint_id,
        "status": after.state,
        "previous_status": change.before.state if change.before else None,
        "reason": after.disabled_reason if after.state is HealthState.DISABLED else None,
        "failing_since": _time(told.failing_since_ms),
        "disables_at": _time(after.disables_ms(after.updated_ms, times or LifeTimes())),
        "outcome": failure.outcome if failure else None,
        "response_status": failure.status if failure else None,
    }
    kept = {name: value for name, value in detail.items() if value is not None}
    return Notification(identifier, kind, after.endpoint_id, after.updated_ms, kept)


def _health_kind(change: HealthChange) -> str | None:
    before, after = change.before, change.after
    if after.state is HealthState.DISABLED:
        known = before is not None and before.state is HealthState.DISABLED
        same = known and before is not None and before.disabled_ms == after.disabled_ms
        return None if same else "endpoint.disabled"
    if before is None or before.state is after.state:
        return None
    if after.state is HealthState.WARNED:
        return "endpoint.warned"
    recovered = after.state is HealthState.WORKING and before.owes_recovery
    return "endpoint.recovered" if recovered else None


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
