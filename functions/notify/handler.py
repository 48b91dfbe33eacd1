"""DynamoDB stream records in; raises only for what a repetition can cure."""

from __future__ import annotations

from typing import Any

from functions.notify.wiring import (
    forget_bodies,
    forget_traces,
    keep_stats,
    roll_up_events,
    tell_status,
)
from hooktrace.adapters.records import (
    changed_after_the_end,
    events_to_roll_up,
    health_changes,
    operation_changes,
    outcomes,
    status_changes,
)
from hooktrace.api.log import print_line
from hooktrace.domain.notifications import (
    health_notification,
    notification_of,
    operation_notification,
)


def handle(event: dict[str, Any], _context: object) -> None:
    """Rolls up the events whose deliveries ended, tells what the projects want to know, counts.

    Of what changes after its end (a retry, a late result) no older trace is shown any more. Large
    bodies of events that expired are deleted last: S3 holds up nothing else.
    Unavailable repeats the whole batch: a roll-up recomputes, a notification has its id again,
    and the statistics know what they have counted.
    """
    changes = status_changes(event)
    refs = dict.fromkeys(events_to_roll_up(changes))
    changed = roll_up_events().run(refs) if refs else []
    ended = list(dict.fromkeys(changed_after_the_end(event)))
    forgotten = forget_traces(ended) if ended else True
    notable = [
        *map(notification_of, changes),
        *map(health_notification, health_changes(event)),
        *(operation_notification(before, after) for before, after in operation_changes(event)),
    ]
    candidates = [one for one in notable if one is not None]
    told = tell_status().run(candidates) if candidates else []
    keep_stats(event)
    deleted = forget_bodies(event)
    print_line(
        {
            "room": "notify",
            "records": len(event["Records"]),
            "done": outcomes((e.id, e.status) for e in changed) or None,
            "told": [one.id for one in told] or None,
            "bodies_deleted": deleted or None,
            "not_forgotten": None if forgotten else len(ended),
        }
    )
