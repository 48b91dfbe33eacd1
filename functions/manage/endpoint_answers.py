"""The shapes of the answers on endpoints, and endpoints written in them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from functions.manage.contract import RateLimitShape
from hooktrace.api.http import Shape
from hooktrace.domain.confidential import MASK
from hooktrace.domain.endpoint_auth import BasicAuth, EndpointAuth
from hooktrace.domain.registry import Endpoint
from hooktrace.domain.times import rfc3339
from hooktrace.usecases.manage_endpoints import Enabled, Keyed
from hooktrace.usecases.read_brake import BrakeReport
from hooktrace.usecases.read_health import HealthReport


class PublicKeyView(Shape):
    """A `whpk_` key that verifies `v1a` signatures; it retires at `expires_at`."""

    key: str
    expires_at: str | None


class SecretView(Shape):
    """That there is a `whsec_` secret; it signs until `expires_at`, null: until a rotation."""

    expires_at: str | None


class AuthView(Shape):
    """How requests prove who sends them. Password and client secret are shown as `***`."""

    type: str
    username: str | None = None
    password: str | None = None
    token_url: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    scope: str | None = None
    audience: str | None = None
    auth_style: str | None = None


class EndpointView(Shape):
    """An endpoint. No secret is in it."""

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
    """The names; every value is shown as `***`."""
    auth: AuthView | None
    payload: str
    metadata: dict[str, str]
    signatures: list[str]
    public_keys: list[PublicKeyView]
    """What verifies `v1a` signatures, newest first."""
    secrets: list[SecretView]
    """What `v1` signs with, newest first: until when, never the secrets."""
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


class BrakeView(Shape):
    """What of its limits holds deliveries now; null where there is no such limit."""

    requests_under_way: int | None
    """Of those that `concurrency` allows."""
    next_turn_at: str | None
    """When a delivery that came up now would have its turn by `rate_limit`."""


class EndpointDetail(EndpointView):
    """An endpoint and how it fares. The entity tag is that of its settings alone."""

    health: HealthView
    lane: str
    """`fast`, or `slow` while it is slow to answer."""
    brake: BrakeView


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
    """A page of endpoints; `next_cursor` is null on the last one."""

    items: list[EndpointView]
    next_cursor: str | None


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
        "headers": {name: MASK for name, _ in endpoint.headers},
        "auth": None if endpoint.auth is None else _auth_view(endpoint.auth),
        "payload": endpoint.payload,
        "metadata": dict(endpoint.metadata),
        "signatures": list(endpoint.signatures),
        "public_keys": [
            {"key": secret.public_key, "expires_at": _time(secret.expires_ms)}
            for secret in endpoint.secrets
            if secret.public_key is not None
        ],
        "secrets": [
            {"expires_at": _time(secret.expires_ms)}
            for secret in endpoint.secrets
            if secret.public_key is None
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


def brake_view(report: BrakeReport) -> dict[str, object]:
    return {
        "lane": "slow" if report.slow else "fast",
        "brake": {
            "requests_under_way": report.under_way,
            "next_turn_at": _time(report.next_turn_ms),
        },
    }


def enabled_view(enabled: Enabled) -> dict[str, object]:
    since_ms = enabled.cancelled_since_ms
    filters = {"status": ["cancelled"], "endpoint_id": enabled.endpoint.id}
    again = {"action": "retry", "filter": filters | {"since": _time(since_ms)}}
    return endpoint_view(enabled.endpoint) | {
        "retry_cancelled": None if since_ms is None else again
    }


def _auth_view(auth: EndpointAuth) -> dict[str, object]:
    if isinstance(auth, BasicAuth):
        return {"type": "basic", "username": auth.username, "password": MASK}
    return {
        "type": "oauth2_client_credentials",
        "token_url": auth.token_url,
        "client_id": auth.client_id,
        "client_secret": MASK,
        "scope": auth.scope,
        "audience": auth.audience,
        "auth_style": auth.auth_style,
    }


def secret_view(keyed: Keyed) -> dict[str, object]:
    older = (s.expires_ms for s in keyed.endpoint.secrets if s.scheme == "v1" and s.expires_ms)
    return endpoint_view(keyed.endpoint) | {
        "secret": keyed.secret,
        "previous_secret_expires_at": _time(next(older, None)),
    }


def _time(clock_ms: int | None) -> str | None:
    return None if clock_ms is None else rfc3339(clock_ms)
