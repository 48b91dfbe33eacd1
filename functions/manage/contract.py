"""The shapes of the manage room's requests and answers.

The JSON of a filter is not parsed here: the use case reads its text as it was written.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

MAX_HEADERS = 20
MAX_METADATA = 20
MAX_HEADER_CHARACTERS = 4096
DAY_SECONDS = 86_400

RESERVED_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "traceparent",
        "tracestate",
        "upgrade",
        "user-agent",
    }
)
RESERVED_PREFIXES = ("webhook-", "hooktrace-", "proxy-", "sec-")

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}")
_HEADER_VALUE = re.compile(r"[!-~]([ \t!-~]{0,1022}[!-~])?|")


def _checked_headers(headers: dict[str, str]) -> dict[str, str]:
    """Names are tokens of RFC 9110, values visible ASCII: nothing that could end a header line."""
    if len(headers) > MAX_HEADERS:
        raise PydanticCustomError("too_many", "At most 20 headers.")
    if len({name.lower() for name in headers}) < len(headers):
        raise PydanticCustomError("duplicate_header", "A header name stands twice.")
    for name, value in headers.items():
        low = name.lower()
        if _HEADER_NAME.fullmatch(name) is None:
            raise PydanticCustomError("invalid_header", "A header name is not valid.")
        if low in RESERVED_HEADERS or low.startswith(RESERVED_PREFIXES):
            raise PydanticCustomError(
                "reserved_header", "The header {name} is set by Hooktrace.", {"name": low}
            )
        if _HEADER_VALUE.fullmatch(value) is None:
            raise PydanticCustomError(
                "invalid_header",
                "The value of {name} must be at most 1024 visible ASCII characters, with spaces"
                " only between them.",
                {"name": low},
            )
    if sum(len(name) + len(value) for name, value in headers.items()) > MAX_HEADER_CHARACTERS:
        raise PydanticCustomError("too_long", "All headers together: at most 4096 characters.")
    return headers


def _checked_statuses(statuses: list[int]) -> list[int]:
    if any(not 300 <= status <= 599 for status in statuses):
        raise PydanticCustomError("invalid_status", "Statuses from 300 to 599 only.")
    return sorted(set(statuses))


def _printable(text: str) -> str:
    if any(ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise PydanticCustomError("invalid_text", "No control characters or lone surrogates.")
    return text


def _scopes(scopes: list[str]) -> list[str]:
    return sorted(set(scopes))


Text = Annotated[StrictStr, AfterValidator(_printable)]
Name = Annotated[Text, Field(min_length=1, max_length=128)]
Description = Annotated[Text, Field(max_length=512)]
Delay = Annotated[StrictInt, Field(ge=1, le=DAY_SECONDS)]
RetrySchedule = Annotated[list[Delay], Field(max_length=20)]
Statuses = Annotated[list[StrictInt], Field(max_length=50), AfterValidator(_checked_statuses)]
StaticHeaders = Annotated[dict[StrictStr, StrictStr], AfterValidator(_checked_headers)]
MetadataName = Annotated[Text, Field(min_length=1, max_length=64)]
MetadataValue = Annotated[Text, Field(max_length=512)]
Metadata = Annotated[dict[MetadataName, MetadataValue], Field(max_length=MAX_METADATA)]
Scope = Literal["admin", "write", "read"]


class Shape(BaseModel):
    """Unknown members are refused: a misspelt setting must not vanish."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProjectPatch(Shape):
    """`retention_days` counts from the event's arrival."""

    name: Name = "project"
    allow_http: StrictBool = False
    retention_days: Annotated[StrictInt, Field(ge=1, le=365)] = 30
    redact_actual: StrictBool = False


class ProjectCreate(ProjectPatch):
    """A new project; it gets its first admin key with it."""

    name: Name


class KeyCreate(Shape):
    """A new key; `scopes` decides what it may do."""

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=3), AfterValidator(_scopes)]


class EndpointPatch(Shape):
    """All settings of an endpoint. In a PATCH, null sets a setting back to its default.

    `retry_schedule`: seconds between one attempt and the next, for the attempts after the first;
    `[]` is one attempt and no retry, null the default schedule.
    """

    url: Annotated[StrictStr, Field(max_length=2048)] = ""
    description: Description = ""
    retry_schedule: RetrySchedule | None = None
    timeout_seconds: Annotated[StrictInt, Field(ge=1, le=30)] = 15
    rate_limit_per_second: Annotated[StrictInt, Field(ge=1, le=10_000)] | None = None
    concurrency: Annotated[StrictInt, Field(ge=1, le=1_000)] | None = None
    permanent_statuses: Statuses = Field(default_factory=list)
    headers: StaticHeaders = Field(default_factory=dict)
    payload: Literal["envelope", "data"] = "envelope"
    metadata: Metadata = Field(default_factory=dict)


class EndpointCreate(EndpointPatch):
    """A new endpoint."""

    url: Annotated[StrictStr, Field(max_length=2048)]


class SubscriptionPatch(Shape):
    """`filter` and `event_pattern` exclude each other; null for either removes the filter."""

    event_types: Any = None
    filter: Any = None
    event_pattern: Any = None
    description: Description = ""


class SubscriptionCreate(SubscriptionPatch):
    """A new subscription of one endpoint, which cannot be changed later."""

    endpoint_id: StrictStr


class SampleEvent(Shape):
    """An event to try a subscription on. `data` left out is `{}`."""

    type: StrictStr
    headers: dict[StrictStr, StrictStr] = Field(default_factory=dict)
    data: Any = Field(default_factory=dict)


class SubscriptionTest(Shape):
    """Either a selection or `subscription_id`, and either `event` or `event_id`."""

    event_types: Any = None
    filter: Any = None
    event_pattern: Any = None
    subscription_id: StrictStr | None = None
    event: SampleEvent | None = None
    event_id: StrictStr | None = None
