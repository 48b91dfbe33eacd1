"""One suite, two tables: the shipped fake and DynamoDB (on the emulator) behave alike."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.items import Item
from hooktrace.adapters.memory.table import MemoryTable
from hooktrace.adapters.tables import Change, Put, Refused, Table
from hooktrace.ports import Failed

THREADS = 50


@pytest.fixture(params=["memory", pytest.param("emulator", marks=pytest.mark.emulator)])
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    if request.param == "memory":
        yield MemoryTable()
    else:
        emulator: Any = request.getfixturevalue("emulator")
        yield DynamoTable(emulator.client("dynamodb"), emulator.ledger_table)


@pytest.fixture
def partition() -> str:
    return f"prj_{random.getrandbits(64):x}#0"


@pytest.fixture
def item(partition: str) -> Callable[..., Item]:
    def make(key: str = "E#1", version: int = 1, **more: Any) -> Item:
        fixed = {"PK": {"S": partition}, "SK": {"S": key}, "v": {"N": str(version)}}
        return fixed | more

    return make


def test_a_put_wins_once_and_the_loser_sees_the_winner(
    table: Table, item: Callable[..., Item]
) -> None:
    first, second = item(s={"S": "one"}), item(s={"S": "two"})
    assert table.write([Put(first)]) == [None]
    (lost,) = table.write([Put(second)])
    assert lost == Refused(first)


def test_a_change_needs_the_version_it_was_made_from(
    table: Table, item: Callable[..., Item]
) -> None:
    before = item(s={"S": "a"}, gone={"B": b"x"})
    after = item(version=2, s={"S": "b"}, new={"N": "7"})
    table.write([Put(before)])
    assert table.write([Change(before, after)]) == [None]
    assert table.write([Change(before, after)]) == [Refused(after)]
    key = (before["PK"]["S"], before["SK"]["S"])
    assert table.get([key]) == {key: after}


def test_a_change_leaves_what_it_does_not_name(table: Table, item: Callable[..., Item]) -> None:
    stored = item(s={"S": "a"}, x={"N": "9"}, gone={"S": "y"})
    table.write([Put(stored)])
    known = item(s={"S": "a"}, gone={"S": "y"})  # made from a message, which does not tell all
    assert table.write([Change(known, item(version=2, s={"S": "b"}))]) == [None]
    key = (stored["PK"]["S"], stored["SK"]["S"])
    assert table.get([key]) == {key: item(version=2, s={"S": "b"}, x={"N": "9"})}


def test_a_change_of_nothing_is_refused_and_makes_nothing(
    table: Table, item: Callable[..., Item]
) -> None:
    before, after = item(), item(version=2)
    assert table.write([Change(before, after)]) == [Refused(None)]
    assert table.get([(before["PK"]["S"], before["SK"]["S"])]) == {}


def test_each_write_of_a_batch_has_its_own_answer(table: Table, item: Callable[..., Item]) -> None:
    items = [item(f"E#{n:03}") for n in range(60)]
    table.write([Put(one) for one in items[::2]])
    answers = table.write([Put(one) for one in items])
    assert [answer is None for answer in answers] == [n % 2 == 1 for n in range(60)]


def test_an_item_beyond_400_kb_fails_for_good_and_alone(
    table: Table, item: Callable[..., Item]
) -> None:
    items = [item("E#a"), item("E#b", b={"B": b"x" * 410 * 1024}), item("E#c")]
    first, fat, last = table.write([Put(one) for one in items])
    assert (first, last) == (None, None)
    assert isinstance(fat, Failed)
    assert fat.is_final
    found = table.get([(one["PK"]["S"], one["SK"]["S"]) for one in items])
    assert [key for _, key in found] == ["E#a", "E#c"]


def test_two_writes_of_one_item_in_one_batch_go_in_order(
    table: Table, item: Callable[..., Item]
) -> None:
    first, second = item(s={"S": "a"}), item(version=2, s={"S": "b"})
    assert table.write([Put(first), Change(first, second), Put(first)]) == [
        None,
        None,
        Refused(second),
    ]


def test_fifty_threads_on_one_version_have_one_winner(
    table: Table, item: Callable[..., Item]
) -> None:
    for round_ in range(5):
        before = item(f"E#race{round_}")
        table.write([Put(before)])
        start = threading.Barrier(THREADS)

        def race(number: int, before: Item = before, start: threading.Barrier = start) -> bool:
            after = before | {"v": {"N": "2"}, "w": {"S": f"t{number}"}}
            start.wait()
            return table.write([Change(before, after)])[0] is None

        with ThreadPoolExecutor(THREADS) as pool:
            wins = list(pool.map(race, range(THREADS)))
        assert sum(wins) == 1
        key = (before["PK"]["S"], before["SK"]["S"])
        assert table.get([key])[key]["w"]["S"] == f"t{wins.index(True)}"


def test_ranges_are_half_open_ordered_and_say_whether_they_go_on(
    table: Table, item: Callable[..., Item], partition: str
) -> None:
    table.store([item(f"E#{n:02}") for n in range(10)])
    page = table.range(partition, "E#02", "E#07", limit=3)
    assert [one["SK"]["S"] for one in page.items] == ["E#02", "E#03", "E#04"]
    assert page.more
    rest = table.range(partition, "E#05", "E#07", limit=3)
    assert [one["SK"]["S"] for one in rest.items] == ["E#05", "E#06"]
    assert not rest.more
    assert table.range(partition, "E#07", "E#02", limit=3).items == []
    back = table.range(partition, "E#02", "E#07", limit=2, descending=True)
    assert [one["SK"]["S"] for one in back.items] == ["E#06", "E#05"]
    assert back.more


def test_an_index_holds_only_items_that_have_its_keys(
    table: Table, item: Callable[..., Item], partition: str
) -> None:
    due = f"due#{partition}"
    items = [item(f"D#{n}", dk={"S": due}, da={"N": str(n * 100)}) for n in range(5)]
    table.write([Put(one) for one in [*items, item("D#none")]])
    found = table.index("due", due, "0", "250", limit=10, descending=False)
    assert found == [(partition, "D#0"), (partition, "D#1"), (partition, "D#2")]
    moved = {k: v for k, v in items[0].items() if k not in {"dk", "da"}} | {"v": {"N": "2"}}
    assert table.write([Change(items[0], moved)]) == [None]
    found = table.index("due", due, "0", "250", limit=10, descending=False)
    assert found == [(partition, "D#1"), (partition, "D#2")]


def test_more_than_one_call_is_made_for_many_keys(table: Table, item: Callable[..., Item]) -> None:
    items = [item(f"B#{n:04}", b={"B": b"x" * 100}) for n in range(230)]
    table.store(items)
    keys = [(one["PK"]["S"], one["SK"]["S"]) for one in items]
    assert len(table.get(keys + keys)) == 230
