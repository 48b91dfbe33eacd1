"""What Lambda hands to the workers: SQS batches and DynamoDB stream records."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from hooktrace.adapters.endpoint_healths import HEALTH, health_record
from hooktrace.adapters.items import unpack_rows
from hooktrace.adapters.operation_items import operation_record
from hooktrace.domain.errors import IllegalTransition, InvalidInput
from hooktrace.domain.ids import EndpointId, EventId, ProjectId, delivery_id
from hooktrace.domain.messages import DeliverTaskV1, MatchTaskV1, OperateTaskV1, decode
from hooktrace.domain.notification_kinds import is_reserved
from hooktrace.domain.notifications import HealthChange, StatusChange
from hooktrace.domain.operations import Operation
from hooktrace.domain.states import DELIVERY_ENDS, EVENT_ENDS, DeliveryStatus

UNREADABLE = (
    InvalidInput,
    IllegalTransition,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    zlib.error,
)
"""What is raised by a record that is not ours, or rotten, wherever it is met. Never Unavailable."""

T = TypeVar("T", MatchTaskV1, DeliverTaskV1, OperateTaskV1)


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


def is_from_queue(event: Mapping[str, Any], queue_url: str | None) -> bool:
    """Whether an SQS event comes from this queue. A batch never mixes queues."""
    arn = str(event["Records"][0].get("eventSourceARN", "")) if event["Records"] else ""
    return queue_url is not None and arn.rpartition(":")[2] == queue_url.rpartition("/")[2]


def failures(message_ids: Iterable[str]) -> dict[str, Any]:
    """The partial batch response: these messages come back, the others are done."""
    return {"batchItemFailures": [{"itemIdentifier": i} for i in message_ids]}


def record_name(record: Mapping[str, Any]) -> str:
    """Where a stream record's item is, for the log: ids of ours, never its content."""
    keys = record.get("dynamodb", {}).get("Keys", {})
    return " ".join(str(keys.get(name, {}).get("S", "?")) for name in ("PK", "SK"))


def record_place(record: Mapping[str, Any]) -> str:
    """A dead letter for one stream record: its place, as Lambda's own dead letters name a batch's.

    Lambda does not tell the shard; `tools.redrive` finds it by the sequence number.
    """
    number = record.get("dynamodb", {}).get("SequenceNumber")
    place = {"streamArn": record.get("eventSourceARN"), "batchSize": 1}
    place |= {"startSequenceNumber": number, "endSequenceNumber": number}
    return json.dumps({"DDBStreamBatchInfo": place})


def outcomes(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """For the log line, from (id, outcome): each outcome with its ids, without their prefixes.

    Ids stand in one text, separated by spaces: logs are billed by the byte, and a search for the
    26 characters of an id finds its line all the same.
    """
    grouped: dict[str, list[str]] = {}
    for identifier, outcome in pairs:
        grouped.setdefault(outcome, []).append(identifier.partition("_")[2])
    return {outcome: " ".join(ids) for outcome, ids in grouped.items()}


def status_changes(event: Mapping[str, Any]) -> list[StatusChange]:
    """The changes of status in these stream records, in their order."""
    found = (_change(record["dynamodb"]) for record in event["Records"])
    return [change for change in found if change is not None and change.before != change.after]


def health_changes(event: Mapping[str, Any]) -> list[HealthChange]:
    """The changes of endpoints' health in these stream records, in their order."""
    changes = []
    for record in (record["dynamodb"] for record in event["Records"]):
        if record["Keys"]["SK"]["S"].startswith(HEALTH) and "NewImage" in record:
            old = record.get("OldImage")
            before = health_record(old) if old else None
            changes.append(HealthChange(before, health_record(record["NewImage"])))
    return changes


def operation_changes(event: Mapping[str, Any]) -> list[tuple[str | None, Operation]]:
    """Operations that changed their state: the state before (None: it is new), and as they are."""
    changes = []
    for record in (record["dynamodb"] for record in event["Records"]):
        if not record["Keys"]["SK"]["S"].startswith("O#") or "NewImage" not in record:
            continue
        image, old = record["NewImage"], record.get("OldImage")
        before = old["s"]["S"] if old else None
        if before != image["s"]["S"]:
            changes.append((before, operation_record(with_bytes(image))))
    return changes


def with_bytes(image: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The image as an item: in what Lambda hands over, bytes are base64 text."""
    return {
        name: {"B": base64.b64decode(value["B"])} if isinstance(value.get("B"), str) else value
        for name, value in image.items()
    }


def events_to_roll_up(changes: Iterable[StatusChange]) -> Iterator[tuple[ProjectId, EventId]]:
    """Events whose deliveries came to an end, or left one."""
    for change in changes:
        ends = {change.before, change.after} & DELIVERY_ENDS
        if change.delivery_id is not None and ends:
            yield change.project_id, change.event_id


def _matched_by_none(image: Mapping[str, Any]) -> bool:
    """Only operational webhooks go to an endpoint without a subscription."""
    return "m" in image and image["m"]["S"] == ""


def changed_after_the_end(event: Mapping[str, Any]) -> Iterator[tuple[ProjectId, EventId]]:
    """The events of which something changed that had come to its end, whatever of it changed."""
    for record in (record["dynamodb"] for record in event["Records"]):
        kind, *parts = record["Keys"]["SK"]["S"].split("#")
        ends: frozenset[str] = {"E": EVENT_ENDS, "D": DELIVERY_ENDS}.get(kind, frozenset())
        if record.get("OldImage", {}).get("s", {}).get("S") in ends:
            project, _ = record["Keys"]["PK"]["S"].rsplit("#", 1)
            yield ProjectId(project), EventId(f"evt_{parts[0]}")


def _change(record: Mapping[str, Any]) -> StatusChange | None:
    image, old = record.get("NewImage"), record.get("OldImage", {})
    kind, *parts = record["Keys"]["SK"]["S"].split("#")
    if image is None or kind not in {"E", "D"} or "s" not in image:
        return None
    project, _ = record["Keys"]["PK"]["S"].rsplit("#", 1)
    is_delivery = kind == "D"
    last = _last_attempt(image) if is_delivery else {}
    return StatusChange(
        project_id=ProjectId(project),
        event_id=EventId(f"evt_{parts[0]}"),
        before=old["s"]["S"] if "s" in old else None,
        after=image["s"]["S"],
        version=int(image["v"]["N"]),
        at_ms=int(image["u"]["N"]),
        event_type=image["t"]["S"] if "t" in image else None,
        delivery_id=delivery_id(parts[0], parts[1], int(parts[2])) if is_delivery else None,
        endpoint_id=EndpointId(f"ep_{parts[1]}") if is_delivery else None,
        attempts=int(image["n"]["N"]) if is_delivery else 0,
        reason=image["e"]["S"] if "e" in image else None,
        outcome=last.get("o"),
        response_status=last.get("c"),
        is_operational=_matched_by_none(image) if is_delivery else is_reserved(image["t"]["S"]),
    )


def _last_attempt(image: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row of the last attempt of a delivery that failed, or succeeded after others.

    Only of these: what succeeds at once is not looked into, for every event comes by here.
    """
    status = image["s"]["S"]
    tells = status == DeliveryStatus.FAILED or (
        status == DeliveryStatus.SUCCEEDED and int(image["n"]["N"]) > 1
    )
    if not tells or "a" not in image:
        return {}
    rows = unpack_rows(bytes(with_bytes({"a": image["a"]})["a"]["B"]))
    return rows[-1] if rows else {}
