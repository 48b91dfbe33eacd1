"""The shapes of bulk operations: what is asked for, and how an operation is shown."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, StrictBool, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from hooktrace.api.http import Shape
from hooktrace.api.record_filters import DeliveryStatusName, EventStatusName, RecordFilters
from hooktrace.domain.operations import Operation, OperationItem, OperationState
from hooktrace.domain.times import rfc3339

ActionName = Literal["retry", "replay", "rematch"]
StateName = Literal["counting", "running", "completed", "cancelled", "failed"]
ResultName = Literal["pending", "succeeded", "skipped", "failed", "gained", "lost"]


_STATUSES = dict.fromkeys((*get_args(DeliveryStatusName), *get_args(EventStatusName)))
StatusName = Annotated[str, WithJsonSchema({"type": "string", "enum": list(_STATUSES)})]
"""Which ones an operation takes depends on its action: `operations.py` refuses the others."""


def _is_status(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and value in range(100, 600)


class OperationFilter(RecordFilters):
    """Which records: the filters of `GET /v1/deliveries` or `GET /v1/events`.

    A single value may stand for a list of one.
    """

    status: Annotated[list[StatusName], Field(max_length=7)] = Field(default_factory=list)
    """Of deliveries for `retry`, of events else; the description of `filter` says which."""

    @field_validator(
        "type",
        "endpoint_id",
        "subscription_id",
        "trigger",
        "outcome",
        "idempotency_key",
        "status",
        mode="before",
    )
    @classmethod
    def _list_of_one(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("*")
    @classmethod
    def _not_empty(cls, value: object) -> object:
        if value == []:
            message = "An empty list says nothing. Leave it out to take all."
            raise PydanticCustomError("invalid_field", message)
        return value

    @field_validator("response_status", mode="before")
    @classmethod
    def _numbers(cls, value: object) -> object:
        listed = value if isinstance(value, list) else [value]
        if not all(_is_status(one) for one in listed):
            message = "Give HTTP statuses as numbers from 100 to 599."
            raise PydanticCustomError("invalid_field", message)
        return listed


class OperationCreate(Shape):
    """What to do, and with which records."""

    action: ActionName
    """`retry`: one attempt of each delivery, by hand. `replay`: each event is matched again,
    against today's subscriptions, and delivered anew. `rematch`: the same for events that were
    discarded, for as long as they are."""
    filter: OperationFilter | None = None
    """Which records; fixed when the operation begins: relative times count from then, and `until`
    left out is then. For `retry`, `status` may be `failed`, `cancelled`, `retrying` and
    `succeeded`; left out it is `failed`. `replay` and `rematch` need `since`. A
    `since` that is given lies at most 366 days back: nothing is kept for longer."""
    from_operation: str | None = None
    """Instead of `filter`: what a dry run of the same action selected, or (for `replay`) the events
    that a test of a filter would gain."""
    to_endpoint_id: str | None = None
    """For `replay` and `rematch`: only deliveries to this endpoint, and only of events that have
    none to it yet."""
    dry_run: StrictBool = False
    """Only count, and list the records."""
    force: StrictBool = False
    """Retry deliveries of disabled endpoints, too."""


class OperationPageQuery(Shape):
    """Which piece of the list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None
    """`next_cursor` of the page before."""


class ItemPageQuery(OperationPageQuery):
    """Which items, by what came of them."""

    result: list[ResultName] = Field(default_factory=list, max_length=6)


class CountsView(Shape):
    """How far it has come. Of a `succeeded` item the attempt or replay was asked for; what came of
    that is in the delivery."""

    total: int
    total_final: bool
    """False while it still counts."""
    done: int
    succeeded: int
    skipped: int
    failed: int


class FindingsView(Shape):
    """What a test of a filter found among the stored events."""

    considered: int
    matched: int
    """How many it would take."""
    gained: int
    """How many of these the subscription compared with does not take (all, if there is none)."""
    lost: int
    """How many only the subscription compared with takes."""


class TriedView(Shape):
    """What a test tries, as it stood when it began."""

    event_types: list[str]
    filter: Any
    subscription_id: str | None
    """The subscription that was tried, if one was named instead of a selection."""
    against: str | None
    """The subscription that it is compared with."""


