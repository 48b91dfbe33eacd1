"""What Lambda hands over when DynamoDB has removed items whose time was over.

The shape is that of DynamoDB Streams with both images: bytes are base64 text, `userIdentity` names
the service. No emulator makes such records.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

FIRST_SEQUENCE = 100_000_000_000_000_000_001


def expired_records(items: Iterable[Mapping[str, Any]], first: int = 1) -> dict[str, Any]:
    """The event of a stream batch in which these items leave, in this order."""
    return {"Records": [_record(item, number) for number, item in enumerate(items, first)]}


def deleted_records(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The same, had somebody deleted them."""
    batch = expired_records(items)
    for record in batch["Records"]:
        del record["userIdentity"]
    return batch


def _record(item: Mapping[str, Any], number: int) -> dict[str, Any]:
    image = {
        name: {"B": base64.b64encode(bytes(value["B"])).decode()} if "B" in value else dict(value)
        for name, value in item.items()
    }
    return {
        "eventID": f"{number:032x}",
        "eventName": "REMOVE",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
        "dynamodb": {
            "ApproximateCreationDateTime": 1_790_000_000.0,
            "Keys": {"PK": image["PK"], "SK": image["SK"]},
            "OldImage": image,
            "SequenceNumber": str(FIRST_SEQUENCE + number),
            "SizeBytes": 700,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/ledger/stream/2026",
    }
