"""The message by which rooms have traces forgotten: query alone reaches the cache.

{"kind": "forget.v1", "traces": [["prj_…", "evt_…"], …]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.ids import EventId, ProjectId, is_id, parse_event_id

KIND = "forget.v1"

TraceRef = tuple[ProjectId, EventId]


def is_forget(message: Mapping[str, Any]) -> bool:
    """Whether a call of the query room is this message, and none of the HTTP API."""
    return message.get("kind") == KIND and "requestContext" not in message


def encode_forget(refs: Iterable[TraceRef]) -> dict[str, Any]:
    return {"kind": KIND, "traces": [list(ref) for ref in dict.fromkeys(refs)]}


def decode_forget(message: Mapping[str, Any]) -> list[TraceRef]:
    """Whose traces are to be forgotten. Raises InvalidInput."""
    traces = message.get("traces")
    if not isinstance(traces, list):
        raise InvalidInput("unreadable_message", "`traces` must be a list.")
    return [_ref(one) for one in traces]


def _ref(one: object) -> TraceRef:
    match one:
        case [str(project), str(event)] if is_id(project, "prj"):
            identifier = parse_event_id(event)
            if identifier is not None:
                return ProjectId(project), identifier
    raise InvalidInput("unreadable_message", "Each trace is a project id and an event id.")
