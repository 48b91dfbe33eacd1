"""DynamoDB stream records in; raises only for what a repetition can cure."""

from __future__ import annotations

from typing import Any

from functions.notify.wiring import roll_up_events
from hooktrace.adapters.log import log_line, outcomes
from hooktrace.adapters.records import events_to_roll_up


def handle(event: dict[str, Any], _context: object) -> None:
    """Rolls up the events whose deliveries ended. Unavailable repeats the whole batch."""
    refs = dict.fromkeys(events_to_roll_up(event))
    changed = roll_up_events().run(refs) if refs else []
    log_line(
        "notify", records=len(event["Records"]), done=outcomes((e.id, e.status) for e in changed)
    )
