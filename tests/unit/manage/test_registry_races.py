"""What the registry does when others are at the same items, or the store fails it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
from hooktrace.adapters.memory.registry import MemoryBlobs, MemoryRegistryTable
from hooktrace.adapters.registry.commit import TRIES, Committer
from hooktrace.adapters.registry.endpoint_items import endpoint_item
from hooktrace.adapters.registry.items import change_item, stamp_key, subscription_item, to_item
from hooktrace.adapters.registry.matching import RegistryMatching
from hooktrace.adapters.registry.table import Item, Op, Put, Refusal
from hooktrace.domain.errors import NotFound, Unavailable
from hooktrace.domain.registry import Changes, Endpoint, Subscription, VersionConflict
from hooktrace.usecases.amend import TRIES as AMENDS
from hooktrace.usecases.amend import amend, any_version, remove
from tests.unit.manage.room import Room

ITEM = {"PK": {"S": "p"}, "SK": {"S": "s"}}


class Contended(MemoryRegistryTable):
    """Answers the first transactions as a busy table does."""

    def __init__(self, *answers: list[Refusal | None]) -> None:
        super().__init__()
        self.answers = list(answers)

    def transact(self, ops: Sequence[Op]) -> list[Refusal | None] | None:
        if self.answers:
            return self.answers.pop(0)
        return super().transact(ops)


def committer(table: MemoryRegistryTable) -> tuple[Committer, list[float]]:
    pauses: list[float] = []
    return Committer(table, lambda: 1_000_000, pauses.append), pauses


def test_a_conflict_is_tried_again_with_pauses() -> None:
    table = Contended(["conflict"], ["conflict"])
    commit, pauses = committer(table)
    assert commit.run([Put(ITEM)]) is None
    assert table.get([("p", "s")]) == {("p", "s"): ITEM}
    assert len(pauses) == 2
    assert all(0 <= pause <= 0.5 for pause in pauses)


def test_tries_are_bounded() -> None:
    conflicts: list[list[Refusal | None]] = [["conflict"]] * TRIES
    commit, pauses = committer(Contended(*conflicts))
    with pytest.raises(Unavailable):
        commit.run([Put(ITEM)])
    assert len(pauses) == TRIES - 1


def test_a_stamp_that_moved_is_read_again_but_a_record_that_moved_is_lost() -> None:
    table = Contended([None, "condition", None], ["condition", "condition", None])
    commit, _ = committer(table)
    super(Contended, table).transact([Put(to_item(stamp_key("prj"), {}, version=4))])
    assert commit.run_matching("prj", [Put(ITEM)], Changes(version=0)) == 0

    assert commit.run_matching("prj", [Put(ITEM)], Changes(version=0)) is None
    assert RegistryMatching(table, MemoryBlobs()).changes_since("prj", 4) == Changes(version=5)


def test_a_change_in_no_project_is_not_made() -> None:
    commit, _ = committer(MemoryRegistryTable())
    with pytest.raises(NotFound):
        commit.run_matching("prj", [Put(ITEM)], Changes(version=0))


def test_a_stamp_seen_before_its_change_is_read_again() -> None:
    """The range read passed the log before a transaction, and the stamp after it."""
    table = MemoryRegistryTable()
    step = change_item("prj", Changes(version=1, removed=("sub_1",)), 0)
    table.transact([Put(to_item(stamp_key("prj"), {}, version=1))])

    class Torn(MemoryRegistryTable):
        def query(self, pk: str, low: str, high: str, *, limit: int | None = None) -> list[Item]:
            found = table.query(pk, low, high, limit=limit)
            table.transact([Put(step)])
            return found

    matching = RegistryMatching(Torn(), MemoryBlobs())
    assert matching.changes_since("prj", 0) == Changes(version=1, removed=("sub_1",))


def test_amending_gives_up_when_others_keep_winning(room: Room) -> None:
    def lose(after: Any, before: Any) -> Any:
        attempts.append(1)
        raise VersionConflict

    attempts: list[int] = []
    endpoint_id = room.endpoint()["id"]
    store, project = room.registry.endpoints, room.projects["P"]

    def read() -> Any:
        return store.get_endpoint(project, endpoint_id)

    with pytest.raises(Unavailable):
        amend(read, lambda before: before.enabled(0), lose, check=any_version)
    with pytest.raises(Unavailable):
        remove(read, lambda before: lose(before, before), check=any_version)
    assert len(attempts) == 2 * AMENDS


# The DynamoDB adapter


class StubClient:
    """A client of which one operation does what the test says."""

    def __init__(self, **operations: Callable[..., Any]) -> None:
        self.__dict__.update(operations)


def cancelled(*codes: str) -> Callable[..., Any]:
    def transact_write_items(**_: Any) -> None:
        response: Any = {
            "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
            "CancellationReasons": [{"Code": code} for code in codes],
        }
        raise ClientError(response, "TransactWriteItems")

    return transact_write_items


def failing(error: Exception) -> Callable[..., Any]:
    def call(**_: Any) -> None:
        raise error

    return call


def dynamo(**operations: Callable[..., Any]) -> DynamoRegistryTable:
    client: Any = StubClient(**operations)
    return DynamoRegistryTable(client, "t", pause=lambda _: None)


def test_reasons_of_a_cancelled_transaction_are_told_apart() -> None:
    codes = ("None", "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError")
    table = dynamo(transact_write_items=cancelled(*codes))
    assert table.transact([Put(ITEM)] * 4) == [None, "condition", "conflict", "conflict"]


THROTTLED: Any = {"Error": {"Code": "ThrottlingException", "Message": "slow down"}}


@pytest.mark.parametrize(
    "error",
    [ClientError(THROTTLED, "x"), EndpointConnectionError(endpoint_url="https://x")],
)
def test_a_store_that_fails_is_unavailable(error: Exception) -> None:
    call = failing(error)
    table = dynamo(transact_write_items=call, batch_get_item=call, query=call)
    for work in (
        lambda: table.transact([Put(ITEM)]),
        lambda: table.get([("p", "s")]),
        lambda: table.query("p", "a", "b"),
    ):
        with pytest.raises(Unavailable):
            work()


def test_keys_left_unread_are_asked_for_again_and_not_for_ever() -> None:
    left = {"t": {"Keys": [{"PK": {"S": "p"}, "SK": {"S": "s"}}]}}
    answers = [
        {"Responses": {}, "UnprocessedKeys": left},
        {"Responses": {"t": [ITEM]}, "UnprocessedKeys": {}},
    ]
    table = dynamo(batch_get_item=lambda **_: answers.pop(0))
    assert table.get([("p", "s")]) == {("p", "s"): ITEM}
    table = dynamo(batch_get_item=lambda **_: {"Responses": {}, "UnprocessedKeys": left})
    with pytest.raises(Unavailable):
        table.get([("p", "s")])


def test_a_range_of_several_pages_is_read_to_its_end_or_limit() -> None:
    asked: list[dict[str, Any]] = []

    def query(**arguments: Any) -> dict[str, Any]:
        asked.append(dict(arguments))
        return {"Items": [ITEM, ITEM]} | ({"LastEvaluatedKey": {"k": 1}} if len(asked) < 3 else {})

    assert len(dynamo(query=query).query("p", "", "~")) == 6
    assert [call.get("ExclusiveStartKey") for call in asked] == [None, {"k": 1}, {"k": 1}]
    assert all(call["ConsistentRead"] for call in asked)
    asked.clear()
    assert len(dynamo(query=query).query("p", "a", "~", limit=4)) == 4
    assert [call["Limit"] for call in asked] == [4, 2]


class Tracked(dict[str, Any]):
    """A raw item whose life can be watched."""


def test_of_a_large_matching_set_no_more_than_two_pages_of_raw_items_are_held() -> None:
    page, pages, most = 40, 12, 0
    alive: weakref.WeakValueDictionary[int, Tracked] = weakref.WeakValueDictionary()

    def query(**asked: Any) -> dict[str, Any]:
        nonlocal most
        most = max(most, len(alive))
        if asked["ExpressionAttributeValues"][":low"]["S"].startswith("ENDPOINT"):
            return {"Items": [endpoint_item(ENDPOINT)]}
        first = asked.get("ExclusiveStartKey", 0)
        items = [Tracked(subscription_item(_subscription(first + n))) for n in range(page)]
        alive.update({id(item): item for item in items})
        last = first + page
        return {"Items": items} | ({"LastEvaluatedKey": last} if last < page * pages else {})

    stamp = to_item(stamp_key("p"), {}, version=7)
    get = {"Responses": {"t": [stamp]}, "UnprocessedKeys": {}}
    table = dynamo(query=query, batch_get_item=lambda **_: get)
    whole = RegistryMatching(table, MemoryBlobs()).load_matching_set("p")

    assert [row.subscription_id for row in whole.rows[:2]] == ["sub_00000", "sub_00001"]
    assert len(whole.rows) == page * pages
    assert most <= 2 * page
    assert len({id(row.event_types) for row in whole.rows}) == 1
    assert len({id(row.endpoint_id) for row in whole.rows}) == 1


ENDPOINT = Endpoint(
    id="ep_1",
    project_id="p",
    url="https://hooks.example.com",
    created_ms=1,
    updated_ms=1,
    secrets=(),
)


def _subscription(number: int) -> Subscription:
    return Subscription(
        id=f"sub_{number:05}",
        project_id="p",
        endpoint_id="ep_1",
        created_ms=1,
        updated_ms=1,
        event_types=("order.paid",),
    )
