"""What the rooms say to each other through the queues: versioned, old ones still decode.

A message is a JSON object with a `kind` that ends in its version ("match.v1"). Bodies ride
along compressed (base64) while they are small, so that no hop reads them again.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.events import MESSAGE_PAYLOAD_BYTES
from hooktrace.domain.ids import (
    EndpointId,
    EventId,
    OperationId,
    ProjectId,
    SubscriptionId,
    is_id,
    parse_event_id,
)


@dataclass(frozen=True, slots=True)
class MatchTaskV1:
    """Match this event. `packed` is its payload, or None: read it from the ledger."""

    project_id: ProjectId
    event_id: EventId
    type: str
    size_bytes: int
    packed: bytes | None
    traceparent: str | None = None
    tracestate: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class DeliverTaskV1:
    """Make this attempt of a delivery. Where it goes is read from the endpoint, never from here.

    `waits` counts how often in a row the endpoint's concurrency sent the message back.
    """

    project_id: ProjectId
    event_id: EventId
    endpoint_id: EndpointId
    replay: int
    matched_by: tuple[SubscriptionId, ...]
    type: str
    attempt: int
    packed: bytes | None
    traceparent: str | None = None
    tracestate: str | None = None
    waits: int = 0
    operation: OperationId | None = None


@dataclass(frozen=True, slots=True)
class OperateTaskV1:
    """Take this operation further. `step` is its version when the message was sent."""

    project_id: ProjectId
    operation_id: OperationId
    step: int


Task = MatchTaskV1 | DeliverTaskV1 | OperateTaskV1


def fits_message(packed: bytes | None) -> bytes | None:
    """The payload if it may ride in a message, else None."""
    return packed if packed is not None and len(packed) <= MESSAGE_PAYLOAD_BYTES else None


def encode(task: Task) -> str:
    """The message body of a task."""
    if isinstance(task, OperateTaskV1):
        return _encode_operate(task)
    body: dict[str, Any] = {
        "kind": "match.v1" if isinstance(task, MatchTaskV1) else "deliver.v1",
        "project": task.project_id,
        "event": task.event_id,
        "type": task.type,
    }
    if isinstance(task, MatchTaskV1):
        body["size"] = task.size_bytes
        if task.idempotency_key is not None:
            body["idempotency_key"] = task.idempotency_key
    else:
        body["endpoint"] = task.endpoint_id
        body["replay"] = task.replay
        body["matched_by"] = list(task.matched_by)
        body["attempt"] = task.attempt
        if task.waits:
            body["waits"] = task.waits
        if task.operation is not None:
            body["operation"] = task.operation
    if task.packed is not None:
        body["body"] = base64.b64encode(task.packed).decode("ascii")
    if task.traceparent is not None:
        body["traceparent"] = task.traceparent
        if task.tracestate is not None:
            body["tracestate"] = task.tracestate
    return json.dumps(body, separators=(",", ":"))


def _encode_operate(task: OperateTaskV1) -> str:
    body = {
        "kind": "operate.v1",
        "project": task.project_id,
        "operation": task.operation_id,
        "step": task.step,
    }
    return json.dumps(body, separators=(",", ":"))


def decode(text: str) -> Task:
    """The task of a message body.

    Raises InvalidInput("unreadable_message") for anything that is not such a message: it will
    never get better, and belongs in the dead-letter queue.
    """
    try:
        body = json.loads(text)
        kind = body["kind"]
        if not is_id(body["project"], "prj"):
            raise ValueError("the project id is malformed")
        if kind == "operate.v1":
            return _operate(body)
        event_id = parse_event_id(body["event"])
        if event_id is None:
            raise ValueError("the event id is malformed")
        packed = base64.b64decode(body["body"], validate=True) if "body" in body else None
        if kind == "match.v1":
            return MatchTaskV1(
                project_id=ProjectId(body["project"]),
                event_id=event_id,
                type=str(body["type"]),
                size_bytes=int(body["size"]),
                packed=packed,
                traceparent=body.get("traceparent"),
                tracestate=body.get("tracestate"),
                idempotency_key=body.get("idempotency_key"),
            )
        if kind == "deliver.v1":
            return _deliver(body, event_id, packed)
        raise ValueError(f"unknown kind {kind!r}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput("unreadable_message", f"not a message of ours: {error}") from error


def _deliver(body: dict[str, Any], event_id: EventId, packed: bytes | None) -> DeliverTaskV1:
    if not is_id(body["endpoint"], "ep"):
        raise ValueError("the endpoint id is malformed")
    return DeliverTaskV1(
        project_id=ProjectId(body["project"]),
        event_id=event_id,
        endpoint_id=EndpointId(body["endpoint"]),
        replay=int(body["replay"]),
        matched_by=tuple(SubscriptionId(s) for s in body["matched_by"]),
        type=str(body["type"]),
        attempt=int(body["attempt"]),
        waits=int(body.get("waits", 0)),
        packed=packed,
        traceparent=body.get("traceparent"),
        tracestate=body.get("tracestate"),
        operation=body.get("operation"),
    )


def _operate(body: dict[str, Any]) -> OperateTaskV1:
    if not is_id(body["operation"], "op"):
        raise ValueError("the operation id is malformed")
    return OperateTaskV1(
        project_id=ProjectId(body["project"]),
        operation_id=OperationId(body["operation"]),
        step=int(body["step"]),
    )
