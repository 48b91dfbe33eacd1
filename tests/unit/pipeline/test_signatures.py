"""What is signed with which secret, verified by independent implementations."""

from __future__ import annotations

import base64
import subprocess
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from hooktrace.domain.attempts import OutgoingRequest
from hooktrace.domain.registry import SigningSecret
from hooktrace.domain.signing import new_key, new_secret, public_key
from tests.world import World

DAY_SECONDS = 24 * 3600
SECRETS = [new_secret(bytes([n]) * 32) for n in range(2)]
KEYS = [new_key(bytes([n]) * 32) for n in range(2)]


def key(number: int) -> SigningSecret:
    return SigningSecret(KEYS[number], public_key=public_key(KEYS[number]))


def verified_by(request: OutgoingRequest) -> list[str]:
    """The secrets and keys whose signature is in the request; nothing else may be there."""
    headers = dict(request.headers)
    given = headers["webhook-signature"].split(" ")
    found = []
    for secret in SECRETS:
        for one in given:
            signed = Webhook(secret).sign(
                headers["webhook-id"], _when(headers), request.body.decode()
            )
            found += [secret] * (one == signed)
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    for private in KEYS:
        public = base64.b64decode(public_key(private).removeprefix("whpk_"))
        verifier = Ed25519PublicKey.from_public_bytes(public)
        for one in given:
            scheme, _, text = one.partition(",")
            if scheme != "v1a":
                continue
            try:
                verifier.verify(base64.b64decode(text), content)
            except InvalidSignature:
                continue
            found.append(private)
    assert len(found) == len(given)
    return found


def _when(headers: dict[str, str]) -> object:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)


def test_each_scheme_that_is_chosen_signs_and_no_other() -> None:
    world = World()
    secrets = (SigningSecret(SECRETS[0]), key(0))
    for schemes in (("v1",), ("v1a",), ("v1", "v1a")):
        endpoint = world.endpoint(
            f"http://127.0.0.1:9/{len(schemes)}{schemes[0]}", secrets=secrets, signatures=schemes
        )
        world.subscription(endpoint)
    world.ingest()
    world.run()
    signed = {request.url[-3:]: verified_by(request) for request in world.sender.requests}
    assert signed == {"1v1": [SECRETS[0]], "v1a": [KEYS[0]], "2v1": [SECRETS[0], KEYS[0]]}


def test_fc_15_both_kinds_change_over_within_a_day_also_in_retries() -> None:
    world = World()
    endpoint = world.endpoint(
        secrets=(SigningSecret(SECRETS[0]), key(0)),
        signatures=("v1", "v1a"),
        retry_schedule=(600, DAY_SECONDS),
    )
    world.subscription(endpoint)
    world.sender.script[endpoint.url] = [503, 503, 200]
    world.ingest()
    world.run()
    rotated = endpoint.rotated([SigningSecret(SECRETS[1]), key(1)], world.clock.now_ms())
    world.change(endpoint, secrets=rotated.secrets)
    world.run_for(700, step=10)
    world.run_for(1.1 * DAY_SECONDS, step=60)
    signed = [verified_by(request) for request in world.sender.requests]
    assert signed == [
        [SECRETS[0], KEYS[0]],
        [*SECRETS, *KEYS],
        [SECRETS[1], KEYS[1]],
    ]


def test_signing_with_hmac_loads_no_cryptography() -> None:
    program = (
        "import sys; from hooktrace.domain.signing import new_secret, sign;"
        "sign([new_secret(bytes(32))], message_id='e', timestamp=1, body=b'');"
        "import hooktrace.domain.outgoing;"
        "assert not any(name.startswith('cryptography') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": "shared"})
