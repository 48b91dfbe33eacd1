"""Attempts as they are stored inside their delivery's item: short names, empty values left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.deliveries import Attempt
from hooktrace.domain.states import Trigger

_ATTEMPT_KEYS = {
    "requested_by": "k",
    "outcome": "o",
    "duration_ms": "d",
    "parts_ms": "p",
    "status": "c",
    "reason": "e",
    "url": "u",
    "address": "a",
    "response_headers": "h",
    "response_body": "b",
    "response_bytes": "bb",
    "response_truncated": "bt",
    "lease_until_ms": "l",
    "next_attempt_ms": "na",
    "operation_id": "g",
}


def attempt_row(attempt: Attempt) -> dict[str, Any]:
    row: dict[str, Any] = {"n": attempt.number, "s": attempt.started_ms}
    if attempt.trigger is Trigger.MANUAL:
        row["t"] = "m"
    if attempt.phase == "token":
        row["ph"] = attempt.phase
    for name, short in _ATTEMPT_KEYS.items():
        if value := getattr(attempt, name):
            row[short] = value
    return row


def row_attempt(row: Mapping[str, Any]) -> Attempt:
    found = {name: row[short] for name, short in _ATTEMPT_KEYS.items() if short in row}
    if "outcome" in found:
        found["outcome"] = AttemptOutcome(found["outcome"])
    if "response_headers" in found:
        found["response_headers"] = tuple((n, v) for n, v in found["response_headers"])
    if "ph" in row:
        found["phase"] = row["ph"]
    if found.get("outcome") is not None:
        found.setdefault("duration_ms", 0)
    trigger = Trigger.MANUAL if row.get("t") == "m" else Trigger.AUTOMATIC
    return Attempt(number=row["n"], trigger=trigger, started_ms=row["s"], **found)
