"""The signing secrets of an endpoint: made here, or brought along by the caller.

An endpoint always has a `whsec_` secret, whatever it signs with, so that `v1` can be switched on
without a secret that nobody was shown. An Ed25519 key is made when `v1a` is first chosen: its
private half is never shown, its public half always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from hooktrace.domain.errors import Fault, InvalidInput
from hooktrace.domain.registry import Endpoint, Scheme, SigningSecret
from hooktrace.domain.signing import (
    SecretKind,
    check_new_secret,
    new_key,
    new_secret,
    public_key,
)

KEY_BYTES = 32
RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class GivenKeys:
    """A `whsec_` secret and a `whsk_` private key that the caller brings along."""

    secret: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)


NO_KEYS = GivenKeys()


def first_secrets(
    signatures: Iterable[Scheme], given: GivenKeys, random_bytes: RandomBytes
) -> tuple[SigningSecret, ...]:
    """The secrets of a new endpoint, that of `v1` first. Raises InvalidInput for given ones."""
    shared = _secret(given.secret, random_bytes)
    if "v1a" in signatures:
        return shared, _key(given.private_key, random_bytes)
    if given.private_key is not None:
        raise _refusal("/private_key", "A private key is for endpoints that sign with v1a.")
    return (shared,)


def next_secrets(
    endpoint: Endpoint, given: GivenKeys, random_bytes: RandomBytes
) -> tuple[SigningSecret, ...]:
    """What a rotation makes: a secret for each scheme, or those given. Raises InvalidInput."""
    everything = given == NO_KEYS
    made: list[SigningSecret] = []
    if given.secret is not None or (everything and "v1" in endpoint.signatures):
        made.append(_secret(given.secret, random_bytes))
    if given.private_key is not None and "v1a" not in endpoint.signatures:
        raise _refusal("/private_key", "A private key is for endpoints that sign with v1a.")
    if given.private_key is not None or (everything and "v1a" in endpoint.signatures):
        made.append(_key(given.private_key, random_bytes))
    standing = {secret.value for secret in endpoint.secrets}
    for secret in made:
        if secret.value in standing:
            pointer = "/secret" if secret.scheme == "v1" else "/private_key"
            raise _refusal(pointer, "The endpoint has this one already.")
    return tuple(made)


def with_missing_secrets(endpoint: Endpoint, random_bytes: RandomBytes) -> Endpoint:
    """The endpoint with a key for `v1a`, if it has come to sign with it and has none."""
    if "v1a" not in endpoint.signatures or endpoint.current_secret("v1a") is not None:
        return endpoint
    return replace(endpoint, secrets=(*endpoint.secrets, _key(None, random_bytes)))


def _secret(given: str | None, random_bytes: RandomBytes) -> SigningSecret:
    if given is None:
        return SigningSecret(new_secret(random_bytes(KEY_BYTES)))
    _check(given, SecretKind.HMAC_SHA256, "/secret", "A secret starts with whsec_.")
    return SigningSecret(given)


def _key(given: str | None, random_bytes: RandomBytes) -> SigningSecret:
    if given is None:
        given = new_key(random_bytes(KEY_BYTES))
    else:
        _check(given, SecretKind.ED25519, "/private_key", "A private key starts with whsk_.")
    return SigningSecret(given, public_key=public_key(given))


def _check(text: str, kind: SecretKind, pointer: str, otherwise: str) -> None:
    try:
        right = check_new_secret(text).kind is kind
    except InvalidInput as error:
        raise _refusal(pointer, error.message) from None
    if not right:
        raise _refusal(pointer, otherwise)


def _refusal(pointer: str, message: str) -> InvalidInput:
    return InvalidInput("invalid_secret", message, (Fault(pointer, "invalid_secret", message),))
