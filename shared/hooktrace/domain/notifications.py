"""What is told about a change of status, and to whom nothing is told: bodies, secrets, values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hooktrace.domain.ids import DeliveryId, EndpointId, EventId, ProjectId
from hooktrace.domain.states import DeliveryStatus, EventStatus
from hooktrace.domain.times import rfc3339

VERSION = 1
EVENT_KINDS = {
    EventStatus.DISCARDED: "event.discarded",
    EventStatus.REJECTED: "event.rejected",
    EventStatus.PARTIAL: "event.partial",
    EventStatus.FAILED: "event.failed",
}
KINDS = (*EVENT_KINDS.values(), "delivery.failed", "delivery.recovered")


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A record of the ledger went from one status to another (None: it is new)."""

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


@dataclass(frozen=True, slots=True)
class Notification:
    """One message for the bus. `id` is the same whenever the same change is told again."""

    id: str
    kind: str
    event_id: EventId
    at_ms: int
    detail: dict[str, Any]


def notification_of(change: StatusChange) -> Notification | None:
    """What is told about this change: what needs attention, and its end; successes are not."""
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
    }
    kept = {name: value for name, value in detail.items() if value is not None}
    return Notification(identifier, kind, change.event_id, change.at_ms, kept)


def _kind(change: StatusChange) -> str | None:
    if change.before == change.after:
        return None
    if change.delivery_id is None:
        return EVENT_KINDS.get(EventStatus(change.after))
    if change.after == DeliveryStatus.FAILED:
        return "delivery.failed"
    recovered = change.after == DeliveryStatus.SUCCEEDED and change.attempts > 1
    return "delivery.recovered" if recovered else None
