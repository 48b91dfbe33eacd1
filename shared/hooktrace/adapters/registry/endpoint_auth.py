"""What an endpoint's item holds that is confidential, or says how its requests are authorised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hooktrace.domain.confidential import Confidential, Sealed
from hooktrace.domain.endpoint_auth import BasicAuth, ClientCredentials, EndpointAuth


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
