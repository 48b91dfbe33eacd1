"""Endpoints as items of the registry table.

What is confidential is binary where it is sealed; text is from before there was a vault. Fields
that this version does not know are left out: they are from a later one, during an update.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from hooktrace.adapters.registry.items import endpoint_key, fields_of, to_item
from hooktrace.adapters.registry.table import Item
from hooktrace.domain.confidential import Confidential, Sealed
from hooktrace.domain.endpoint_auth import BasicAuth, ClientCredentials, EndpointAuth
from hooktrace.domain.registry import Endpoint, RateLimit, SigningSecret

_KNOWN = frozenset(field.name for field in fields(Endpoint))


def endpoint_item(endpoint: Endpoint) -> Item:
    rate = endpoint.rate_limit
    fields = {
        "url": endpoint.url,
        "created_ms": endpoint.created_ms,
        "updated_ms": endpoint.updated_ms,
        "secrets": [_secret_fields(secret) for secret in endpoint.secrets],
        "state": endpoint.state,
        "disabled_reason": endpoint.disabled_reason,
        "disabled_ms": endpoint.disabled_ms,
        "description": endpoint.description,
        "retry_schedule": endpoint.retry_schedule,
        "timeout_seconds": endpoint.timeout_seconds,
        "rate_limit": None if rate is None else asdict(rate),
        "concurrency": endpoint.concurrency,
        "permanent_statuses": endpoint.permanent_statuses,
        "headers": endpoint.headers,
        "payload": endpoint.payload,
        "metadata": endpoint.metadata,
        "auth": None if endpoint.auth is None else auth_fields(endpoint.auth),
        "signatures": None if endpoint.signatures == ("v1",) else endpoint.signatures,
    }
    key = endpoint_key(endpoint.project_id, endpoint.id)
    return to_item(key, fields, version=endpoint.version)


def _secret_fields(secret: SigningSecret) -> dict[str, Any]:
    fields = {
        "value": secret.value,
        "expires_ms": secret.expires_ms,
        "public_key": secret.public_key,
    }
    return {name: value for name, value in fields.items() if value is not None}


def endpoint_of(item: Item) -> Endpoint:
    found = fields_of(item)
    rate = found.get("rate_limit")
    if (older := found.get("rate_limit_per_second")) is not None:
        rate = {"requests": older, "seconds": 1}
    made = {
        "id": item["SK"]["S"].partition("#")[2],
        "project_id": item["PK"]["S"].partition("#")[2],
        "version": found["v"],
        "secrets": tuple(map(_secret, found["secrets"])),
        "rate_limit": None if rate is None else RateLimit(**rate),
        "headers": tuple((name, confidential(value)) for name, value in found.get("headers", ())),
        "auth": auth_of(found.get("auth")),
    }
    return Endpoint(**({name: found[name] for name in _KNOWN & found.keys()} | made))


def _secret(found: Mapping[str, Any]) -> SigningSecret:
    return SigningSecret(
        confidential(found["value"]), found.get("expires_ms"), found.get("public_key")
    )


def confidential(stored: str | bytes) -> Confidential:
    """Binary is sealed. Text is from before there was a vault."""
    return stored if isinstance(stored, str) else Sealed(stored)


def auth_fields(auth: EndpointAuth) -> dict[str, Any]:
    """The fields of `auth` that are set, and its type."""
    if isinstance(auth, BasicAuth):
        return {"type": "basic", "username": auth.username, "password": auth.password}
    fields = {
        "type": "oauth2",
        "token_url": auth.token_url,
        "client_id": auth.client_id,
        "client_secret": auth.client_secret,
        "scope": auth.scope,
        "audience": auth.audience,
        "auth_style": auth.auth_style,
    }
    return {name: value for name, value in fields.items() if value is not None}


def auth_of(stored: Mapping[str, Any] | None) -> EndpointAuth | None:
    """What `auth_fields` was given."""
    if stored is None:
        return None
    fields = dict(stored)
    if fields.pop("type") == "basic":
        return BasicAuth(fields["username"], confidential(fields["password"]))
    return ClientCredentials(**(fields | {"client_secret": confidential(fields["client_secret"])}))
