"""How an endpoint wants to be convinced of who calls: Basic, or OAuth 2.0 client credentials.

Sources: RFC 7617 (Basic), RFC 6749 §4.4 (client credentials) and §2.3.1 (client authentication).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from typing import Literal

from hooktrace.domain.confidential import Change, Confidential, opened

AuthStyle = Literal["basic", "body"]


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """A user name without a colon, and a password, both sent in UTF-8."""

    username: str
    password: Confidential = field(repr=False)

    def header(self) -> str:
        """The value of `Authorization`."""
        return basic_header(self.username, opened(self.password))


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """A client of a token endpoint. `auth_style` says where the client names itself there."""

    token_url: str
    client_id: str
    client_secret: Confidential = field(repr=False)
    scope: str | None = None
    audience: str | None = None
    auth_style: AuthStyle = "basic"


EndpointAuth = BasicAuth | ClientCredentials


def basic_header(username: str, password: str) -> str:
    """`Basic` and the base64 of both."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def with_secret_changed(auth: EndpointAuth, change: Change) -> EndpointAuth:
    """`auth` with its one confidential text changed."""
    if isinstance(auth, BasicAuth):
        return replace(auth, password=change("auth.password", auth.password))
    return replace(auth, client_secret=change("auth.client_secret", auth.client_secret))


def secret_of(auth: EndpointAuth) -> Confidential:
    """The confidential text of `auth`."""
    return auth.password if isinstance(auth, BasicAuth) else auth.client_secret
