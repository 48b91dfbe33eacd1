"""Signatures by Standard Webhooks, verified by an independent implementation (FC-14, FC-16)."""

from __future__ import annotations

import base64
import json
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.signing import (
    build_body,
    new_key,
    new_secret,
    parse_secret,
    public_key,
    sign,
)

OLD, NEW = new_secret(bytes(24)), new_secret(bytes(range(64)))
BODY = 'ä{"name":"Zoë 📦 \u2028"}'.encode()


def headers(signature: str, at: int) -> dict[str, str]:
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(at),
        "webhook-signature": signature,
    }


def test_the_vector_of_the_specification() -> None:
    signature = sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_fc_14_bytes_beyond_ascii_verify() -> None:
    now = int(time.time())
    signature = sign([NEW], message_id="evt_1", timestamp=now, body=BODY)
    Webhook(NEW).verify(BODY, headers(signature, now), json_parse=False)


def test_both_secrets_sign_while_rotating() -> None:
    now = int(time.time())
    signature = sign([NEW, OLD], message_id="evt_1", timestamp=now, body=BODY)
    assert len(signature.split(" ")) == 2
    for secret in (OLD, NEW):
        Webhook(secret).verify(BODY, headers(signature, now), json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret(b"x" * 32)).verify(BODY, headers(signature, now), json_parse=False)


def test_fc_16_the_timestamp_is_signed() -> None:
    now = int(time.time())
    signature = sign([NEW], message_id="evt_1", timestamp=now, body=BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY, headers(signature, now + 1), json_parse=False)


def test_ed25519_verifies_with_the_public_key() -> None:
    private = new_key(bytes(range(32)))
    signature = sign([private], message_id="evt_1", timestamp=7, body=BODY)
    version, _, text = signature.partition(",")
    assert version == "v1a"
    raw = base64.b64decode(public_key(private).removeprefix("whpk_"))
    key = Ed25519PublicKey.from_public_bytes(raw)
    key.verify(base64.b64decode(text), b"evt_1.7." + BODY)
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(text), b"evt_1.8." + BODY)


@pytest.mark.parametrize("length", [0, 23, 65])
def test_a_secret_has_24_to_64_bytes(length: int) -> None:
    with pytest.raises(InvalidInput, match="24 to 64"):
        new_secret(bytes(length))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "whsec_not base64!",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsk_" + base64.b64encode(bytes(31)).decode(),
        "whpk_" + base64.b64encode(bytes(32)).decode(),
        "whsec_ünicode",
    ],
)
def test_a_malformed_secret_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_secret(text)
    assert caught.value.code == "invalid_secret"
    assert len(text) < 8 or text[8:] not in caught.value.message


def test_a_secret_does_not_show_itself() -> None:
    assert repr(parse_secret(OLD)) == "Secret(hmac_sha256)"


def test_no_secret_no_signature() -> None:
    with pytest.raises(InvalidInput, match="no secret"):
        sign([], message_id="evt_1", timestamp=1, body=b"")


@pytest.mark.parametrize(
    "data", [b'{"a" :  1.0e2, "b":"\\u00e9\\/"}', '"é"'.encode(), b"null", b" [1, 2 ] "]
)
def test_fc_14_data_is_embedded_as_received(data: bytes) -> None:
    body = build_body('order."created"é', "2026-03-29T10:00:00Z", data, "envelope")
    assert body.endswith(b',"data":' + data + b"}")
    assert json.loads(body) == {
        "type": 'order."created"é',
        "timestamp": "2026-03-29T10:00:00Z",
        "data": json.loads(data),
    }
    assert build_body("x", "y", data, "data") == data
