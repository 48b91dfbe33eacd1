"""The `webhooks` of the OpenAPI document: each kind of notification with its schema.

The same `data` is the `detail` on the event bus. Members that do not apply are left out; new ones
may come without a new `version`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import models_json_schema

from hooktrace.api.exchange import Shape
from hooktrace.domain.notification_kinds import KINDS, RESERVED, SUCCESS_KINDS

Json = dict[str, Any]
_REF: Final = "#/components/schemas/"


class _Notification(Shape):
    model_config = ConfigDict(extra="ignore")  # new members may come

    version: Literal[1]
    id: str
    """The same whenever the same change is told again."""
    kind: str
    time: str
    """When it changed."""
    project_id: str


class EventNotification(_Notification):
    """An event came to its end."""

    event_id: str
    event_type: str
    status: Literal["discarded", "rejected", "partial", "failed", "succeeded"]
    previous_status: str | None = None
    reason: str | None = None


class DeliveryNotification(_Notification):
    """A delivery came to its end."""

    event_id: str
    delivery_id: str
    endpoint_id: str
    status: Literal["failed", "succeeded"]
    previous_status: str | None = None
    attempts: int | None = None
    reason: str | None = None
    outcome: str | None = None
    """What its last attempt came to; left out of a first one that succeeded."""
    response_status: int | None = None
    """The HTTP status of that answer."""


class EndpointNotification(_Notification):
    """The health of an endpoint changed."""

    endpoint_id: str
    status: Literal["working", "failing", "warned", "disabled"]
    previous_status: str | None = None
    reason: str | None = None
    """Why it was disabled."""
    failing_since: str | None = None
    disables_at: str | None = None
    """When it is going to be disabled if nothing succeeds."""
    outcome: str | None = None
    """What the latest failure was."""
    response_status: int | None = None


class OperationNotification(_Notification):
    """A bulk operation is over."""

    operation_id: str
    action: Literal["retry", "replay", "rematch", "test"]
    dry_run: bool
    status: Literal["completed", "failed"]
    previous_status: str | None = None
    total: int
    succeeded: int
    skipped: int
    failed: int
    considered: int | None = None
    """Of a test: how many events it looked at, and below, what it found among them."""
    matched: int | None = None
    gained: int | None = None
    lost: int | None = None
    reason: str | None = None
    """Why it failed; it can be resumed."""


MODELS: Final[Mapping[str, type[BaseModel]]] = {
    "event": EventNotification,
    "delivery": DeliveryNotification,
    "endpoint": EndpointNotification,
    "operation": OperationNotification,
}
"""The schema of a kind's data, by the first word of the kind."""

WHEN: Final[Mapping[str, str]] = {
    "event.discarded": "No subscription wants the event",
    "event.rejected": "Strict ingest refused the event",
    "event.partial": "All deliveries are over; some succeeded and some did not",
    "event.failed": "All deliveries are over and none succeeded, or matching failed for good",
    "event.succeeded": "All deliveries succeeded",
    "delivery.failed": "A delivery used up its attempts, or an answer was final",
    "delivery.recovered": "A delivery succeeded after at least one attempt that had not",
    "delivery.succeeded": "A delivery succeeded at its first attempt",
    "endpoint.warned": "An endpoint does nothing but fail and is going to be disabled",
    "endpoint.disabled": "An endpoint was disabled",
    "endpoint.recovered": "An endpoint works again after a warning or a disabling",
    "operation.completed": "A bulk operation is over",
}

_HEADERS: Final = {
    "webhook-id": "The id of the operational event, the same at every attempt.",
    "webhook-timestamp": "Of this attempt, in Unix seconds.",
    "webhook-signature": "As Standard Webhooks has it; several while secrets rotate.",
}


def webhooks_and_schemas() -> tuple[Json, Json]:
    """The `webhooks` object and the component schemas that it refers to."""
    wanted = [(model, "serialization") for model in MODELS.values()]
    _, definitions = models_json_schema(wanted, ref_template=_REF + "{model}")  # type: ignore[arg-type] # a literal
    return {f"{RESERVED}.{kind}": {"post": _operation(kind)} for kind in KINDS}, definitions[
        "$defs"
    ]


def _operation(kind: str) -> Json:
    model = MODELS[kind.partition(".")[0]]
    told = "Only if the project chose it." if kind in SUCCESS_KINDS else "Unless not chosen."
    return {
        "operationId": "on" + "".join(word.capitalize() for word in kind.split(".")),
        "summary": WHEN[kind],
        "description": f"{told} Sent to the endpoints of the project's `notifications`, with "
        "retries like every delivery.",
        "tags": ["Notifications"],
        "security": [],
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": text,
                "schema": {"type": "string"},
            }
            for name, text in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _envelope(kind, model)}},
        },
        "responses": {
            "2XX": {"description": "Taken. Anything else is tried again."},
            "410": {"description": "Disables the endpoint."},
        },
    }


def _envelope(kind: str, model: type[BaseModel]) -> Json:
    return {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": f"{RESERVED}.{kind}"},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {
                "allOf": [
                    {"$ref": _REF + model.__name__},
                    {"properties": {"kind": {"const": kind}}},
                ]
            },
        },
    }
