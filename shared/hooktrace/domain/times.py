"""Instants: Unix milliseconds inside, RFC 3339 in UTC outside."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(clock_ms: int) -> str:
    """`2026-03-29T10:00:00.123Z` from Unix milliseconds."""
    moment = datetime.fromtimestamp(clock_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{clock_ms % 1000:03d}Z"


_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d{1,30})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def parse_rfc3339(text: str) -> int | None:
    """Unix milliseconds of an RFC 3339 time with zone (fractions beyond milliseconds are cut).

    None for anything else: no zone, an impossible date, a leap second, a year out of range.
    """
    found = _RFC3339.fullmatch(text)
    if not found:
        return None
    fraction = ((found[7] or ".0")[1:] + "00")[:3]
    zone = "+00:00" if found[8] in "Zz" else found[8]
    try:
        moment = datetime.fromisoformat(f"{found[1]}-{found[2]}-{found[3]}T{text[11:19]}{zone}")
        seconds = round((moment - _EPOCH).total_seconds())
    except (ValueError, OverflowError):
        return None
    return seconds * 1000 + int(fraction)


def is_rfc3339(text: str) -> bool:
    """Whether the text is an RFC 3339 time with a zone."""
    return parse_rfc3339(text) is not None
