"""The event record: what came in, what matching decided, what became of it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.ids import (
    DeliveryId,
    EndpointId,
    EventId,
    OperationId,
    ProjectId,
    SubscriptionId,
    bare,
    delivery_id,
    ulid_ms,
)
from hooktrace.domain.states import EventStatus
from hooktrace.domain.times import rfc3339

INLINE_PAYLOAD_BYTES = 620
"""A payload up to this size (compressed) rides in the event item, which then stays within 1 KB."""
ITEM_PAYLOAD_BYTES = 300_000
"""Up to this size (compressed) it has an item of its own; beyond, an object in S3."""
MESSAGE_PAYLOAD_BYTES = 48_000
"""Up to this size (compressed) it rides in queue messages."""
PLAN_INLINE = 50
"""So many deliveries are planned inside the event item; more go to pages beside it."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What the producer sent: `data` byte for byte, headers, and their own time if given."""

    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    time: str | None = None

    def pack(self) -> bytes:
        """The stored form: one line of JSON for headers and time, then the bytes of data; zlib."""
        head: dict[str, Any] = {}
        if self.headers:
            head["headers"] = dict(self.headers)
        if self.time is not None:
            head["time"] = self.time
        line = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
        return zlib.compress(line + b"\n" + self.data, 6)

    @classmethod
    def unpack(cls, packed: bytes) -> Payload:
        """The inverse of `pack`. Raises InvalidInput for bytes that `pack` never made."""
        try:
            line, data = zlib.decompress(packed).split(b"\n", 1)
            head = json.loads(line)
            headers, time = head.get("headers", {}), head.get("time")
            texts = [*headers.values(), *([] if time is None else [time])]
            if not all(isinstance(text, str) for text in texts):
                raise ValueError("headers and time are texts")
        except (zlib.error, ValueError, AttributeError, RecursionError) as error:
            # By its type alone: its text may quote the payload, and this one is logged.
            message = f"not a stored payload: {type(error).__name__}"
            raise InvalidInput("unreadable_payload", message) from error
        return cls(data=data, headers=headers, time=time)


@dataclass(frozen=True, slots=True)
class PlannedDelivery:
    """One endpoint that the event goes to, and which of its subscriptions asked for it.

    `operation_id` is the bulk operation that planned it, if one did; `requested_by` the key id
    that asked for it, of a replay.
    """

    endpoint_id: EndpointId
    matched_by: tuple[SubscriptionId, ...]
    replay: int = 0
    operation_id: OperationId | None = None
    requested_by: str | None = None


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event in the ledger. Times are Unix milliseconds.

    `packed` is the payload when it is inline, else None and `payload_at` says where it is ("item"
    or "s3"). `plan` holds the planned deliveries while they are few; of many, `plan_pages` pages
    are stored beside the record under `plan_token`. `due_ms` is when sweep must look whether all
    that was planned got under way (after a replay). `expunged_ms` is when its data was expunged,
    `expunged_by` the key id that asked for it.
    """

    id: EventId
    project_id: ProjectId
    type: str
    status: EventStatus
    version: int
    updated_ms: int
    size_bytes: int
    packed: bytes | None = None
    payload_at: str | None = None
    report: Mapping[str, Any] | None = None
    plan: tuple[PlannedDelivery, ...] = ()
    plan_total: int = 0
    plan_pages: int = 0
    plan_token: str | None = None
    due_ms: int | None = None
    reason: str | None = None
    idempotency_key: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    expires_s: int | None = None
    expunged_ms: int | None = None
    expunged_by: str | None = None
    write_token: str = ""

    @property
    def ulid(self) -> str:
        return bare(self.id)

    @property
    def accepted_ms(self) -> int:
        return ulid_ms(self.id)

    def delivery_of(self, plan: PlannedDelivery) -> DeliveryId:
        """The id of a planned delivery of this event."""
        return delivery_id(self.ulid, bare(plan.endpoint_id), plan.replay)

    def has_expired(self, now_ms: int) -> bool:
        """Whether it is over: hidden, also while DynamoDB has not deleted it yet."""
        return self.expires_s is not None and self.expires_s * 1000 <= now_ms

    @property
    def attention(self) -> str | None:
        """The status under which the `attention` index lists this event, if any."""
        listed = {EventStatus.DISCARDED, EventStatus.REJECTED, EventStatus.FAILED}
        return self.status if self.status in listed | {EventStatus.PARTIAL} else None

    def timestamp(self, payload: Payload) -> str:
        """RFC 3339 time of the event as sent to endpoints: the producer's, else of acceptance."""
        return payload.time if payload.time is not None else rfc3339(self.accepted_ms)
