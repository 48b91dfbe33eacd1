"""What a misbehaving endpoint does with a request: steps, from a path or from JSON.

A step is a JSON object. Its `kind` is one of `KINDS` ("answer" when absent); `delay` (seconds)
comes before anything is sent. An answer has `status`, `headers` (object or list of pairs), `body`
(text) or `body_base64`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

KINDS = frozenset(
    {
        "answer",
        "chunked_without_end",
        "close",
        "drip",
        "endless",
        "gzip_bomb",
        "hang",
        "raw",
        "reset",
        "truncated",
    }
)
MAX_FAILURES = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with one request."""

    kind: str = "answer"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    delay: float = 0.0


OK = (Step(body=b"ok"),)


def steps_from_json(value: object) -> tuple[Step, ...]:
    """The steps of a JSON value: one object or a list of them. Raises ValueError."""
    rows = value if isinstance(value, list) else [value]
    if not rows:
        raise ValueError("at least one step is needed; DELETE goes back to what the path says")
    return tuple(_step(row) for row in rows)


def _step(row: object) -> Step:
    if not isinstance(row, dict):
        raise ValueError("a step is an object")
    unknown = set(row) - {"kind", "status", "headers", "body", "body_base64", "delay"}
    kind = row.get("kind", "answer")
    if unknown or kind not in KINDS:
        raise ValueError(f"unknown kind or members: {kind!r} {sorted(unknown)}")
    headers = row.get("headers", {})
    pairs = headers.items() if isinstance(headers, dict) else headers
    try:
        body = base64.b64decode(row.get("body_base64", ""), validate=True)
        return Step(
            kind=kind,
            status=int(row.get("status", 200)),
            headers=tuple((str(name), str(text)) for name, text in pairs),
            body=body or str(row.get("body", "")).encode(),
            delay=float(row.get("delay", 0)),
        )
    except (binascii.Error, TypeError) as error:
        raise ValueError(f"malformed step: {error}") from error


def steps_from_path(path: str) -> tuple[Step, ...]:
    """The behaviour that a path asks for by itself; any other path answers 200.

    /status/503, /delay/0.5, /hang, /drip, /reset, /close, /truncated, /chunked-without-end,
    /endless, /gzip-bomb, /redirect/302?to=URL, /fail/2 (two times 500, then 200),
    /retry-after/429/30.
    """
    split = urlsplit(path)
    word, *arguments = split.path.strip("/").split("/")
    kind = word.replace("-", "_")
    try:
        if kind in KINDS - {"answer", "raw"}:
            return (Step(kind=kind),)
        if word == "status":
            return (Step(status=int(arguments[0])),)
        if word == "delay":
            return (Step(delay=float(arguments[0])),)
        if word == "redirect":
            to = parse_qs(split.query).get("to", ["/"])[0]
            return (Step(status=int(arguments[0]), headers=(("Location", to),)),)
        if word == "fail":
            count = min(int(arguments[0]), MAX_FAILURES)
            return (*(Step(status=500, body=b"not yet") for _ in range(count)), *OK)
        if word == "retry-after":
            return (Step(status=int(arguments[0]), headers=(("Retry-After", arguments[1]),)),)
    except (IndexError, ValueError):
        return (Step(status=400, body=b"the receiver does not understand this path"),)
    return OK
