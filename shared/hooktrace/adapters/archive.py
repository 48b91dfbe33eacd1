"""The archive's side of AWS: what the stream says has expired, and the buckets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hooktrace.adapters import items
from hooktrace.adapters.attempt_rows import row_attempt
from hooktrace.adapters.large_payloads import is_expired
from hooktrace.adapters.records import UNREADABLE, with_bytes
from hooktrace.domain.archive import Left, LeftAttempt, LeftPayload, LeftUnread, Stretch
from hooktrace.domain.ids import EventId, ProjectId, delivery_id, parse_event_id

KINDS = frozenset("EDBA")
"""First letters of the sort keys of what is kept: events, deliveries, payloads, older attempts."""


def stretch_of(batch: Mapping[str, Any]) -> Stretch:
    """Where the batch lies in the stream."""
    numbers = [record["dynamodb"]["SequenceNumber"] for record in batch["Records"]]
    return Stretch(numbers[0], numbers[-1])


def expired(batch: Mapping[str, Any]) -> Iterator[Left]:
    """What these stream records say that expired, of the kinds that are kept.

    An item of a shape that this version does not know is given as it is, never refused: the
    archive is the last that sees it.
    """
    for record in batch["Records"]:
        if not is_expired(record):
            continue
        image = record["dynamodb"]["OldImage"]
        kind, *parts = image["SK"]["S"].split("#")
        event = parse_event_id(f"evt_{parts[0]}") if kind in KINDS else None
        if event is not None:
            project = ProjectId(image["PK"]["S"].rsplit("#", 1)[0])
            yield _left(kind, parts, project, event, image)


def _left(
    kind: str, parts: list[str], project: ProjectId, event: EventId, image: Mapping[str, Any]
) -> Left:
    try:
        item = with_bytes(image)
        if kind == "E":
            return items.event_record(item)
        if kind == "D":
            return items.delivery_record(item)
        packed = bytes(item["b"]["B"])
        if kind == "B":
            return LeftPayload(project, event, packed)
        delivery = delivery_id(parts[0], parts[1], int(parts[2]))
        return LeftAttempt(project, event, delivery, row_attempt(items.unpack_rows(packed)))
    except UNREADABLE:
        return LeftUnread(project, event, image)
