"""Signatures of outgoing requests, and the body they sign, by the Standard Webhooks specification.

The signed content is `<webhook-id>.<webhook-timestamp>.<body>` in bytes; the header
`webhook-signature` carries one signature for each live secret, separated by spaces: `v1,` with
HMAC-SHA256 for a `whsec_` secret, `v1a,` with Ed25519 for a `whsk_` key.
Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from hooktrace.domain.errors import InvalidInput

SECRET_BYTES = range(24, 65)
"""How many bytes the specification allows for a symmetric secret."""
_ED25519_BYTES = 32
_SYMMETRIC, _PRIVATE, _PUBLIC = "whsec_", "whsk_", "whpk_"


class SecretKind(StrEnum):
    """How a secret signs."""

    HMAC_SHA256 = "hmac_sha256"
    ED25519 = "ed25519"


@dataclass(frozen=True, slots=True)
class Secret:
    """A parsed secret: its kind and its key bytes (for Ed25519 the private seed)."""

    kind: SecretKind
    key: bytes

    def __repr__(self) -> str:
        """Names the kind only, so that no log or traceback shows the key."""
        return f"Secret({self.kind.value})"


def new_secret(random_bytes: bytes) -> str:
    """A `whsec_` secret made of 24 to 64 random bytes. Raises InvalidInput for another length."""
    return _SYMMETRIC + base64.b64encode(_sized(random_bytes)).decode("ascii")


def new_key(random_bytes: bytes) -> str:
    """A `whsk_` Ed25519 private key made of 32 random bytes.

    Raises InvalidInput for another length.
    """
    if len(random_bytes) != _ED25519_BYTES:
        raise _refusal(f"An Ed25519 key is made of {_ED25519_BYTES} bytes.")
    return _PRIVATE + base64.b64encode(random_bytes).decode("ascii")


def public_key(private: str) -> str:
    """The `whpk_` public key of a `whsk_` private key: what the receiver verifies with.

    Raises InvalidInput when `private` is no such key.
    """
    secret = parse_secret(private)
    if secret.kind is not SecretKind.ED25519:
        raise _refusal("Only a whsk_ key has a public key.")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    raw = Ed25519PrivateKey.from_private_bytes(secret.key).public_key().public_bytes_raw()
    return _PUBLIC + base64.b64encode(raw).decode("ascii")


def parse_secret(text: str) -> Secret:
    """The secret that a `whsec_` or `whsk_` text stands for.

    Raises InvalidInput with the code `invalid_secret`; the message never repeats the text.
    """
    if text.startswith(_SYMMETRIC):
        return Secret(SecretKind.HMAC_SHA256, _sized(_decoded(text.removeprefix(_SYMMETRIC))))
    if text.startswith(_PRIVATE):
        # Some tools append the public half; the seed is what signs.
        key = _decoded(text.removeprefix(_PRIVATE))
        if len(key) not in {_ED25519_BYTES, 2 * _ED25519_BYTES}:
            raise _refusal(f"A {_PRIVATE} key holds {_ED25519_BYTES} bytes.")
        return Secret(SecretKind.ED25519, key[:_ED25519_BYTES])
    if text.startswith(_PUBLIC):
        raise _refusal("A public key cannot sign; give the whsk_ key.")
    raise _refusal("A secret starts with whsec_ (or whsk_ for Ed25519).")


def check_new_secret(text: str) -> Secret:
    """A secret that a caller brings along: it must be written as everybody writes it.

    Base64 of the same bytes with further padding, or with bits beyond the last byte, is read here
    but not by every receiver's library. Raises InvalidInput as `parse_secret` does.
    """
    secret = parse_secret(text)
    written = text.partition("_")[2]
    if base64.b64encode(_decoded(written)).decode("ascii") != written:
        raise _refusal("After its prefix a secret is standard base64, padded to a multiple of 4.")
    return secret


def sign(secrets: Iterable[str], *, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature` for `body`: a signature for each secret, in their order.

    `timestamp` is in Unix seconds. Raises InvalidInput when there is no secret or one is malformed.
    """
    content = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    signatures = [_signature(parse_secret(text), content) for text in secrets]
    if not signatures:
        raise _refusal("There is no secret to sign with.")
    return " ".join(signatures)


def build_body(
    event_type: str, timestamp: str, data: bytes, mode: Literal["envelope", "data"]
) -> bytes:
    """The bytes to send. `data` is JSON as the producer wrote it and goes in unchanged.

    `timestamp` is when the event happened, in RFC 3339. The envelope is
    `{"type": ..., "timestamp": ..., "data": ...}`; the mode "data" sends `data` alone.
    """
    if mode == "data":
        return data
    kind = json.dumps(event_type, ensure_ascii=False).encode()
    when = json.dumps(timestamp).encode()
    return b'{"type":%s,"timestamp":%s,"data":%s}' % (kind, when, data)


def _signature(secret: Secret, content: bytes) -> str:
    if secret.kind is SecretKind.HMAC_SHA256:
        digest = hmac.digest(secret.key, content, hashlib.sha256)
        return "v1," + base64.b64encode(digest).decode("ascii")
    # Loaded here because HMAC is the rule, and this import is larger than all the others.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    signed = Ed25519PrivateKey.from_private_bytes(secret.key).sign(content)
    return "v1a," + base64.b64encode(signed).decode("ascii")


def _sized(key: bytes) -> bytes:
    if len(key) not in SECRET_BYTES:
        raise _refusal(f"A secret holds {SECRET_BYTES.start} to {SECRET_BYTES.stop - 1} bytes.")
    return key


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _refusal("After its prefix a secret is standard base64 with padding.") from None


def _refusal(message: str) -> InvalidInput:
    return InvalidInput("invalid_secret", message)
