"""What `GET /v1/audit` is asked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from hooktrace.api.http import Shape
from hooktrace.domain.audit import is_target
from hooktrace.domain.ids import is_id

AuditAction = Literal[
    "createProject",
    "updateProject",
    "createKey",
    "revokeKey",
    "createEndpoint",
    "updateEndpoint",
    "deleteEndpoint",
    "enableEndpoint",
    "disableEndpoint",
    "rotateSecret",
    "createSubscription",
    "updateSubscription",
    "deleteSubscription",
    "enableSubscription",
    "disableSubscription",
    "testSubscription",
    "retryDelivery",
    "cancelDelivery",
    "replayEvent",
    "expungeEventData",
    "createOperation",
    "cancelOperation",
    "resumeOperation",
]


def _key(text: str) -> str:
    if not is_id(text, "key"):
        raise PydanticCustomError("invalid_parameter", "Give the id of a key: key_01H….")
    return text


def _target(text: str) -> str:
    if not is_target(text):
        message = (
            "Give the whole id of a project (prj_…), key (key_…), endpoint (ep_…), subscription"
            " (sub_…), event (evt_…), delivery (dlv_…) or operation (op_…)."
        )
        raise PydanticCustomError("invalid_parameter", message)
    return text


class AuditQuery(Shape):
    """Which records of the audit trail."""

    key_id: Annotated[str, AfterValidator(_key)] | None = None
    """Only calls made with this key."""
    action: AuditAction | None = None
    """Only calls with this operationId."""
    target: Annotated[str, AfterValidator(_target)] | None = None
    """Only calls on the thing with this id."""
    outcome: Literal["done", "refused", "unknown"] | None = None
    since: str | None = None
    """From this moment on: RFC 3339 with zone, or back from now, such as `-24h`."""
    until: str | None = None
    """Before this moment."""
    order: Literal["asc", "desc"] = "desc"
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None
    """`next_cursor` of the page before."""
