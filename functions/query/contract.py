"""The shapes of the query room's answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from hooktrace.api.http import Shape

EventStatusName = Literal[
    "accepted", "delivering", "succeeded", "partial", "failed", "discarded", "rejected"
]
DeliveryStatusName = Literal[
    "pending", "delivering", "retrying", "succeeded", "failed", "cancelled"
]
OutcomeName = Literal[
    "success",
    "http_error",
    "timeout",
    "connection_error",
    "tls_error",
    "dns_error",
    "protocol_error",
    "blocked_address",
    "worker_lost",
]


class Suggestion(Shape):
    """The smallest change that would have made a clause hold, or a hint. `replace` puts `value`
    where `clause` leads (under the name `operator` if that is given), `add` appends `value` to
    the list there, `remove` takes the clause away; `did_you_mean` names a field the event has."""

    kind: Literal["replace", "add", "remove", "did_you_mean"]
    text: str
    clause: str | None = None
    """JSON pointer into the filter as written."""
    operator: str | None = None
    value: Any = None
    path: str | None = None


class Clause(Shape):
    """One clause of a filter that said no. `actual` is absent when the field is missing."""

    path: str
    operator: str
    expected: Any
    actual: Any = None
    clause: str
    """JSON pointer into the filter as written."""
    reason: Literal["missing", "type", "ref_missing", "value"]
    truncated: bool | None = None
    reference: Any = None
    """The operand as written, when `expected` is the value that its `$ref` led to."""
    suggestion: Suggestion | None = None
    """In traces only; not in lists, and not where the project has `redact_actual`."""


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
    status: int | None
    reason: str
    url: str | None
    address: str | None
    """The address connected to."""
    response: ResponseSeen | None
    lease_until: str | None
    """Until when this attempt may be in flight; then it counts as `worker_lost`."""
    next_attempt_at: str | None


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
    waiting_for: str | None
    updated_at: str | None
    next_attempt_at: str | None
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
    """A page of events. It may be short, even empty, while `next_cursor` is there: go on."""

    items: list[EventSummary]
    next_cursor: str | None
    """Send it as `cursor` with the same query. Null on the last page only."""
    looked_until: str | None
    """How far this page has looked (time of acceptance); null when it reached the end."""


class DeliveryPage(Shape):
    """A page of deliveries. It may be short, even empty, while `next_cursor` is there: go on."""

    items: list[Delivery]
    next_cursor: str | None
    """Send it as `cursor` with the same query. Null on the last page only."""
    looked_until: str | None
    """How far this page has looked (acceptance of the event); null when it reached the end."""


def _three_digits(value: object) -> object:
    text = str(value)
    if len(text) != 3 or not (text.isascii() and text.isdigit()):
        message = "Give an HTTP status of three digits, such as 503."
        raise PydanticCustomError("invalid_parameter", message)
    return int(text)


ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"

Types = Annotated[list[Annotated[str, Field(min_length=1, max_length=256)]], Field(max_length=20)]
EndpointIds = Annotated[list[Annotated[str, Field(pattern=f"^ep_{ULID}$")]], Field(max_length=20)]
SubscriptionIds = Annotated[
    list[Annotated[str, Field(pattern=f"^sub_{ULID}$")]], Field(max_length=20)
]
IdempotencyKeys = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=255)]], Field(max_length=20)
]
Statuses = Annotated[
    list[Annotated[int, Field(ge=100, le=599), BeforeValidator(_three_digits)]],
    Field(max_length=20),
]


class ListQuery(Shape):
    """Parameters that both lists have. One that stands several times takes any of its values."""

    type: Types = Field(default_factory=list)
    """The event type, exactly."""
    endpoint_id: EndpointIds = Field(default_factory=list)
    subscription_id: SubscriptionIds = Field(default_factory=list)
    trigger: list[Literal["automatic", "manual"]] = Field(default_factory=list, max_length=2)
    """An attempt was made by the schedule, or asked for by hand. Together with `outcome` and
    `response_status` it asks for one attempt that satisfies all three. The latest attempts that
    the delivery's record holds (at least ten) are looked at."""
    outcome: list[OutcomeName] = Field(default_factory=list, max_length=9)
    response_status: Statuses = Field(default_factory=list)
    """The HTTP status that the endpoint answered an attempt with."""
    idempotency_key: IdempotencyKeys = Field(default_factory=list)
    since: str | None = None
    """Accepted at this time or later: RFC 3339 with zone, or back from now: `-24h`, `-90m`,
    `-7d`."""
    until: str | None = None
    """Accepted before this time; the forms of `since`. A list in ascending order without it ends
    where it began: it covers what had been accepted then."""
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
