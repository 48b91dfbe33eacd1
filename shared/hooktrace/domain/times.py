"""Instants: Unix milliseconds inside, RFC 3339 in UTC outside."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(clock_ms: int) -> str:
    """`2026-03-29T10:00:00.123Z` from Unix milliseconds."""
    moment = datetime.fromtimestamp(clock_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{clock_ms % 1000:03d}Z"
