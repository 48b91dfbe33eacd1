"""Operational webhooks: a notification as an event for the project's own endpoints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from hooktrace.domain.events import EventRecord, Payload, PlannedDelivery
from hooktrace.domain.ids import EndpointId, EventId, ProjectId, new_event_id
from hooktrace.domain.notification_kinds import RESERVED
from hooktrace.domain.notifications import Notification
from hooktrace.domain.registry import DEFAULT_SHARDS, Project
from hooktrace.domain.retention import expires_open_s
from hooktrace.domain.states import EventStatus

LOOK_AGAIN_MS = 60_000
"""When sweep looks whether what was planned got under way."""


def operational_event_id(notification: Notification, project: Project) -> EventId:
    """The one id of the event that tells this notification: telling it again makes it again.

    Its time is that of the change. It does not follow a growing number of shards, so that it
    stays the same (DEFAULT_SHARDS are always among those that lists look through).
    """
    digest = hashlib.sha256(f"{project.id}\n{notification.id}".encode()).digest()
    shards = min(project.shards, DEFAULT_SHARDS)
    return new_event_id(notification.at_ms, digest[:10], shards)


def operational_event(
    notification: Notification,
    project: Project,
    endpoints: Sequence[str],
    *,
    now_ms: int,
    token: str,
) -> EventRecord:
    """The event record: matched already, by nobody's subscription, and on its way.

    Its deliveries are `matched_by` nothing, which marks them as operational. The payload (a few
    hundred bytes) is always inline. No trace context: nobody's request caused it.
    """
    data = json.dumps(notification.detail, separators=(",", ":"), ensure_ascii=False).encode()
    plan = tuple(PlannedDelivery(EndpointId(one), ()) for one in endpoints)
    return EventRecord(
        id=operational_event_id(notification, project),
        project_id=ProjectId(project.id),
        type=f"{RESERVED}.{notification.kind}",
        status=EventStatus.DELIVERING,
        version=1,
        updated_ms=now_ms,
        size_bytes=len(data),
        packed=Payload(data).pack(),
        plan=plan,
        plan_total=len(plan),
        due_ms=now_ms + LOOK_AGAIN_MS,
        expires_s=expires_open_s(now_ms, project),
        write_token=token,
    )


def next_round(plan: Sequence[PlannedDelivery], number: int) -> tuple[PlannedDelivery, ...]:
    """A replay of an operational event: once more to each of its endpoints."""
    endpoints = dict.fromkeys(one.endpoint_id for one in plan)
    return tuple(PlannedDelivery(endpoint, (), number) for endpoint in endpoints)
