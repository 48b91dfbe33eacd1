"""The shapes of the manage room's answers, and the records written in them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from functions.manage.contract import RateLimitShape
from hooktrace.api.http import RawJson, Shape
from hooktrace.domain.ids import ulid_ms
from hooktrace.domain.keys import StoredKey
from hooktrace.domain.registry import Endpoint, Project, Subscription
from hooktrace.domain.times import rfc3339
from hooktrace.usecases.manage_endpoints import Enabled, Keyed
from hooktrace.usecases.manage_projects import NewKey
from hooktrace.usecases.read_health import HealthReport


class NotificationsView(Shape):
    """What the project is told of: the kinds, and the endpoints that get them as webhooks."""

    kinds: list[str]
    endpoint_ids: list[str]


class ProjectView(Shape):
    """A project."""

    id: str
    name: str
    allow_http: bool
    retention_days: int
    failure_retention_days: int | None
    """Null: as `retention_days`."""
    redact_actual: bool
    notifications: NotificationsView
    created_at: str


class KeyView(Shape):
    """An API key without its token."""

    id: str
    name: str
    scopes: list[str]
    created_at: str


class NewKeyView(KeyView):
    """A new API key; `token` is in no later answer."""

    token: str


class NewProjectView(ProjectView):
    """A new project with its first key."""

    admin_key: NewKeyView


class ProjectList(Shape):
    """The projects that a key can see."""

    items: list[ProjectView]


class KeyList(Shape):
    """The keys of a project."""

    items: list[KeyView]


class AuditEntry(Shape):
    """One call that changed something, or tried to."""

    id: str
    time: str
    key_id: str
    action: str
    """The operationId of the call."""
    target: str | None
    """The id of what was changed or made."""
    members: list[str]
    """The names of the members sent."""
    outcome: Literal["done", "refused", "unknown"]
    """`unknown`: the call began, and how it ended was not written down; it may have been done."""
    status: int | None
    """The HTTP status answered."""
    request_id: str
    source_ip: str


class AuditList(Shape):
    """A page of the audit trail."""

    items: list[AuditEntry]
    next_cursor: str | None = None


class PublicKeyView(Shape):
    """A `whpk_` key that verifies `v1a` signatures; it retires at `expires_at`."""

    key: str
    expires_at: str | None


class EndpointView(Shape):
    """An endpoint. Secrets are not in it."""

    id: str
    url: str
    state: str
    disabled_reason: str | None
    """`manual`, `gone` (it answered 410) or `failing` (nothing but failures for 5 days)."""
    disabled_at: str | None
    description: str
    retry_schedule: list[int] | None
    timeout_seconds: int
    rate_limit: RateLimitShape | None
    concurrency: int | None
    permanent_statuses: list[int]
    headers: dict[str, str]
    payload: str
    metadata: dict[str, str]
    signatures: list[str]
    public_keys: list[PublicKeyView]
    """What verifies `v1a` signatures, newest first."""
    created_at: str
    updated_at: str


class FailureView(Shape):
    """An attempt that failed. `status` is null when there was no answer."""

    at: str
    outcome: str
    status: int | None


class HealthView(Shape):
    """How an endpoint fares."""

    state: str
    """`untried`, `working`, `failing`, `warned` (it is disabled soon) or `disabled`."""
    last_success_at: str | None
    last_failure: FailureView | None
    failing_since: str | None
    """Since when every attempt has failed."""
    warned_at: str | None
    disables_at: str | None
    """From when on one more failure disables it; null while it works."""


class EndpointDetail(EndpointView):
    """An endpoint and how it fares. The entity tag is that of its settings alone."""

    health: HealthView


class OperationBody(Shape):
    """A body for `POST /v1/operations`."""

    action: str
    filter: dict[str, Any]


class EnabledEndpoint(EndpointView):
    """An endpoint that takes deliveries."""

    retry_cancelled: OperationBody | None
    """Retries what was cancelled because it was disabled; null when it was enabled already."""


class EndpointWithSecret(EndpointView):
    """An endpoint with its new signing secret, which is in no later answer."""

    secret: str | None
    """The `whsec_` secret that this call gave it; null when it changed a `v1a` key only."""
    previous_secret_expires_at: str | None
    """Until when the secret before signs too; null when there is none."""


class EndpointList(Shape):
    """A page of endpoints; `next_cursor` is left out on the last one."""

    items: list[EndpointView]
    next_cursor: str | None = None


class SubscriptionView(Shape):
    """A subscription. `filter` is what is matched, also when an `event_pattern` was given."""

    id: str
    endpoint_id: str
    state: str
    event_types: list[str]
    filter: Any
    event_pattern: Any
    description: str
    created_at: str
    updated_at: str


class SubscriptionList(Shape):
    """A page of subscriptions; `next_cursor` is left out on the last one."""

    items: list[SubscriptionView]
    next_cursor: str | None = None


class SteeredDelivery(Shape):
    """A delivery after it was steered by hand."""

    id: str
    event_id: str
    status: str
    reason: str | None
    links: dict[str, str]


class ReplayedEvent(Shape):
    """An event after its replay."""

    id: str
    status: str
    added: list[str]
    """Ids of the deliveries that were added; none when nothing wants the event today."""
    links: dict[str, str]


class SuggestionView(Shape):
    """The smallest change that would have made a clause hold, or a hint. `replace` puts `value`
    where `clause` leads (under the name `operator` if that is given), `add` appends `value` to
    the list there, `remove` takes the clause away; `did_you_mean` names a field the event has."""

    kind: Literal["replace", "add", "remove", "did_you_mean"]
    text: str
    clause: str | None = None
    operator: str | None = None
    value: Any = None
    path: str | None = None


class ExpungedEvent(Shape):
    """An event whose data is gone."""

    id: str
    data_expunged_at: str
    data_expunged_by: str | None
    """The key id that asked for it first."""
    links: dict[str, str]


class ClauseView(Shape):
    """A clause that says no. `actual` is left out when the event has no such value."""

    path: str
    operator: str
    expected: Any
    actual: Any = None
    clause: str
    reason: str
    truncated: bool = False
    reference: Any = None
    suggestion: SuggestionView | None = None
    """Not for stored events of a project that has `redact_actual`."""


class VerdictView(Shape):
    """Whether the event would be taken, and by which clauses not."""

    matched: bool
    type_matched: bool
    clauses: list[ClauseView]


def project_view(project: Project) -> dict[str, object]:
    return {
        "id": project.id,
        "name": project.name,
        "allow_http": project.allow_http,
        "retention_days": project.retention_days,
        "failure_retention_days": project.failure_retention_days,
        "redact_actual": project.redact_actual,
        "notifications": {
            "kinds": list(project.notifications.chosen),
            "endpoint_ids": list(project.notifications.endpoint_ids),
        },
        "created_at": rfc3339(project.created_ms),
    }


def key_view(key: StoredKey) -> dict[str, object]:
    return {
        "id": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": rfc3339(ulid_ms(key.key_id)),
    }


def new_key_view(new: NewKey) -> dict[str, object]:
    return key_view(new.key) | {"token": new.token}


def endpoint_view(endpoint: Endpoint) -> dict[str, object]:
    schedule, rate = endpoint.retry_schedule, endpoint.rate_limit
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "state": endpoint.state,
        "disabled_reason": endpoint.disabled_reason,
        "disabled_at": None if endpoint.disabled_ms is None else rfc3339(endpoint.disabled_ms),
        "description": endpoint.description,
        "retry_schedule": None if schedule is None else list(schedule),
        "timeout_seconds": endpoint.timeout_seconds,
        "rate_limit": None if rate is None else asdict(rate),
        "concurrency": endpoint.concurrency,
        "permanent_statuses": list(endpoint.permanent_statuses),
        "headers": dict(endpoint.headers),
        "payload": endpoint.payload,
        "metadata": dict(endpoint.metadata),
        "signatures": list(endpoint.signatures),
        "public_keys": [
            {"key": secret.public_key, "expires_at": _time(secret.expires_ms)}
            for secret in endpoint.secrets
            if secret.public_key is not None
        ],
        "created_at": rfc3339(endpoint.created_ms),
        "updated_at": rfc3339(endpoint.updated_ms),
    }


def health_view(report: HealthReport) -> dict[str, object]:
    failure = report.last_failure
    return {
        "state": report.state,
        "last_success_at": _time(report.last_success_ms),
        "last_failure": None
        if failure is None
        else {
            "at": rfc3339(failure.at_ms),
            "outcome": failure.outcome,
            "status": failure.status,
        },
        "failing_since": _time(report.failing_since_ms),
        "warned_at": _time(report.warned_ms),
        "disables_at": _time(report.disables_ms),
    }


def enabled_view(enabled: Enabled) -> dict[str, object]:
    since_ms = enabled.cancelled_since_ms
    filters = {"status": ["cancelled"], "endpoint_id": enabled.endpoint.id}
    again = {"action": "retry", "filter": filters | {"since": _time(since_ms)}}
    return endpoint_view(enabled.endpoint) | {
        "retry_cancelled": None if since_ms is None else again
    }


def secret_view(keyed: Keyed) -> dict[str, object]:
    older = (s.expires_ms for s in keyed.endpoint.secrets if s.scheme == "v1" and s.expires_ms)
    return endpoint_view(keyed.endpoint) | {
        "secret": keyed.secret,
        "previous_secret_expires_at": _time(next(older, None)),
    }


def _time(clock_ms: int | None) -> str | None:
    return None if clock_ms is None else rfc3339(clock_ms)


def subscription_view(subscription: Subscription) -> dict[str, object]:
    return {
        "id": subscription.id,
        "endpoint_id": subscription.endpoint_id,
        "state": subscription.state,
        "event_types": list(subscription.event_types),
        "filter": _raw(subscription.filter_text),
        "event_pattern": _raw(subscription.event_pattern_text),
        "description": subscription.description,
        "created_at": rfc3339(subscription.created_ms),
        "updated_at": rfc3339(subscription.updated_ms),
    }


def _raw(text: str | None) -> RawJson | None:
    return None if text is None else RawJson(text.encode())
