"""What the DynamoDB table makes of the service's answers, statement by statement."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from hooktrace.adapters.dynamodb.table import TRIES, DynamoTable
from hooktrace.adapters.items import Item
from hooktrace.adapters.tables import Put, Refused
from hooktrace.ports import Failed


class ScriptedClient:
    """Answers each item's statement by its script; the last step repeats, default: written."""

    def __init__(self) -> None:
        self.script: dict[str, list[str | None]] = {}
        self.calls: list[list[str]] = []
        self.broken_calls: set[int] = set()
        self.hanging_calls: set[int] = set()
        self.reads: Any = None

    def batch_execute_statement(self, *, Statements: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto's
        names = [one["Parameters"][1]["S"] for one in Statements]
        self.calls.append(names)
        if len(self.calls) in self.hanging_calls:
            raise ReadTimeoutError(endpoint_url="url")
        if len(self.calls) in self.broken_calls:
            raise ClientError({"Error": {"Code": "Throttled"}}, "BatchExecuteStatement")
        return {"Responses": [self._answer(name) for name in names]}

    def _answer(self, name: str) -> dict[str, Any]:
        steps = self.script.get(name, [None])
        code = steps.pop(0) if len(steps) > 1 else steps[0]
        return {} if code is None else {"Error": {"Code": code}}

    def batch_get_item(self, **_: Any) -> dict[str, Any]:
        if self.reads is None:
            raise ClientError({"Error": {"Code": "Throttled"}}, "BatchGetItem")
        return {"Responses": {"ledger": self.reads}}


def item(name: str) -> Item:
    return {"PK": {"S": "p#0"}, "SK": {"S": name}, "v": {"N": "1"}}


@pytest.fixture
def client() -> ScriptedClient:
    return ScriptedClient()


@pytest.fixture
def naps() -> list[float]:
    return []


@pytest.fixture
def table(client: ScriptedClient, naps: list[float]) -> DynamoTable:
    made: Any = client
    return DynamoTable(made, "ledger", pause=naps.append)


@pytest.mark.parametrize("code", ["ValidationError", "AccessDenied", "ResourceNotFound", "New"])
def test_what_no_repetition_cures_fails_at_once_and_alone(
    table: DynamoTable, client: ScriptedClient, naps: list[float], code: str
) -> None:
    client.script["b"] = [code]
    answers = table.write([Put(item(name)) for name in "abc"])
    why = f"the ledger did not write it: {code}"
    assert answers == [None, Failed(why, is_final=True), None]
    assert client.calls == [["a", "b", "c"]]
    assert naps == []


def test_what_is_throttled_to_the_end_has_failed_alone(
    table: DynamoTable, client: ScriptedClient, naps: list[float]
) -> None:
    client.script["b"] = ["ThrottlingError"]
    answers = table.write([Put(item(name)) for name in "abc"])
    assert answers == [None, Failed("the ledger did not write it: ThrottlingError"), None]
    assert client.calls == [["a", "b", "c"], *[["b"]] * (TRIES - 1)]
    assert len(naps) == TRIES - 1


def test_what_is_throttled_for_a_moment_is_written(
    table: DynamoTable, client: ScriptedClient
) -> None:
    client.script["b"] = ["ProvisionedThroughputExceeded", "InternalServerError", None]
    assert table.write([Put(item(name)) for name in "abc"]) == [None, None, None]
    assert client.calls[1:] == [["b"], ["b"]]


def test_a_call_that_breaks_takes_no_other_call_along(
    table: DynamoTable, client: ScriptedClient
) -> None:
    client.broken_calls = {2}
    answers = table.write([Put(item(f"{n:02}")) for n in range(60)])
    assert [isinstance(one, Failed) for one in answers] == [25 <= n < 50 for n in range(60)]
    assert [one for one in answers if one is not None and not isinstance(one, Failed)] == []


def test_a_table_that_hangs_is_asked_no_further(table: DynamoTable, client: ScriptedClient) -> None:
    client.hanging_calls = {2}
    answers = table.write([Put(item(f"{n:02}")) for n in range(90)])
    assert [isinstance(one, Failed) for one in answers] == [n >= 25 for n in range(90)]
    assert len(client.calls) == 2


def test_a_loss_whose_winner_cannot_be_read_has_failed_alone(
    table: DynamoTable, client: ScriptedClient
) -> None:
    client.script["b"] = ["DuplicateItem"]
    first, lost = table.write([Put(item(name)) for name in "ab"])
    assert first is None
    assert isinstance(lost, Failed)
    client.reads = [item("b")]
    assert table.write([Put(item("b"))]) == [Refused(item("b"))]
