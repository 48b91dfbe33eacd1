"""The confidential texts of an endpoint: all of them, changed at once, or masked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hooktrace.domain.confidential import MASK, Change, opened
from hooktrace.domain.endpoint_auth import (
    BasicAuth,
    ClientCredentials,
    EndpointAuth,
    secret_of,
    with_secret_changed,
)
from hooktrace.domain.errors import Fault, InvalidInput
from hooktrace.domain.registry import Endpoint


def with_secrets_changed(endpoint: Endpoint, change: Change) -> Endpoint:
    """The endpoint with every confidential text changed: signing secrets, headers, auth.

    The place of a text says what it is for, so that a sealed one fits nowhere else. That of a
    signing secret stays the same when a rotation retires it.
    """
    return replace(
        endpoint,
        secrets=tuple(
            replace(secret, value=change(f"secret.{secret.scheme}", secret.value))
            for secret in endpoint.secrets
        ),
        headers=tuple(
            (name, change(f"header.{name.lower()}", value)) for name, value in endpoint.headers
        ),
        auth=None if endpoint.auth is None else with_secret_changed(endpoint.auth, change),
    )


def texts_never_recorded(endpoint: Endpoint) -> Iterator[str]:
    """What an endpoint may echo, but its trace must not hold: header values, and the auth's own.

    Signing secrets are never sent. The endpoint is opened.
    """
    for _, value in endpoint.headers:
        text = opened(value)
        yield text
        yield from text.split(" ")[1:]  # the token of `Bearer <token>`
    if endpoint.auth is not None:
        yield opened(secret_of(endpoint.auth))


def unmasked(after: Endpoint, before: Endpoint | None) -> Endpoint:
    """`after` with `***` replaced by what stood there before. Raises InvalidInput if nothing did.

    So what a GET shows can be sent back with a change in it. Both are opened. What is sent to the
    endpoint itself goes with it to a new URL; a client secret belongs to its token URL, and who
    names another one has to know it.
    """
    known = {} if before is None else {name.lower(): value for name, value in before.headers}
    headers = []
    for name, value in after.headers:
        if value == MASK:
            if name.lower() not in known:
                raise _nothing_behind(f"/headers/{_escaped(name)}")
            value = known[name.lower()]
        headers.append((name, value))
    return replace(after, headers=tuple(headers), auth=_unmasked_auth(after.auth, before))


def _unmasked_auth(auth: EndpointAuth | None, before: Endpoint | None) -> EndpointAuth | None:
    if auth is None or secret_of(auth) != MASK:
        return auth
    known = None if before is None else before.auth
    if type(known) is not type(auth) or known is None:
        name = "password" if isinstance(auth, BasicAuth) else "client_secret"
        raise _nothing_behind(f"/auth/{name}")
    if (
        isinstance(auth, ClientCredentials)
        and isinstance(known, ClientCredentials)
        and auth.token_url != known.token_url
    ):
        raise _of_another_host()
    secret = secret_of(known)
    return with_secret_changed(auth, lambda place, text: secret)


def _nothing_behind(pointer: str) -> InvalidInput:
    message = f"{MASK} stands for the value there is, and there is none. Give the value itself."
    return InvalidInput("invalid_field", message, (Fault(pointer, "nothing_masked", message),))


def _of_another_host() -> InvalidInput:
    message = (
        f"{MASK} keeps the client secret for the token URL that there is. Give the secret itself "
        "with another token_url."
    )
    pointer = "/auth/client_secret"
    return InvalidInput("invalid_field", message, (Fault(pointer, "secret_needed", message),))


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
