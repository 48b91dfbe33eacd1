"""What is erased is gone, on the shipped fakes and on DynamoDB and S3 (on the emulator) alike."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.ledger import Blobs, TableLedger
from hooktrace.adapters.memory.table import MemoryBlobs, MemoryTable
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.adapters.tables import Change, Put, Table
from hooktrace.domain.deliveries import Attempt, born
from hooktrace.domain.ids import EndpointId, EventId, ProjectId
from hooktrace.domain.states import Trigger

EVENT = EventId("evt_01M3250V00YPRPA8JAB2VS3201")


@pytest.fixture(params=["memory", pytest.param("emulator", marks=pytest.mark.emulator)])
def stores(request: pytest.FixtureRequest) -> Iterator[tuple[Table, Blobs]]:
    if request.param == "memory":
        yield MemoryTable(), MemoryBlobs()
    else:
        emulator: Any = request.getfixturevalue("emulator")
        table = DynamoTable(emulator.client("dynamodb"), emulator.ledger_table)
        yield table, S3Blobs(lambda: emulator.client("s3"), emulator.blobs_bucket)


@pytest.fixture
def project() -> ProjectId:
    return ProjectId(f"prj_{random.getrandbits(64):x}")


def test_removed_items_are_gone_and_a_second_time_is_no_harm(
    stores: tuple[Table, Blobs], project: ProjectId
) -> None:
    table, _ = stores
    keys = [(f"{project}#0", f"B#{number:02}") for number in range(30)]
    table.store([{"PK": {"S": pk}, "SK": {"S": sk}, "b": {"B": b"x"}} for pk, sk in keys])
    for _ in range(2):
        table.remove(keys[:28] + keys[:2])
        assert set(table.get(keys)) == set(keys[28:])


def test_a_change_touches_no_attribute_that_it_does_not_know(
    stores: tuple[Table, Blobs], project: ProjectId
) -> None:
    table, _ = stores
    keys = {"PK": {"S": f"{project}#0"}, "SK": {"S": "E#1"}}
    table.write([Put(keys | {"v": {"N": "1"}, "x": {"N": "99"}, "p": {"S": "item"}})])
    before = keys | {"v": {"N": "1"}, "p": {"S": "item"}}
    assert table.write([Change(before, keys | {"v": {"N": "2"}, "s": {"S": "a"}})]) == [None]
    (found,) = table.get([(f"{project}#0", "E#1")]).values()
    assert found == keys | {"v": {"N": "2"}, "x": {"N": "99"}, "s": {"S": "a"}}


@pytest.mark.parametrize(("size", "place"), [(1_000, "item"), (300_001, "s3")])
def test_a_payload_is_erased_wherever_it_lies(
    stores: tuple[Table, Blobs], project: ProjectId, size: int, place: str
) -> None:
    ledger = TableLedger(*stores)
    other = EventId(f"{EVENT[:-1]}2")
    for event in (EVENT, other):
        assert ledger.put_payload(project, event, b"x" * size, 2_000_000_000) == place
    for _ in range(2):
        ledger.erase_payload(project, EVENT, place)
        assert ledger.payload(project, EVENT) is None
        assert ledger.payload(project, other) == b"x" * size


def test_a_shelf_is_read_to_its_end_piece_by_piece(
    stores: tuple[Table, Blobs], project: ProjectId
) -> None:
    """More than the 1 MB at which DynamoDB ends a page."""
    ledger, noise = TableLedger(*stores), random.Random(1)
    delivery = born(
        project_id=project,
        event_id=EVENT,
        endpoint_id=EndpointId("ep_01M3250V00YPRPA8JAB2VS3201"),
        replay=0,
        matched_by=(),
        expires_s=2_000_000_000,
    )
    attempts = [
        Attempt(number, Trigger.AUTOMATIC, 1, response_body=noise.randbytes(40_000).hex())
        for number in range(1, 41)
    ]
    for one in attempts:
        ledger.shelve(delivery, [one])
    assert ledger.shelved(delivery, limit=100) == attempts
    assert ledger.shelved(delivery, limit=7) == attempts[-7:]
    assert ledger.shelved(delivery, limit=30, before=34) == attempts[3:33]
    assert ledger.shelved(delivery, limit=30, before=1) == []


@pytest.mark.emulator
def test_every_version_of_an_object_is_deleted(emulator: Any, project: ProjectId) -> None:
    client, bucket = emulator.client("s3"), f"versions-{random.getrandbits(48):x}"
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    blobs = S3Blobs(lambda: client, bucket)
    for content in (b"one", b"two"):
        blobs.put("bodies/a", content)
        blobs.put("bodies/ab", content)
    client.delete_object(Bucket=bucket, Key="bodies/a")
    blobs.delete("bodies/a")
    left = client.list_object_versions(Bucket=bucket)
    assert {one["Key"] for one in left["Versions"]} == {"bodies/ab"}
    assert "DeleteMarkers" not in left
    assert blobs.get("bodies/ab") == b"two"