class NextStepView(Shape):
    """What comes next."""

    action: str
    text: str


class OperationView(Shape):
    """A bulk operation."""

    id: str
    action: str
    state: StateName
    dry_run: bool
    force: bool
    filter: Any
    """Which records, as it was given; null for a test, which has `tried`, and with
    `from_operation`."""
    from_operation: str | None
    to_endpoint_id: str | None
    since: str | None
    until: str
    """The times that `filter` meant when the operation began."""
    requested_by: str
    """The key id."""
    counts: CountsView
    tried: TriedView | None
    test: FindingsView | None
    examples: dict[str, list[str]]
    """The ids of up to ten records, by what they are: `selected`, or `gained` and `lost`."""
    reason: str | None
    """Why it ended, if it was cancelled or failed."""
    created_at: str
    updated_at: str
    finished_at: str | None
    next: NextStepView | None
    links: dict[str, str]


class OperationList(Shape):
    """A page of operations, newest first; `next_cursor` is null on the last one."""

    items: list[OperationView]
    next_cursor: str | None


class OperationItemView(Shape):
    """A record that the operation works on."""

    id: str
    result: ResultName
    reason: str | None
    """Why it was skipped or failed: a stable word."""
    links: dict[str, str]


class OperationItemList(Shape):
    """A page of items. It may be short, even empty, while `next_cursor` is not null: go on."""

    items: list[OperationItemView]
    next_cursor: str | None


def operation_view(operation: Operation) -> OperationView:
    """The operation as the API shows it."""
    counts, path = operation.counts, f"/v1/operations/{operation.id}"
    finished_ms = operation.finished_ms
    return OperationView(
        id=operation.id,
        action=operation.action,
        state=operation.state.value,
        dry_run=operation.dry_run,
        force=operation.force,
        filter=None if operation.action == "test" else operation.given.get("filter"),
        from_operation=operation.from_operation,
        to_endpoint_id=operation.only_endpoint,
        since=rfc3339(operation.low_ms) if operation.low_ms else None,
        until=rfc3339(operation.high_ms),
        requested_by=operation.requested_by,
        counts=CountsView(
            total=counts.total,
            total_final=operation.counted,
            done=counts.done,
            succeeded=counts.succeeded,
            skipped=counts.skipped,
            failed=counts.failed,
        ),
        tried=_tried(operation),
        test=_findings(operation),
        examples={kind: list(ids) for kind, ids in operation.examples.items()},
        reason=operation.reason,
        created_at=rfc3339(operation.created_ms),
        updated_at=rfc3339(operation.updated_ms),
        finished_at=None if finished_ms is None else rfc3339(finished_ms),
        next=_next(operation),
        links={"self": path, "items": f"{path}/items"},
    )


def _tried(operation: Operation) -> TriedView | None:
    candidate, given = operation.candidate, operation.given
    if candidate is None:
        return None
    text = candidate.filter_text
    return TriedView(
        event_types=list(candidate.event_types),
        filter=None if text is None else json.loads(text),
        subscription_id=given.get("subscription_id"),
        against=given.get("against"),
    )


def _findings(operation: Operation) -> FindingsView | None:
    if operation.action != "test":
        return None
    counts = operation.counts
    return FindingsView(
        considered=counts.considered,
        matched=counts.matched,
        gained=counts.gained,
        lost=counts.lost,
    )


def _next(operation: Operation) -> NextStepView | None:
    left = operation.counts.total - operation.counts.done
    match operation.state:
        case OperationState.COUNTING:
            return NextStepView(action="count", text="The records are being selected.")
        case OperationState.RUNNING:
            return NextStepView(action="run", text=f"{left} items are left.")
        case OperationState.CANCELLED | OperationState.FAILED:
            text = "Nothing, unless it is resumed."
            if operation.counted and not operation.only_looks:
                text = f"Nothing, unless it is resumed: {left} items are left."
            return NextStepView(action="resume", text=text)
        case OperationState.COMPLETED:
            return None


def item_view(item: OperationItem) -> OperationItemView:
    """An item as the API shows it."""
    collection = "deliveries" if item.id.startswith("dlv_") else "events"
    return OperationItemView(
        id=item.id,
        result=item.result,
        reason=item.reason or None,
        links={"self": f"/v1/{collection}/{item.id}"},
    )
