"""Who changed what: one record for each call of the API that changes something."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from hooktrace.domain.ids import is_id, parse_event_id, split_delivery_id

Outcome = Literal["done", "refused", "unknown"]

RETENTION_SECONDS = 400 * 86_400
"""How long a record is kept: more than a year, so that a yearly look finds its predecessor."""
TARGETS = ("prj", "key", "ep", "sub", "op")


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """A call: `action` is its operationId, `target` the id of what it changed or made.

    `members` are the names of the members that its body had and the call knows; values are not
    kept, for they may be secrets. `status` is the HTTP status answered; None until the call has
    ended.
    """

    id: str
    project_id: str
    at_ms: int
    key_id: str
    action: str
    request_id: str
    source_ip: str = ""
    target: str | None = None
    members: tuple[str, ...] = ()
    status: int | None = None

    @property
    def outcome(self) -> Outcome:
        """`unknown`: the call began and nobody wrote down how it ended. It may have been done."""
        if self.status is None or self.status >= 500:
            return "unknown"
        return "done" if self.status < 400 else "refused"


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What the records of a list have in common; None takes all."""

    key_id: str | None = None
    action: str | None = None
    target: str | None = None
    outcome: Outcome | None = None

    def takes(self, record: AuditRecord) -> bool:
        """Whether the record is one of those asked for."""
        pairs = (
            (self.key_id, record.key_id),
            (self.action, record.action),
            (self.target, record.target),
            (self.outcome, record.outcome),
        )
        return all(wanted is None or wanted == value for wanted, value in pairs)


def member_names(body: bytes) -> tuple[str, ...]:
    """The names at the top of a JSON object, in its order; none for anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(value, dict):
        return ()
    return tuple(value)


def is_target(text: str) -> bool:
    """Whether the text is the id of something that a call can change or make."""
    if parse_event_id(text) is not None or split_delivery_id(text) is not None:
        return True
    return any(is_id(text, prefix) for prefix in TARGETS)
