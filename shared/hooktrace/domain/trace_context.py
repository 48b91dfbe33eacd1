"""W3C Trace Context: validated on the way in, a new parent id for every request on the way out."""

from __future__ import annotations

import re

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
TRACESTATE_MAX = 512


def valid_traceparent(value: str | None) -> str | None:
    """The header's value if it is valid (version 00, no all-zero ids), else None."""
    found = _TRACEPARENT.fullmatch(value or "")
    if not found or found[1] != "00" or not found[2].strip("0") or not found[3].strip("0"):
        return None
    return found[0]


def valid_tracestate(value: str | None) -> str | None:
    """The header's value if it can be passed on, else None."""
    if not value or len(value) > TRACESTATE_MAX or not value.isascii() or not value.isprintable():
        return None
    return value


def child_traceparent(parent: str | None, entropy: bytes) -> str | None:
    """The same trace with a new parent id from eight of the random bytes, for one attempt."""
    if parent is None:
        return None
    version, trace, _, flags = parent.split("-")
    return f"{version}-{trace}-{entropy[:8].hex()}-{flags}"
