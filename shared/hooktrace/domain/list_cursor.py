"""Cursors of lists: opaque, signed, and good for one list of one project with one set of filters.

A cursor is base64url of a tag and a text. The text says which time the walk covers and how far it
has come; the tag is HMAC-SHA256 (RFC 2104, cut to 128 bits) over the text and over all that the
cursor is bound to. So it cannot be made, changed or carried to another list; it is no secret, and
holds nothing but what its reader has seen: times and ids of the own project.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass

from hooktrace.domain.errors import Fault, InvalidInput
from hooktrace.domain.listing import Filters

TAG_BYTES = 16
MOST_CHARACTERS = 512
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a walk has come: its window [low, high) in Unix milliseconds, and its edge."""

    low_ms: int
    high_ms: int
    edge: str


def scope_of(
    project_id: str, filters: Filters, *, since: str | None, until: str | None, descending: bool
) -> bytes:
    """What a cursor is bound to. `since` and `until` as the caller wrote them."""
    selected = {
        name: sorted(getattr(filters, name))
        for name in Filters.__dataclass_fields__
        if name != "kind"
    }
    parts = ["v1", project_id, filters.kind, descending, since, until, selected]
    return json.dumps(parts, separators=(",", ":"), sort_keys=True).encode()


def write_cursor(progress: Progress, *, scope: bytes, key: bytes) -> str:
    """The cursor that goes on from here."""
    text = f"{progress.low_ms}.{progress.high_ms}.{progress.edge}".encode("ascii")
    return base64.urlsafe_b64encode(_tag(text, scope, key) + text).rstrip(b"=").decode()


def read_cursor(cursor: str, *, scope: bytes, key: bytes) -> Progress:
    """The inverse of `write_cursor`. Raises InvalidInput `invalid_cursor` for anything else."""
    if len(cursor) > MOST_CHARACTERS:
        raise _invalid()
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid() from None
    tag, text = raw[:TAG_BYTES], raw[TAG_BYTES:]
    if not hmac.compare_digest(tag, _tag(text, scope, key)):
        raise _invalid()
    low_ms, high_ms, edge = text.decode("ascii").split(".", 2)
    progress = Progress(int(low_ms), int(high_ms), edge)
    if write_cursor(progress, scope=scope, key=key) != cursor:  # another spelling of its base64
        raise _invalid()
    return progress


def _tag(text: bytes, scope: bytes, key: bytes) -> bytes:
    message = len(scope).to_bytes(4, "big") + scope + text
    return hmac.new(key, message, hashlib.sha256).digest()[:TAG_BYTES]


def _invalid() -> InvalidInput:
    message = (
        "This cursor does not belong to this list with these filters and this order."
        " Send it with the query it came from, or start again without one."
    )
    return InvalidInput(
        "invalid_cursor", message, (Fault("", "invalid_cursor", message, parameter="cursor"),)
    )
