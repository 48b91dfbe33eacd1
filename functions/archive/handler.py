"""DynamoDB stream records of what expired in; raises only for what a repetition can cure."""

from __future__ import annotations

from typing import Any

from functions.archive.wiring import archive
from hooktrace.api.log import print_line


def handle(event: dict[str, Any], _context: object) -> None:
    """Keeps what expired. Unavailable repeats the whole batch, which writes the same objects."""
    done = archive(event)
    print_line(
        {
            "room": "archive",
            "records": len(event["Records"]),
            "lines": done.lines,
            "objects": done.objects,
            "unread": done.unread or None,
            "payloads_gone": done.payloads_gone or None,
        }
    )
