"""Payloads that are too large for the ledger: the stream says when their events go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hooktrace.adapters.ledger import Blobs, payload_name
from hooktrace.domain.ids import EventId, ProjectId, parse_event_id

BY_TTL = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
"""Who removes what has expired, as DynamoDB Streams names it. All else that goes was deleted."""


class BucketLargePayloads:
    """Fulfils `hooktrace.archive_ports.LargePayloads`."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def large_payload(self, project: ProjectId, event: EventId) -> bytes | None:
        return self._blobs.get(payload_name(project, event))

    def forget_large(self, project: ProjectId, event: EventId) -> None:
        self._blobs.delete(payload_name(project, event))


def is_expired(record: Mapping[str, Any]) -> bool:
    """Whether this stream record says that DynamoDB removed an item whose time was over."""
    return record["eventName"] == "REMOVE" and record.get("userIdentity") == BY_TTL


def large_payloads_left(batch: Mapping[str, Any]) -> Iterator[tuple[ProjectId, EventId]]:
    """The events that expired, by these stream records, and had their payload in S3."""
    for record in batch["Records"]:
        if not is_expired(record):
            continue
        image = record["dynamodb"]["OldImage"]
        kind, *parts = image["SK"]["S"].split("#")
        event = parse_event_id(f"evt_{parts[0]}") if kind == "E" else None
        if event is not None and image.get("p", {}).get("S") == "s3":
            yield ProjectId(image["PK"]["S"].rsplit("#", 1)[0]), event
