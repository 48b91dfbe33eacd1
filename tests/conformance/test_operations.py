"""The stores of bulk operations: the shipped fake and DynamoDB (on the emulator) behave alike."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.memory.table import MemoryBlobs, MemoryTable
from hooktrace.adapters.operations import TableOperations
from hooktrace.adapters.tables import Table
from hooktrace.domain.ids import OperationId, ProjectId, ulid
from hooktrace.domain.listing import Filters
from hooktrace.domain.operations import (
    Candidate,
    Counts,
    Operation,
    OperationItem,
    OperationPage,
    OperationState,
)

NOW_MS = 1_800_000_000_000
THREADS = 20


@pytest.fixture(params=["memory", pytest.param("emulator", marks=pytest.mark.emulator)])
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    if request.param == "memory":
        yield MemoryTable()
    else:
        emulator: Any = request.getfixturevalue("emulator")
        yield DynamoTable(emulator.client("dynamodb"), emulator.ledger_table)


def new_ulid(at_ms: int = NOW_MS) -> str:
    return ulid(at_ms, random.randbytes(10))


def operation(project: str, at_ms: int = NOW_MS, **more: Any) -> Operation:
    fields: dict[str, Any] = {
        "id": OperationId(f"op_{new_ulid(at_ms)}"),
        "project_id": ProjectId(project),
        "action": "retry",
        "state": OperationState.COUNTING,
        "version": 1,
        "requested_by": "key_1",
        "created_ms": at_ms,
        "updated_ms": at_ms,
        "filters": Filters("deliveries", status=frozenset({"failed"})),
        "given": {"filter": {"status": ["failed"]}},
        "low_ms": 0,
        "high_ms": at_ms,
        "write_token": "t1",
    }
    return Operation(**(fields | more))


@pytest.fixture
def project() -> str:
    return f"prj_{new_ulid()}"


def test_every_field_comes_back(table: Table, project: str) -> None:
    store = TableOperations(table)
    full = operation(
        project,
        action="test",
        filters=Filters(
            "events",
            status=frozenset({"failed", "discarded"}),
            type=frozenset({"a.b"}),
            response_status=frozenset({500, 503}),
        ),
        dry_run=True,
        force=True,
        from_operation=OperationId(f"op_{new_ulid()}"),
        only_endpoint=f"ep_{new_ulid()}",
        candidate=Candidate(("a.*",), '{"data": {"é": 1}}', "sub_1", "ep_1", ("*",), None),
        edge="0123#4",
        counted=True,
        pages=3,
        pages_done=2,
        counts=Counts(total=9, done=5, succeeded=4, skipped=1, considered=12, gained=2),
        examples={"gained": ("evt_1", "evt_2")},
        finished_ms=NOW_MS + 1,
        reason="why",
        due_ms=NOW_MS + 5,
        expires_s=NOW_MS // 1000 + 60,
    )
    bare = operation(project)
    for one in (full, bare):
        assert store.create(one) == one
        assert store.get(one.project_id, one.id) == one
    assert store.get(ProjectId(f"prj_{new_ulid()}"), full.id) is None


def test_the_first_to_create_wins(table: Table, project: str) -> None:
    store, first = TableOperations(table), operation(project)
    store.create(first)
    assert store.create(replace(first, write_token="t2", force=True)) == first


def test_a_change_needs_the_version_it_was_made_from(table: Table, project: str) -> None:
    store, first = TableOperations(table), operation(project, due_ms=NOW_MS)
    store.create(first)
    second = first.step(now_ms=NOW_MS + 1, token="t2", state=OperationState.CANCELLED)
    assert store.replace(second, before=first) == second
    assert store.get(first.project_id, first.id) == second
    third = first.step(now_ms=NOW_MS + 2, token="t3")
    assert store.replace(third, before=first) == second
    gone = operation(project)
    assert store.replace(gone.step(now_ms=NOW_MS, token="t2"), before=gone) is None


def test_lists_are_newest_first_and_go_on(table: Table, project: str) -> None:
    store = TableOperations(table)
    made = [operation(project, NOW_MS + n) for n in range(5)]
    for one in made:
        store.create(one)
    store.create(operation(f"prj_{new_ulid()}"))
    scope = ProjectId(project)
    first = store.newest(scope, before=None, limit=2)
    assert first == [made[4], made[3]]
    assert store.newest(scope, before=first[-1].id, limit=9) == [made[2], made[1], made[0]]


def test_who_is_due_is_found_until_it_is_over(table: Table, project: str) -> None:
    store, ledger = TableOperations(table), TableLedger(table, MemoryBlobs())
    one = operation(project, due_ms=5)
    store.create(one)
    assert (project, one.id) in ledger.due(10, limit=500).operations
    over = one.step(now_ms=NOW_MS, token="t2", state=OperationState.COMPLETED)
    store.replace(over, before=one)
    assert (project, one.id) not in ledger.due(NOW_MS * 2, limit=500).operations


def test_pages_are_what_their_first_writer_made_them(table: Table, project: str) -> None:
    store, owner = TableOperations(table), operation(project)
    start = threading.Barrier(THREADS)

    def page(number: int, name: int) -> OperationPage:
        items = (OperationItem(f"dlv_{name}"), OperationItem(f"evt_{name}", "gained"))
        return OperationPage(
            owner.project_id, owner.id, number, "edge", items, 7, 3, expires_s=NOW_MS
        )

    def write(name: int) -> OperationPage:
        start.wait()
        return store.put(page(0, name))

    with ThreadPoolExecutor(THREADS) as pool:
        seen = set(pool.map(write, range(THREADS)))
    assert len(seen) == 1
    (stands,) = seen
    results = [OperationItem(stands.items[0].id, "skipped", "because"), stands.items[1]]
    after = stands.finished(results)
    assert store.finish(after, before=stands) == after
    late = stands.finished(stands.items)
    assert store.finish(late, before=stands) == after
    store.put(page(2, 2))
    assert store.pages(owner.project_id, owner.id, [0, 1, 2]) == [after, page(2, 2)]
    assert store.pages(owner.project_id, owner.id, []) == []
