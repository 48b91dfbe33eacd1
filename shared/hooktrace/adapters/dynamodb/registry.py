"""The registry's table in DynamoDB."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from hooktrace.adapters.refusals import named
from hooktrace.adapters.registry.items import key_of
from hooktrace.adapters.registry.table import Check, Item, Key, Op, Put, Refusal
from hooktrace.domain.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEYS_IN_ONE_GET = 100
TRIES = 6
BASE_SECONDS = 0.05


class DynamoRegistryTable:
    """Fulfils `RegistryTable` with a boto3 client; safe for threads.

    Also single writes go as transactions: the SDK gives each a request token, so a write that
    succeeded but whose answer was lost counts as done when the SDK repeats it.
    """

    def __init__(
        self, client: DynamoDBClient, name: str, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._client: Any = client
        self._name = name
        self._pause = pause

    def transact(self, ops: Sequence[Op]) -> list[Refusal | None] | None:
        try:
            self._client.transact_write_items(TransactItems=[self._request(op) for op in ops])
        except ClientError as error:
            reasons = error.response.get("CancellationReasons")
            if reasons is None:
                raise _unavailable("a transaction", error) from error
            return [_refusal(reason["Code"]) for reason in reasons]
        except BotoCoreError as error:
            raise _unavailable("a transaction", error) from error
        return None

    def _request(self, op: Op) -> dict[str, Any]:
        if isinstance(op, Put):
            return {"Put": {"TableName": self._name, "Item": op.item} | _condition(op.over)}
        target = {"TableName": self._name, "Key": _key(op.key)}
        if isinstance(op, Check):
            return {"ConditionCheck": target | {"ConditionExpression": "attribute_exists(PK)"}}
        return {"Delete": target | _condition("anything" if op.version is None else op.version)}

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        found: dict[Key, Item] = {}
        for start in range(0, len(keys), KEYS_IN_ONE_GET):
            wanted = [_key(key) for key in keys[start : start + KEYS_IN_ONE_GET]]
            for item in self._batch_get(wanted):
                found[key_of(item)] = item
        return found

    def _batch_get(self, wanted: list[dict[str, Any]]) -> list[Item]:
        found: list[Item] = []
        request: Any = {self._name: {"Keys": wanted, "ConsistentRead": True}}
        for number in range(TRIES):
            answer = self._call("batch_get_item", RequestItems=request)
            found += answer["Responses"].get(self._name, [])
            request = answer.get("UnprocessedKeys")
            if not request:
                return found
            self._pause(random.uniform(0, BASE_SECONDS * 2**number))  # noqa: S311 - jitter
        raise Unavailable(f"the registry still throttles after {TRIES} tries")

    def query(
        self, pk: str, low: str, high: str, *, limit: int | None = None, descending: bool = False
    ) -> list[Item]:
        items: list[Item] = []
        for page in self._pages(pk, low, high, limit, descending=descending):
            items += page
        return items

    def each(self, pk: str, low: str, high: str) -> Iterator[Item]:
        return (item for page in self._pages(pk, low, high) for item in page)

    def _pages(
        self, pk: str, low: str, high: str, limit: int | None = None, *, descending: bool = False
    ) -> Iterator[list[Item]]:
        if low > high:  # DynamoDB refuses such a range
            return
        arguments: dict[str, Any] = {
            "TableName": self._name,
            "KeyConditionExpression": "PK = :p AND SK BETWEEN :low AND :high",
            "ExpressionAttributeValues": {
                ":p": {"S": pk},
                ":low": {"S": low or " "},  # a key value may not be empty
                ":high": {"S": high},
            },
            "ConsistentRead": True,
            "ScanIndexForward": not descending,
        }
        left = limit
        while left is None or left > 0:
            if left is not None:
                arguments["Limit"] = left
            answer = self._call("query", **arguments)
            page: list[Item] = answer.pop("Items")
            if left is not None:
                left -= len(page)
            yield page
            if "LastEvaluatedKey" not in answer:
                return
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except (ClientError, BotoCoreError) as error:
            raise _unavailable(operation, error) from error
        return answer


def _key(key: Key) -> dict[str, Any]:
    return {"PK": {"S": key[0]}, "SK": {"S": key[1]}}


def _condition(over: int | str) -> dict[str, Any]:
    if over == "anything":
        return {}
    if over == "nothing":
        return {"ConditionExpression": "attribute_not_exists(PK)"}
    return {
        "ConditionExpression": "v = :over",
        "ExpressionAttributeValues": {":over": {"N": str(over)}},
    }


def _refusal(code: str) -> Refusal | None:
    """Throttling and capacity reasons are repeated like conflicts."""
    if code == "None":
        return None
    return "condition" if code == "ConditionalCheckFailed" else "conflict"


def _unavailable(doing: str, error: Exception) -> Unavailable:
    return Unavailable(f"the registry did not answer {doing}: {named(error)}")
