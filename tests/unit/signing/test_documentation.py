"""The verification in `docs/delivery.md` accepts what is signed, and nothing else."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.signing import new_key, new_secret, public_key, sign

PAGE = (Path(__file__).parents[3] / "docs" / "delivery.md").read_text(encoding="utf-8")


def test_the_documented_function_verifies() -> None:
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)
    verify = names["verify"]
    old, new, other = (new_secret(bytes([n]) * 32) for n in range(3))
    now, body = int(time.time()), '{"name":"Zoë"}'.encode()
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(now),
        "webhook-signature": sign([new, old], message_id="evt_1", timestamp=now, body=body),
    }
    assert verify(old, headers, body)
    assert verify(new, headers, body)
    assert not verify(other, headers, body)
    assert not verify(new, headers, body + b" ")
    assert not verify(new, headers | {"webhook-timestamp": str(now - 1)}, body)
    stale = sign([new], message_id="evt_1", timestamp=now - 900, body=body)
    late = headers | {"webhook-timestamp": str(now - 900), "webhook-signature": stale}
    assert not verify(new, late, body)
    assert verify(new, late, body, tolerance_seconds=1000)


def test_the_documented_function_verifies_ed25519_too() -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    names: dict[str, Any] = {}
    exec(code, names)
    verify = names["verify_v1a"]
    old, new, other = (new_key(bytes([n]) * 32) for n in range(3))
    secret, body = new_secret(bytes(32)), '{"name":"Zoë"}'.encode()
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": "7",
        "webhook-signature": sign([secret, new, old], message_id="evt_1", timestamp=7, body=body),
    }
    assert verify(public_key(old), headers, body)
    assert verify(public_key(new), headers, body)
    assert not verify(public_key(other), headers, body)
    assert not verify(public_key(new), headers, body + b" ")
    assert not verify(public_key(new), headers | {"webhook-timestamp": "8"}, body)


def test_every_outcome_is_documented() -> None:
    for outcome in AttemptOutcome:
        assert f"| `{outcome}` |" in PAGE
