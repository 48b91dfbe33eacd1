"""What the rooms say to each other through the queues: versioned, old ones still decode.

A message is a JSON object with a `kind` that ends in its version ("match.v1"). Bodies ride
along compressed (base64) while they are small, so that no hop reads them again.
"""

from __future__ import annotations

import base64
import json
import sys
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
from hooktrace.domain.trace_context import valid_traceparent, valid_tracestate

MOST_REPLAYS = 999_999
"""A delivery id has room for so many."""


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
    requested_by: str | None = None


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
        if task.requested_by is not None:
            body["requested_by"] = task.requested_by
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
        if not isinstance(body, dict):
            raise ValueError("it is no object")
        kind, project = body["kind"], ProjectId(_id(body["project"], "prj"))
        if kind == "operate.v1":
            return OperateTaskV1(
                project, OperationId(_id(body["operation"], "op")), _number(body["step"])
            )
        if kind == "match.v1":
            return _match(body, project)
        if kind == "deliver.v1":
            return _deliver(body, project)
        raise ValueError(f"unknown kind {kind!r}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        # By its type alone: its text may quote the message, and this one is logged.
        message = f"not a message of ours: {type(error).__name__}"
        raise InvalidInput("unreadable_message", message) from error


def _match(body: dict[str, Any], project: ProjectId) -> MatchTaskV1:
    traceparent, tracestate = _trace_context(body)
    return MatchTaskV1(
        project_id=project,
        event_id=_event_id(body),
        type=_text(body["type"]),
        size_bytes=_number(body["size"]),
        packed=_packed(body),
        traceparent=traceparent,
        tracestate=tracestate,
        idempotency_key=_optional(body, "idempotency_key"),
    )


def _deliver(body: dict[str, Any], project: ProjectId) -> DeliverTaskV1:
    traceparent, tracestate = _trace_context(body)
    return DeliverTaskV1(
        project_id=project,
        event_id=_event_id(body),
        endpoint_id=EndpointId(_id(body["endpoint"], "ep")),
        replay=_number(body["replay"], MOST_REPLAYS),
        matched_by=_subscriptions(body["matched_by"]),
        type=_text(body["type"]),
        attempt=_number(body["attempt"]),
        waits=_number(body.get("waits", 0)),
        packed=_packed(body),
        traceparent=traceparent,
        tracestate=tracestate,
        operation=OperationId(_id(body["operation"], "op")) if "operation" in body else None,
        requested_by=_optional(body, "requested_by"),
    )


# Each member is held against its type: a batch is worked through as a whole, and what only shows
# while it is worked on would send its good neighbours back as well.


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text is wanted, not {value!r:.40}")
    value.encode()  # half of a surrogate pair cannot be stored
    return value


def _optional(body: dict[str, Any], name: str) -> str | None:
    return None if body.get(name) is None else _text(body[name])


def _number(value: object, most: int = sys.maxsize) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"a whole number is wanted, not {value!r:.40}")
    return value


def _id(value: object, prefix: str) -> str:
    if not is_id(_text(value), prefix):
        raise ValueError(f"{value!r:.40} is no id of the kind {prefix}")
    return str(value)


def _event_id(body: dict[str, Any]) -> EventId:
    event_id = parse_event_id(_text(body["event"]))
    if event_id is None:
        raise ValueError("the event id is malformed")
    return event_id


def _subscriptions(value: object) -> tuple[SubscriptionId, ...]:
    if not isinstance(value, list):
        raise ValueError("matched_by is no list")
    return tuple(SubscriptionId(_id(one, "sub")) for one in value)


def _packed(body: dict[str, Any]) -> bytes | None:
    return base64.b64decode(_text(body["body"]), validate=True) if "body" in body else None


def _trace_context(body: dict[str, Any]) -> tuple[str | None, str | None]:
    """What cannot be passed on is left out, as at the edge: it is no reason to lose an event."""
    traceparent = valid_traceparent(_optional(body, "traceparent"))
    return traceparent, valid_tracestate(_optional(body, "tracestate"))
