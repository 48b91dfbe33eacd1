"""The one vocabulary of filters on events and deliveries: of lists, and of bulk operations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from hooktrace.api.exchange import Shape
from hooktrace.api.wording import id_of
from hooktrace.domain.event_types import pattern_complaint
from hooktrace.domain.listing import Filters, ListKind

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


def _three_digits(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)  # JSON does not tell 503.0 from 503
    text = str(value)
    if len(text) != 3 or not (text.isascii() and text.isdigit()):
        message = "Give an HTTP status of three digits, such as 503."
        raise PydanticCustomError("invalid_parameter", message)
    return int(text)


def _pattern(text: str) -> str:
    complaint = pattern_complaint(text)
    if complaint is not None:
        raise PydanticCustomError("string_pattern_mismatch", "{said}", {"said": complaint})
    return text


TypePattern = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_pattern)]
Types = Annotated[list[TypePattern], Field(max_length=20)]
EndpointIds = Annotated[list[Annotated[str, id_of("ep", "an endpoint")]], Field(max_length=20)]
SubscriptionIds = Annotated[
    list[Annotated[str, id_of("sub", "a subscription")]], Field(max_length=20)
]
IdempotencyKeys = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=255)]], Field(max_length=20)
]
Statuses = Annotated[
    list[Annotated[int, Field(ge=100, le=599), BeforeValidator(_three_digits)]],
    Field(max_length=20),
]


class RecordFilters(Shape):
    """What events or deliveries have in common. Several values of one filter mean "or"."""

    type: Types = Field(default_factory=list)
    """Event types, or patterns of them as subscriptions have: `order.*`, `**.failed`."""
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
    """Accepted before this time; the forms of `since`. A list in ascending order and an operation
    end without it where they began: they cover what had been accepted then."""


def filters_of(given: RecordFilters, kind: ListKind, status: Iterable[str]) -> Filters:
    """The filters as the domain has them."""
    return Filters(
        kind=kind,
        status=frozenset(status),
        type=frozenset(given.type),
        endpoint_id=frozenset(given.endpoint_id),
        subscription_id=frozenset(given.subscription_id),
        trigger=frozenset(given.trigger),
        outcome=frozenset(given.outcome),
        response_status=frozenset(given.response_status),
        idempotency_key=frozenset(given.idempotency_key),
    )
