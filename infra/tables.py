"""The shape of the two tables, as data: the stack and the tests' emulator both build from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

KeyType = Literal["S", "N"]
TTL_ATTRIBUTE = "x"


@dataclass(frozen=True, slots=True)
class IndexShape:
    """A sparse index that holds keys only: an item without both attributes is not in it."""

    name: str
    hash_key: str
    range_key: str
    range_type: KeyType


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table with PK and SK (strings), paid by request."""

    name: str
    streamed: bool
    indexes: tuple[IndexShape, ...]

    def create_table_request(self, table_name: str) -> dict[str, Any]:
        """Arguments of DynamoDB's CreateTable, for a table outside of CloudFormation."""
        attributes: dict[str, KeyType] = {"PK": "S", "SK": "S"}
        for index in self.indexes:
            attributes |= {index.hash_key: "S", index.range_key: index.range_type}
        request: dict[str, Any] = {
            "TableName": table_name,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": _key_schema("PK", "SK"),
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": kind} for name, kind in attributes.items()
            ],
        }
        if self.indexes:
            request["GlobalSecondaryIndexes"] = [
                {
                    "IndexName": index.name,
                    "KeySchema": _key_schema(index.hash_key, index.range_key),
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
                for index in self.indexes
            ]
        if self.streamed:
            request["StreamSpecification"] = {
                "StreamEnabled": True,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            }
        return request


def _key_schema(hash_key: str, range_key: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": hash_key, "KeyType": "HASH"},
        {"AttributeName": range_key, "KeyType": "RANGE"},
    ]


LEDGER = TableShape(
    name="ledger",
    streamed=True,
    indexes=(
        IndexShape("by_endpoint", "ek", "ul", "S"),
        IndexShape("attention", "ak", "ul", "S"),
        IndexShape("due", "dk", "da", "N"),
    ),
)
REGISTRY = TableShape(name="registry", streamed=False, indexes=())
