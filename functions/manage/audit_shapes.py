"""What `GET /v1/audit` is asked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hooktrace.api.http import Shape
from hooktrace.api.wording import ULID, Pattern, id_of

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


_ANY_ID = f"(?:(?:prj|key|ep|sub|evt|op)_{ULID}|dlv_{ULID}_{ULID}_(?:0|[1-9][0-9]{{0,5}}))"
_ANY_ID_SAID = (
    "Give the whole id of a project (prj_…), key (key_…), endpoint (ep_…), subscription (sub_…),"
    " event (evt_…), delivery (dlv_…) or operation (op_…)."
)


class AuditQuery(Shape):
    """Which records of the audit trail."""

    key_id: Annotated[str, id_of("key", "a key")] | None = None
    """Only calls made with this key."""
    action: AuditAction | None = None
    """Only calls with this operationId."""
    target: Annotated[str, Pattern(_ANY_ID, _ANY_ID_SAID)] | None = None
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
