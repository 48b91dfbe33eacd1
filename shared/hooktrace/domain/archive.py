"""What leaves the ledger when it expires, as the archive keeps it.

The archive is JSON lines. A line has a `kind`, the project, the event, and the words of the API.
Its place is the project and the UTC day on which the event was accepted: an event's id alone leads
there, and all lines of an event lie together, whenever each of them left.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hooktrace.domain.deliveries import Attempt, DeliveryRecord
from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.events import EventRecord, Payload
from hooktrace.domain.ids import DeliveryId, EventId, ProjectId, bare, ulid_ms
from hooktrace.domain.record_facts import attempt_facts, delivery_facts, event_facts
from hooktrace.domain.times import rfc3339


@dataclass(frozen=True, slots=True)
class LeftPayload:
    """An event's data and headers, packed (`hooktrace.domain.events.Payload.pack`)."""

    project_id: ProjectId
    event_id: EventId
    packed: bytes


@dataclass(frozen=True, slots=True)
class LeftAttempt:
    """An older attempt, which lay beside its delivery."""

    project_id: ProjectId
    event_id: EventId
    delivery_id: DeliveryId
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class LeftUnread:
    """An item that this version cannot read, as DynamoDB has it; bytes are base64."""

    project_id: ProjectId
    event_id: EventId
    item: Mapping[str, Any]

    def without_data(self) -> LeftUnread:
        """Without the attribute that holds payloads."""
        return replace(self, item={k: v for k, v in self.item.items() if k != "b"})


Left = EventRecord | DeliveryRecord | LeftPayload | LeftAttempt | LeftUnread
Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A batch of the stream, named by its first and last sequence number."""

    first: str
    last: str


def event_of(left: Left) -> EventId:
    """The event that it belongs to."""
    return left.id if isinstance(left, EventRecord) else left.event_id


def folder(project: ProjectId, event: EventId) -> str:
    """Where all lines of an event are, as Hive partitions: `project=prj_.../date=2026-11-25/`."""
    return f"project={project}/date={rfc3339(ulid_ms(bare(event)))[:10]}/"


def object_name(place: str, stretch: Stretch) -> str:
    """The object in a folder that holds what left in a stretch: the same when it is repeated."""
    return f"{place}{stretch.first}-{stretch.last}.jsonl.gz"


def large_payload_name(project: ProjectId, event: EventId) -> str:
    """The object of a payload that was too large for the ledger."""
    return f"{folder(project, event)}{event}.jsonl.gz"


def line_of(left: Left) -> Line:
    """A line for what left. Raises InvalidInput for a payload that is no payload."""
    where = {"project_id": left.project_id, "event_id": event_of(left)}
    if isinstance(left, EventRecord):
        return {"kind": "event", **where, **event_facts(left), "match": left.report}
    if isinstance(left, DeliveryRecord):
        return {"kind": "delivery", **where, **delivery_facts(left)}
    if isinstance(left, LeftAttempt):
        facts = attempt_facts(left.attempt)
        return {"kind": "attempt", **where, "delivery_id": left.delivery_id, **facts}
    if isinstance(left, LeftUnread):
        return {"kind": "unread", **where, "item": left.item}
    payload = Payload.unpack(left.packed)
    try:
        # The text itself: as part of the line it could not keep its spaces and line breaks.
        text = payload.data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("unreadable_payload", "the data is not UTF-8") from error
    facts = {"time": payload.time, "headers": dict(payload.headers), "data": text}
    return {"kind": "payload", **where, **facts}


def unread_payload(payload: LeftPayload) -> LeftUnread:
    """A payload that cannot be unpacked, as it is stored."""
    packed = {"b": {"B": base64.b64encode(payload.packed).decode()}}
    return LeftUnread(payload.project_id, payload.event_id, packed)


def inline_payload(event: EventRecord) -> LeftPayload | None:
    """The payload that rides in the event's item, if one does."""
    if event.packed is None:
        return None
    return LeftPayload(event.project_id, event.id, event.packed)
