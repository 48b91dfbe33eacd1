"""A DynamoDB table behind the low-level client.

Conditional writes go as PartiQL statements in `BatchExecuteStatement`: up to 25 to a call, each
with its own condition and its own answer, and no transaction. Statements that the service
throttles are repeated with full jitter. What stays refused, or is refused for good, has failed
alone: the others of its call are written, and their callers must know.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from hooktrace.adapters.items import Item, Key, key_of
from hooktrace.adapters.refusals import named
from hooktrace.adapters.tables import INDEX_KEYS, Answer, Change, Page, Put, Refused
from hooktrace.domain.errors import Unavailable
from hooktrace.ports import Failed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")

STATEMENTS = 25
GETS = 100
STORES = 25
TRIES = 6
BASE_SECONDS = 0.05
NOT_ASKED = Failed("the ledger did not answer a call before")
LOST_CODES = frozenset({"ConditionalCheckFailed", "DuplicateItem"})
PASSING_CODES = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }
)
"""Those of BatchStatementError that a repetition can cure; any other fails at once."""


class DynamoTable:
    """Fulfils `hooktrace.adapters.tables.Table` with a boto3 client; safe for threads."""

    def __init__(
        self, client: DynamoDBClient, name: str, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._client: Any = client
        self._name = name
        self._pause = pause

    def write(self, ops: Sequence[Put | Change]) -> list[Answer]:
        answers: list[Answer] = [NOT_ASKED] * len(ops)
        waiting = list(range(len(ops)))
        with suppress(Unavailable):
            for number in range(TRIES):
                if number:
                    self._nap(BASE_SECONDS * 2 ** (number - 1))
                throttled: list[int] = []
                for chunk in _distinct_chunks(waiting, ops):
                    throttled += self._write_chunk(chunk, ops, answers)
                waiting = throttled
                if not waiting:
                    break
        return self._with_current(ops, answers)

    def _write_chunk(
        self, chunk: list[int], ops: Sequence[Put | Change], answers: list[Answer]
    ) -> list[int]:
        """Sets the answers of one call; gives the positions that are worth another try.

        Raises Unavailable when the service hangs: no other call is worth its time-out then.
        """
        throttled: list[int] = []
        try:
            responses = self._execute([self._statement(ops[i]) for i in chunk])
        except Unavailable as unavailable:
            for position in chunk:
                answers[position] = Failed(str(unavailable))
            if not isinstance(unavailable.__cause__, ClientError):
                raise
            return []
        for position, response in zip(chunk, responses, strict=True):
            error = response.get("Error", {})
            code = error.get("Code")
            if code is None:
                answers[position] = None
            elif code in LOST_CODES:
                answers[position] = Refused(error.get("Item"))
            else:
                is_final = code not in PASSING_CODES
                answers[position] = Failed(f"the ledger did not write it: {code}", is_final)
                if not is_final:
                    throttled.append(position)
        return throttled

    def _with_current(self, ops: Sequence[Put | Change], answers: list[Answer]) -> list[Answer]:
        """A refused INSERT does not say what stands there: read it."""
        blind = {
            i: key_of(op.item)
            for i, (op, answer) in enumerate(zip(ops, answers, strict=True))
            if isinstance(op, Put) and isinstance(answer, Refused) and answer.current is None
        }
        try:
            found = self.get(list(blind.values())) if blind else {}
        except Unavailable as error:
            for position in blind:
                answers[position] = Failed(str(error))
            return answers
        for position, key in blind.items():
            answers[position] = Refused(found.get(key))
        return answers

    def _statement(self, op: Put | Change) -> dict[str, Any]:
        if isinstance(op, Put):
            fields = ", ".join(f"'{name}': ?" for name in op.item)
            text = f'INSERT INTO "{self._name}" VALUE {{{fields}}}'
            values = list(op.item.values())
        else:
            changed = [n for n, value in op.after.items() if op.before.get(n) != value]
            gone = [n for n in op.before if n not in op.after]
            sets = " ".join(f'SET "{name}" = ?' for name in changed)
            removes = " ".join(f'REMOVE "{name}"' for name in gone)
            where = 'WHERE "PK" = ? AND "SK" = ? AND "v" = ?'
            text = f'UPDATE "{self._name}" {sets} {removes} {where}'
            condition = [op.before["PK"], op.before["SK"], op.before["v"]]
            values = [op.after[name] for name in changed] + condition
        return {
            "Statement": text,
            "Parameters": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _execute(self, statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answer = self._call("batch_execute_statement", Statements=statements)
        responses: list[dict[str, Any]] = answer["Responses"]
        return responses

    def store(self, items: Sequence[Item]) -> None:
        self._batch([{"PutRequest": {"Item": item}} for item in items])

    def remove(self, keys: Sequence[Key]) -> None:
        distinct = dict.fromkeys(keys)
        self._batch(
            [{"DeleteRequest": {"Key": {"PK": {"S": pk}, "SK": {"S": sk}}}} for pk, sk in distinct]
        )

    def _batch(self, requests: list[dict[str, Any]]) -> None:
        for chunk in _chunks(requests, STORES):
            request: Any = {self._name: chunk}
            for nap in self._naps("storing"):
                request = self._call("batch_write_item", RequestItems=request)["UnprocessedItems"]
                if not request:
                    break
                nap()

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        found: dict[Key, Item] = {}
        for chunk in _chunks(list(dict.fromkeys(keys)), GETS):
            wanted = [{"PK": {"S": pk}, "SK": {"S": sk}} for pk, sk in chunk]
            request: Any = {self._name: {"Keys": wanted, "ConsistentRead": True}}
            for nap in self._naps("reading"):
                answer = self._call("batch_get_item", RequestItems=request)
                for item in answer["Responses"].get(self._name, []):
                    found[key_of(item)] = item
                request = answer.get("UnprocessedKeys")
                if not request:
                    break
                nap()
        return found

    def range(
        self, partition: str, low: str, high: str, *, limit: int, descending: bool = False
    ) -> Page:
        if low > high:  # DynamoDB refuses such a range
            return Page([], more=False)
        answer = self._call(
            "query",
            TableName=self._name,
            KeyConditionExpression="PK = :p AND SK BETWEEN :low AND :high",
            ExpressionAttributeValues={
                ":p": {"S": partition},
                ":low": {"S": low},
                ":high": {"S": high},
            },
            Limit=limit + 1,
            ScanIndexForward=not descending,
            ConsistentRead=True,
        )
        inside = [item for item in answer["Items"] if item["SK"]["S"] < high]
        return Page(inside[:limit], more=len(inside) > limit or "LastEvaluatedKey" in answer)

    def index(
        self, name: str, partition: str, low: str, high: str, *, limit: int, descending: bool
    ) -> list[Key]:
        hash_name, range_name = INDEX_KEYS[name]
        kind = "N" if range_name == "da" else "S"
        answer = self._call(
            "query",
            TableName=self._name,
            IndexName=name,
            KeyConditionExpression=f"{hash_name} = :p AND {range_name} BETWEEN :low AND :high",
            ExpressionAttributeValues={
                ":p": {"S": partition},
                ":low": {kind: low},
                ":high": {kind: high},
            },
            Limit=limit,
            ScanIndexForward=not descending,
        )
        return [key_of(item) for item in answer["Items"]]

    def index_at(self, name: str, partition: str, value: str) -> list[Key]:
        hash_name, range_name = INDEX_KEYS[name]
        found: list[Key] = []
        start: dict[str, Any] = {}
        while True:
            answer = self._call(
                "query",
                TableName=self._name,
                IndexName=name,
                KeyConditionExpression=f"{hash_name} = :p AND {range_name} = :v",
                ExpressionAttributeValues={":p": {"S": partition}, ":v": {"S": value}},
                **start,
            )
            found += [key_of(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return found
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"the ledger did not answer {operation}: {named(error)}") from error
        return answer

    def _naps(self, doing: str) -> Iterator[Callable[[], None]]:
        """Pauses between tries, with full jitter; raises Unavailable after the last."""
        for number in range(TRIES):
            yield partial(self._nap, BASE_SECONDS * 2**number)
        raise Unavailable(f"the ledger still throttles after {TRIES} tries at {doing}")

    def _nap(self, longest: float) -> None:
        self._pause(random.uniform(0, longest))  # noqa: S311 - jitter


def _distinct_chunks(positions: list[int], ops: Sequence[Put | Change]) -> list[list[int]]:
    """Chunks of up to 25 statements in which no item stands twice, order kept per item."""
    chunks: list[list[int]] = []
    first_free: dict[Key, int] = {}
    for position in positions:
        op = ops[position]
        key = key_of(op.item if isinstance(op, Put) else op.after)
        number = first_free.get(key, 0)
        while number < len(chunks) and len(chunks[number]) >= STATEMENTS:
            number += 1
        if number == len(chunks):
            chunks.append([])
        chunks[number].append(position)
        first_free[key] = number + 1
    return chunks


def _chunks(values: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
