"""The shapes of the query room's answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from hooktrace.api.clauses import Clause
from hooktrace.api.http import Shape
from hooktrace.api.record_filters import (
    DeliveryStatusName,
    EventStatusName,
    OutcomeName,
    RecordFilters,
)


class NearMiss(Shape):
    """A subscription whose event types fit and whose filter said no."""

    subscription_id: str
    endpoint_id: str
    clauses: list[Clause]
    clauses_total: int


class Misses(Shape):
    """How many subscriptions did not match, by reason."""

    type: int
    filter: int
    endpoint_disabled: int
    subscription_disabled: int


class Match(Shape):
    """What matching decided. Absent while the event is `accepted`."""

    considered: int
    matched: int
    misses: Misses
    near_misses: list[NearMiss]
    did_you_mean: list[str] = Field(default_factory=list)
    """Of an event that matched nothing: up to three types near to its own that enabled
    subscriptions take, such as `order.created` for `order.creatd`; left out when there are none."""


class Next(Shape):
    """What comes next."""

    action: str
    text: str
    at: str | None = None
    delivery_id: str | None = None


class ResponseSeen(Shape):
    """What the endpoint answered: a few headers and the first 1 KB of the body, printable."""

    headers: list[tuple[str, str]]
    body: str
    body_bytes: int
    truncated: bool


class Attempt(Shape):
    """One HTTP request. `outcome` is null while it is in flight."""

    number: int
    trigger: Literal["automatic", "manual"]
    requested_by: str | None
    """The key id that asked for a manual attempt."""
    started_at: str
    duration_ms: int | None
    parts_ms: dict[str, int]
    outcome: OutcomeName | None
    phase: Literal["token", "request"]
    """`token`: it ended at the OAuth token endpoint, and no request was made to the endpoint."""
    status: int | None
    reason: str
    url: str | None
    address: str | None
    """The address connected to."""
    response: ResponseSeen | None
    lease_until: str | None
    """Until when this attempt may be in flight; then it counts as `worker_lost`."""
    next_attempt_at: str | None
    operation_id: str | None
    """The bulk operation that asked for it."""


class Delivery(Shape):
    """One event's delivery to one endpoint."""

    id: str
    event_id: str
    endpoint_id: str
    status: DeliveryStatusName
    version: int
    replay: int
    matched_by: list[str]
    reason: str | None
    requested_by: str | None
    """The key id that cancelled it by hand, or asked for an attempt that nobody has begun."""
    waiting_for: str | None
    accepted_at: str
    """When its event was accepted."""
    updated_at: str | None
    next_attempt_at: str | None
    operation_id: str | None
    """The bulk operation that planned this delivery, or last asked for an attempt of it."""
    attempts_total: int
    attempts: list[Attempt]
    next: Next | None
    links: dict[str, str]


class EventTrace(Shape):
    """The whole trace of an event."""

    id: str
    project_id: str
    type: str
    status: EventStatusName
    version: int
    accepted_at: str
    updated_at: str
    time: str | None
    headers: dict[str, str]
    data: Any = None
    """As it was received, byte for byte."""
    size_bytes: int
    idempotency_key: str | None
    traceparent: str | None
    tracestate: str | None
    reason: str | None
    match: Match | None
    deliveries_total: int
    deliveries: list[Delivery]
    next: Next | None
    expires_at: str | None
    data_expunged_at: str | None
    """When the data was taken away for good; then `data` is null."""
    data_expunged_by: str | None
    """The key id that asked for it."""
    links: dict[str, str]


class EventSummary(Shape):
    """An event in a list."""

    id: str
    type: str
    status: EventStatusName
    accepted_at: str
    updated_at: str
    size_bytes: int
    idempotency_key: str | None
    reason: str | None
    deliveries_total: int
    match: Match | None
    links: dict[str, str]


class EventPage(Shape):
    """A page of events. It may be short, even empty, while `next_cursor` is not null: go on."""

    items: list[EventSummary]
    next_cursor: str | None
    """Send it as `cursor` with the same query. Null on the last page only."""
    looked_until: str | None
    """How far this page has looked (time of acceptance); null when it reached the end."""


class DeliveryPage(Shape):
    """A page of deliveries. It may be short, even empty, while `next_cursor` is not null: go on."""

    items: list[Delivery]
    next_cursor: str | None
    """Send it as `cursor` with the same query. Null on the last page only."""
    looked_until: str | None
    """How far this page has looked (acceptance of the event); null when it reached the end."""


class ListQuery(RecordFilters):
    """Parameters that both lists have. One that stands several times takes any of its values."""

    order: Literal["desc", "asc"] = "desc"
    """By the time the event was accepted; `desc` has the newest first."""
    limit: int = Field(default=50, ge=1, le=200)
    """The most items of this page."""
    cursor: str | None = None
    """`next_cursor` of the page before, with the same filters and order."""


class EventListQuery(ListQuery):
    """Which events. What is asked of deliveries, one delivery of the event must satisfy."""

    status: list[EventStatusName] = Field(default_factory=list, max_length=7)


class DeliveryListQuery(ListQuery):
    """Which deliveries. `type` and `idempotency_key` are those of the event."""

    status: list[DeliveryStatusName] = Field(default_factory=list, max_length=6)


class TraceQuery(Shape):
    """Parameters of one trace."""

    deliveries_from: int = Field(default=0, ge=0, le=1_000_000)
    """Show the deliveries from this position (100 are shown at once)."""
    wait: int = Field(default=0, ge=0, le=25)
    """Wait up to so many seconds for the event's final status, then answer."""


class Health(Shape):
    """The room answers."""

    status: Literal["ok"]
