"""DynamoDB stream records in; raises only for what a repetition can cure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from functions.notify.wiring import (
    check_settings,
    forget_bodies,
    forget_traces,
    keep_stats,
    roll_up_events,
    set_aside,
    tell_status,
)
from hooktrace.adapters.records import (
    UNREADABLE,
    changed_after_the_end,
    events_to_roll_up,
    health_changes,
    operation_changes,
    outcomes,
    record_name,
    status_changes,
)
from hooktrace.api.log import print_line
from hooktrace.domain.events import EventRecord
from hooktrace.domain.notifications import (
    Notification,
    health_notification,
    notification_of,
    operation_notification,
)


@dataclass(slots=True)
class _Done:
    """What became of the records of a batch."""

    changed: list[EventRecord] = field(default_factory=list)
    told: list[Notification] = field(default_factory=list)
    bodies_deleted: int = 0
    not_forgotten: int = 0
    unread: list[str] = field(default_factory=list)
    aside: list[dict[str, Any]] = field(default_factory=list)


def handle(event: dict[str, Any], _context: object) -> None:
    """Rolls up the events whose deliveries ended, tells what the projects want to know, counts.

    Of what changes after its end (a retry, a late result) no older trace is shown any more. Large
    bodies of events that expired are deleted last: S3 holds up nothing else.
    Unavailable repeats the whole batch: a roll-up recomputes, a notification has its id again,
    and the statistics know what they have counted. A record that cannot be read would fail each
    time, and hold up its shard of the stream: it is named in the log and in the dead-letter queue,
    and left.
    """
    check_settings()  # what is wrong with them is the fault of no record
    done = _Done()
    try:
        _work(event, done)
    except UNREADABLE:
        done = _one_by_one(event["Records"])
        set_aside(done.aside)
    print_line(
        {
            "room": "notify",
            "records": len(event["Records"]),
            "done": outcomes((e.id, e.status) for e in done.changed) or None,
            "told": [one.id for one in done.told] or None,
            "bodies_deleted": done.bodies_deleted or None,
            "not_forgotten": done.not_forgotten or None,
            "unread": done.unread or None,
        }
    )


def _one_by_one(records: list[dict[str, Any]]) -> _Done:
    done = _Done()
    for record in records:
        try:
            _work({"Records": [record]}, done)
        except UNREADABLE as error:
            done.unread.append(f"{record_name(record)}: {type(error).__name__}")
            done.aside.append(record)
    return done


def _work(event: dict[str, Any], done: _Done) -> None:
    changes = status_changes(event)
    refs = dict.fromkeys(events_to_roll_up(changes))
    done.changed += roll_up_events().run(refs) if refs else []
    ended = list(dict.fromkeys(changed_after_the_end(event)))
    if ended and not forget_traces(ended):
        done.not_forgotten += len(ended)
    notable = [
        *map(notification_of, changes),
        *map(health_notification, health_changes(event)),
        *(operation_notification(before, after) for before, after in operation_changes(event)),
    ]
    candidates = [one for one in notable if one is not None]
    done.told += tell_status().run(candidates) if candidates else []
    keep_stats(event)
    done.bodies_deleted += forget_bodies(event)
