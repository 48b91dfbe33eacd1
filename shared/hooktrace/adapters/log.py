"""One wide line for each invocation: ids and outcomes as fields, never bodies or secrets."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any


def log_line(room: str, **fields: Any) -> None:
    """Writes one JSON line to standard output; fields that are None or empty are left out."""
    line = {"room": room} | {k: v for k, v in fields.items() if v not in (None, [], {}, "")}
    sys.stdout.write(json.dumps(line, separators=(",", ":"), default=str) + "\n")
    sys.stdout.flush()


def outcomes(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """`id:outcome` texts for a line."""
    return [f"{identifier}:{outcome}" for identifier, outcome in pairs]
