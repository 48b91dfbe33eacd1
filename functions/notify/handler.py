"""DynamoDB stream records in; raises only for what a repetition can cure."""

from __future__ import annotations

from typing import Any

from functions.notify.wiring import roll_up_events
from hooktrace.adapters.records import events_to_roll_up, outcomes
from hooktrace.api.log import print_line


def handle(event: dict[str, Any], _context: object) -> None:
    """Rolls up the events whose deliveries ended. Unavailable repeats the whole batch."""
    refs = dict.fromkeys(events_to_roll_up(event))
    changed = roll_up_events().run(refs) if refs else []
    done = outcomes((e.id, e.status) for e in changed)
    print_line({"room": "notify", "records": len(event["Records"]), "done": done or None})
