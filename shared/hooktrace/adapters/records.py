"""What Lambda hands to the workers: SQS batches and DynamoDB stream records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.domain.messages import DeliverTaskV1, MatchTaskV1, decode
from hooktrace.domain.states import DELIVERY_ENDS, DeliveryStatus

T = TypeVar("T", MatchTaskV1, DeliverTaskV1)


@dataclass(slots=True)
class Batch(Generic[T]):
    """The tasks of a batch by message id, and what could not be read (and why)."""

    tasks: list[tuple[str, T]] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)


def decode_batch(event: Mapping[str, Any], kind: type[T]) -> Batch[T]:
    """The tasks of an SQS event. One rotten message spoils none of the others."""
    batch: Batch[T] = Batch()
    for record in event["Records"]:
        try:
            task = decode(record["body"])
        except InvalidInput as error:
            batch.unreadable[record["messageId"]] = error.message
            continue
        if isinstance(task, kind):
            batch.tasks.append((record["messageId"], task))
        else:
            batch.unreadable[record["messageId"]] = "a message for another room"
    return batch


def failures(message_ids: Iterable[str]) -> dict[str, Any]:
    """The partial batch response: these messages come back, the others are done."""
    return {"batchItemFailures": [{"itemIdentifier": i} for i in message_ids]}


def outcomes(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """`id:outcome` texts for the log line."""
    return [f"{identifier}:{outcome}" for identifier, outcome in pairs]


def events_to_roll_up(event: Mapping[str, Any]) -> Iterator[tuple[ProjectId, EventId]]:
    """Events whose deliveries came to an end, or left one, in these stream records."""
    for record in event["Records"]:
        change = record["dynamodb"]
        key = change["Keys"]["SK"]["S"]
        if not key.startswith("D#") or "NewImage" not in change:
            continue
        after = _status(change["NewImage"])
        before = _status(change.get("OldImage", {}))
        if after != before and (after in DELIVERY_ENDS or before in DELIVERY_ENDS):
            project, _ = change["Keys"]["PK"]["S"].rsplit("#", 1)
            yield ProjectId(project), EventId(f"evt_{key.split('#')[1]}")


def _status(image: Mapping[str, Any]) -> DeliveryStatus | None:
    return DeliveryStatus(image["s"]["S"]) if "s" in image else None
