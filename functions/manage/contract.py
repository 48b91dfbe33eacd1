"""The shapes of the manage room's requests and answers.

The JSON of a filter is not parsed here: the use case reads its text as it was written.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool
from pydantic_core import PydanticCustomError

from functions.manage.static_headers import StaticHeaders
from hooktrace.api.http import Shape
from hooktrace.api.wording import Pattern, id_of
from hooktrace.domain.notification_kinds import KINDS, NotificationChoice

MAX_METADATA = 20
DAY_SECONDS = 86_400

_SCOPES = r"[!#-\[\]-~]+( [!#-\[\]-~]+)*"
_SCOPES_SAID = "Give scopes of printable ASCII, with single spaces between them."


def _status(status: int) -> int:
    if not 300 <= status <= 599:
        raise PydanticCustomError("invalid_status", "Statuses from 300 to 599 only.")
    return status


def _sorted_statuses(statuses: list[int]) -> list[int]:
    return sorted(set(statuses))


def _printable(text: str) -> str:
    if any(ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise PydanticCustomError("invalid_text", "No control characters or lone surrogates.")
    return text


def _checked_schemes(schemes: list[str]) -> list[str]:
    return sorted(set(schemes))


def _scopes(scopes: list[str]) -> list[str]:
    return sorted(set(scopes))


Printable = AfterValidator(_printable)
Name = Annotated[str, Field(min_length=1, max_length=128), Printable]
Description = Annotated[str, Field(max_length=512), Printable]
Delay = Annotated[int, Field(ge=1, le=DAY_SECONDS)]
RetrySchedule = Annotated[list[Delay], Field(max_length=20)]
Statuses = Annotated[
    list[Annotated[int, AfterValidator(_status)]],
    Field(max_length=50),
    AfterValidator(_sorted_statuses),
]
Signatures = Annotated[
    list[Literal["v1", "v1a"]],
    Field(min_length=1, max_length=2),
    AfterValidator(_checked_schemes),
]
MetadataName = Annotated[str, Field(min_length=1, max_length=64), Printable]
MetadataValue = Annotated[str, Field(max_length=512), Printable]
Metadata = Annotated[dict[MetadataName, MetadataValue], Field(max_length=MAX_METADATA)]
Scope = Literal["admin", "write", "read"]
NotificationKind = Literal[
    "event.discarded",
    "event.rejected",
    "event.partial",
    "event.failed",
    "event.succeeded",
    "delivery.failed",
    "delivery.recovered",
    "delivery.succeeded",
    "endpoint.warned",
    "endpoint.disabled",
    "endpoint.recovered",
    "operation.completed",
]


class Notifications(Shape):
    """What the project is told of. Set as a whole: a member that is left out has its default."""

    kinds: Annotated[list[NotificationKind], Field(max_length=50)] | None = None
    """Which kinds, on the bus and at the endpoints. Null: whatever needs attention."""
    endpoint_ids: Annotated[
        list[Annotated[str, id_of("ep", "an endpoint")]],
        Field(max_length=10),
    ] = Field(default_factory=list)
    """Endpoints of this project that get each notification as an operational webhook."""

    def choice(self) -> NotificationChoice:
        kinds = None if self.kinds is None else tuple(k for k in KINDS if k in self.kinds)
        return NotificationChoice(kinds, tuple(dict.fromkeys(self.endpoint_ids)))


class ProjectPatch(Shape):
    """Settings of a project. A PATCH sets those that it names."""

    name: Name = "project"
    allow_http: bool = False
    retention_days: Annotated[int, Field(ge=1, le=365)] = 30
    """So long events are kept, counted from their arrival."""
    failure_retention_days: Annotated[int, Field(ge=1, le=365)] | None = None
    """So long those that ended `failed` or `partial`: `retention_days` or more; null: the same."""
    redact_actual: bool = False
    """No values of events in match reports that are made from now on; those made before keep
    theirs until their event expires."""
    notifications: Notifications = Field(default_factory=Notifications)

    def settings(self) -> dict[str, Any]:
        """The fields of a `Project` that the caller set."""
        given = self.model_dump(exclude_unset=True)
        if "notifications" in given:
            given["notifications"] = self.notifications.choice()
        return given


class ProjectCreate(ProjectPatch):
    """A new project; it gets its first admin key with it."""

    name: Name


class EndpointPage(Shape):
    """Which piece of the list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None
    """`next_cursor` of the page before."""


class SubscriptionPage(EndpointPage):
    """Which piece of the list, of all subscriptions or of one endpoint's."""

    endpoint_id: Annotated[str, id_of("ep", "an endpoint")] | None = None


class KeyCreate(Shape):
    """A new key; `scopes` decides what it may do."""

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=3), AfterValidator(_scopes)]


class RateLimitShape(Shape):
    """At most `requests` in any `seconds`: `{"requests": 1, "seconds": 10}`."""

    requests: Annotated[int, Field(ge=1, le=10_000)]
    seconds: Annotated[int, Field(ge=1, le=3_600)] = 1


class BasicAuth(Shape):
    """A user name and a password, sent as `Authorization: Basic`."""

    type: Literal["basic"]
    username: Annotated[
        str,
        Field(min_length=1, max_length=256),
        Pattern("[^:]*", "A user name has no colon: that is where the password begins."),
        Printable,
    ]
    """No colon: that is where the password begins."""
    password: Annotated[str, Field(max_length=1_024), Printable]
    """Shown as `***`; sent back so, it stays as it is."""


class ClientCredentials(Shape):
    """A token by OAuth 2.0 client credentials, sent as `Authorization: Bearer`."""

    type: Literal["oauth2_client_credentials"]
    token_url: Annotated[str, Field(max_length=2_048)]
    """As strict as the endpoint's own `url`."""
    client_id: Annotated[str, Field(min_length=1, max_length=256), Printable]
    client_secret: Annotated[str, Field(min_length=1, max_length=1_024), Printable]
    """Shown as `***`; sent back so, it stays as it is."""
    scope: Annotated[str, Field(max_length=1_024), Pattern(_SCOPES, _SCOPES_SAID)] | None = None
    audience: Annotated[str, Field(min_length=1, max_length=2_048), Printable] | None = None
    auth_style: Literal["basic", "body"] = "basic"
    """Where the client names itself: in `Authorization` (as RFC 6749 prefers) or in the body."""


Auth = Annotated[BasicAuth | ClientCredentials, Field(discriminator="type")]


class EndpointPatch(Shape):
    """The settings of an endpoint. A PATCH sets those that it names."""

    url: str = ""
    """Where requests go: `https`, or `http` if the project allows it; public addresses only."""
    description: Description = ""
    retry_schedule: RetrySchedule | None = None
    """Seconds between an attempt and the next, for the attempts after the first. `[5, 300]` is
    up to three attempts, `[]` one attempt and no retry, null the default schedule."""
    timeout_seconds: Annotated[int, Field(ge=1, le=30)] = 15
    """The deadline of one attempt as a whole."""
    rate_limit: RateLimitShape | None = None
    """The most requests in a time; null for no limit. What comes faster waits, and nothing fails
    for it."""
    concurrency: Annotated[int, Field(ge=1, le=1_000)] | None = None
    """The most requests at the same time; null for no limit. The others wait."""
    permanent_statuses: Statuses = Field(default_factory=list)
    """Answers after which there is no retry, from 300 to 599."""
    headers: StaticHeaders = Field(default_factory=dict)
    """Sent with every request as they stand. Names that Hooktrace sets itself are refused.
    Answers show `***` for each value; `***` in a PATCH leaves the value as it is."""
    auth: Auth | None = None
    """How requests prove who sends them; null for nothing beyond the signature."""
    payload: Literal["envelope", "data"] = "envelope"
    """`envelope` sends type, timestamp and data; `data` sends the event's data alone."""
    signatures: Signatures = Field(default=["v1"])
    """How requests are signed: `v1` (HMAC-SHA256), `v1a` (Ed25519), or both."""
    metadata: Metadata = Field(default_factory=dict)
    """Your own notes; not sent."""


class GivenSecrets(Shape):
    """Keys to go on with, from another system; without them Hooktrace makes them.

    In a rotation, keys that are given change and no others; without a body all in use change.
    """

    secret: str | None = None
    """`whsec_` and 24 to 64 bytes in base64."""
    private_key: str | None = None
    """`whsk_` and 32 bytes in base64, for an endpoint that signs with `v1a`. Never shown."""


class Rotation(GivenSecrets):
    """How a rotation goes; without a body all keys in use change, and sign for 24 hours more."""

    overlap_seconds: Annotated[int, Field(ge=0, le=604_800)] | None = None
    """So long the keys before sign too: 0 ends them at once, at most 7 days. None of those that an
    earlier rotation retires signs longer. Left out: 86400, and those keep their time."""


class EndpointCreate(EndpointPatch, GivenSecrets):
    """A new endpoint."""

    url: str


class SubscriptionPatch(Shape):
    """`filter` and `event_pattern` exclude each other; null for either removes the filter."""

    event_types: Any = None
    filter: Any = None
    event_pattern: Any = None
    description: Description = ""


class SubscriptionCreate(SubscriptionPatch):
    """A new subscription of one endpoint, which cannot be changed later."""

    endpoint_id: str


class SampleEvent(Shape):
    """An event to try a subscription on. `data` left out is `{}`."""

    type: str
    headers: dict[str, str] = Field(default_factory=dict)
    data: Any = Field(default_factory=dict)


class SubscriptionTest(Shape):
    """Either a selection or `subscription_id`, and one of `event`, `event_id` and `since`.

    A selection names `event_types`, and `filter` or `event_pattern`; what is left out takes all.
    """

    event_types: Any = None
    filter: Any = None
    event_pattern: Any = None
    subscription_id: str | None = None
    event: SampleEvent | None = None
    event_id: str | None = None
    since: str | None = None
    """Try it on all events accepted at this time or later: RFC 3339 with zone, or back from now,
    such as `-24h`. The answer is a 202 with an operation."""
    until: str | None = None
    """With `since`: only events accepted before this time; now, if it is left out."""
    against: str | None = None
    """With `since`: the id of a subscription to compare with, as it is now."""


class RetryOptions(Shape):
    """How to retry a delivery by hand; the body may be left out."""

    force: StrictBool = False
    """Also when the endpoint is disabled."""
