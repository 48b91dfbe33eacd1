"""What expires is kept: all of it, byte for byte, at least once, and nothing that was deleted."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from hooktrace.adapters.archive import expired, stretch_of
from hooktrace.adapters.items import Item
from hooktrace.adapters.large_payloads import BucketLargePayloads
from hooktrace.adapters.memory.table import MemoryBlobs
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import KeyId, ProjectId
from hooktrace.usecases.archive_expired import Archived, ArchiveExpired
from tests.expired import deleted_records, expired_records
from tests.fakes import answer
from tests.unit.history.test_expunge import large
from tests.unit.listing.room import Room
from tests.world import World

SECRET = b"jo@example.com"
DATA = b'{ "email" : "jo@example.com",\n "total": 12.50, "name": "\xc3\xa9" }'
NOT_OF_THE_RECORD = {"next", "links"}
KEPT = ("E#", "D#", "B#", "A#")


class Store(MemoryBlobs):
    """Fails once, at the put of this number."""

    fails_at: int | None = None

    def put(self, name: str, content: bytes) -> None:
        if self.fails_at == len(self.objects):
            self.fails_at = None
            raise Unavailable("S3 does not answer")
        super().put(name, content)


class Archive:
    """An archive in memory, and the use case on it."""

    def __init__(self, world: World, *, with_data: bool = True) -> None:
        self.store = Store()
        payloads = BucketLargePayloads(world.blobs)
        self.use = ArchiveExpired(archive=self.store, payloads=payloads, with_data=with_data)

    def keep(self, batch: dict[str, Any]) -> Archived:
        return self.use.run(list(expired(batch)), stretch_of(batch))

    def lines(self) -> Iterator[dict[str, Any]]:
        for content in self.store.objects.values():
            for line in gzip.decompress(content).decode().splitlines():
                yield json.loads(line)

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["kind"] == kind]


def items(world: World) -> list[Item]:
    return [dict(item) for item in world.table._items.values()]


@pytest.fixture
def world() -> World:
    return World()


def delivered(world: World, data: bytes = DATA, **more: Any) -> EventRecord:
    """An event with one near miss, one delivery that needed two attempts, one that failed."""
    shaky = world.endpoint("http://127.0.0.1:9/shaky", retry_schedule=(1,))
    bad = world.endpoint("http://127.0.0.1:9/bad", retry_schedule=())
    world.sender.script |= {shaky.url: [answer(500, response_body="no\u2028\U0001f600"), 200]}
    world.sender.script |= {bad.url: [500]}
    world.subscription(shaky)
    world.subscription(bad)
    world.subscription(world.endpoint(), filter_text='{"data.total": {"$gte": 100}}')
    event = world.ingest(data, headers={"x-tier": "gold"}, **more)
    world.run_for(5)
    return event


def test_the_archive_says_what_the_api_said(world: World) -> None:
    event = delivered(world)
    room = Room(world)
    trace = room.get(f"/v1/events/{event.id}").json
    archive = Archive(world)
    archive.keep(expired_records(items(world)))

    (kept,) = archive.of_kind("event")
    (payload,) = archive.of_kind("payload")
    assert kept["match"]["near_misses"][0]["clauses"][0]["actual"] == 12.5
    for name in set(trace) - NOT_OF_THE_RECORD - {"match", "deliveries", "data", "headers", "time"}:
        assert kept[name] == trace[name], name
    assert payload["data"].encode() == DATA
    assert payload["headers"] == trace["headers"] == {"x-tier": "gold"}

    found = {line["id"]: line for line in archive.of_kind("delivery")}
    assert {one["id"] for one in trace["deliveries"]} == set(found)
    assert len(found) == 2
    for one in trace["deliveries"]:
        for name in set(one) - NOT_OF_THE_RECORD:
            assert found[one["id"]][name] == one[name], name
        assert found[one["id"]]["event_id"] == event.id
        assert found[one["id"]]["project_id"] == world.project.id


@pytest.mark.parametrize("data", [DATA, large(2_000), large(400_000)], ids=["E", "B", "S3"])
def test_data_is_kept_byte_for_byte_wherever_it_lay(world: World, data: bytes) -> None:
    event = world.ingest(data)
    world.run()
    archive = Archive(world)
    done = archive.keep(expired_records(items(world)))
    (payload,) = archive.of_kind("payload")
    assert payload["data"].encode() == data
    assert payload["event_id"] == event.id
    assert (done.unread, done.payloads_gone) == (0, 0)
    assert {name.rpartition("/")[0] for name in archive.store.objects} == {
        f"project={world.project.id}/date=2026-09-21"
    }


@pytest.mark.parametrize("data", [DATA, large(2_000), large(400_000)], ids=["E", "B", "S3"])
def test_traces_alone_hold_nothing_of_the_data(world: World, data: bytes) -> None:
    world.subscription(world.endpoint())
    world.ingest(data)
    world.run()
    archive = Archive(world, with_data=False)
    batch = expired_records(items(world))
    for record in batch["Records"]:
        record["dynamodb"]["OldImage"]["s"] = {"S": "of a later version"}
    unread = archive.keep(batch)
    assert unread.unread == 2
    archive.keep(expired_records(items(world)))
    assert archive.of_kind("payload") == []
    assert len(archive.of_kind("event")) == 1
    assert len(archive.of_kind("delivery")) == 1
    # What cannot be read is kept without the attribute that payloads are in.
    assert {"b"} & {name for line in archive.of_kind("unread") for name in line["item"]} == set()
    assert not any(SECRET in gzip.decompress(c) for c in archive.store.objects.values())


def test_older_attempts_are_kept_too(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(1,) * 130)
    world.subscription(endpoint)
    noise = [answer(500, response_body="x" * 900, response_body_bytes=900) for _ in range(130)]
    world.sender.script[endpoint.url] = [*noise, 200]
    world.ingest()
    world.run_for(200)
    archive = Archive(world)
    archive.keep(expired_records(items(world)))
    (delivery,) = archive.of_kind("delivery")
    older = archive.of_kind("attempt")
    assert {line["delivery_id"] for line in older} == {delivery["id"]}
    numbers = [one["number"] for one in (*older, *delivery["attempts"])]
    assert Counter(numbers) == Counter(range(1, 132))


def test_what_was_deleted_is_not_kept_and_of_the_rest_all_that_is_a_trace(world: World) -> None:
    delivered(world, large(2_000), idempotency_key="k-1")
    found = items(world)
    archive = Archive(world)
    assert archive.keep(deleted_records(found)) == Archived()
    assert archive.store.objects == {}
    changed = expired_records(found)
    for record in changed["Records"]:
        record["eventName"] = "MODIFY"
    assert archive.keep(changed) == Archived()

    left = list(expired(expired_records(found)))
    assert len(left) == sum(item["SK"]["S"][:2] in KEPT for item in found)
    assert len(left) < len(found)  # an idempotency key, traffic, health: no part of a trace


def test_an_expunged_event_leaves_without_its_data(world: World) -> None:
    event = delivered(world, large(2_000))
    key = KeyId("key_01M3250V00YPRPA8JAB2VS3WER")
    payloads = [item for item in items(world) if item["SK"]["S"].startswith("B#")]
    world.expunging().run(ProjectId(event.project_id), event.id, key)
    archive = Archive(world)
    archive.keep(deleted_records(payloads))  # as the stream tells of what an expunge deletes
    archive.keep(expired_records(items(world)))
    (kept,) = archive.of_kind("event")
    assert kept["data_expunged_by"] == key
    assert archive.of_kind("payload") == []
    assert not any(SECRET in gzip.decompress(c) for c in archive.store.objects.values())


def test_a_batch_that_comes_again_writes_the_same_objects(world: World) -> None:
    delivered(world, large(400_000))
    batch = expired_records(items(world))
    archive = Archive(world)
    archive.keep(batch)
    first = dict(archive.store.objects)
    assert len(first) == 2  # the batch, and the payload that was too large for the ledger
    archive.keep(batch)
    assert archive.store.objects == first


def test_a_crash_between_two_objects_leaves_the_rest_to_the_next_run(world: World) -> None:
    delivered(world)
    world.project = world.new_project("other")
    delivered(world)
    batch = expired_records(items(world))
    whole = Archive(world)
    whole.keep(batch)
    assert len(whole.store.objects) == 2

    for fails_at in range(2):
        archive = Archive(world)
        archive.store.fails_at = fails_at
        with pytest.raises(Unavailable):
            archive.keep(batch)
        assert len(archive.store.objects) == fails_at
        archive.keep(batch)
        assert archive.store.objects == whole.store.objects


def test_projects_and_days_lie_apart(world: World) -> None:
    first = world.project
    world.ingest()
    world.clock.advance(86_400)
    world.ingest()
    world.project = world.new_project("other")
    world.ingest()
    world.run()
    archive = Archive(world)
    archive.keep(expired_records(items(world)))
    assert {name.rpartition("/")[0] for name in archive.store.objects} == {
        f"project={first.id}/date=2026-09-21",
        f"project={first.id}/date=2026-09-22",
        f"project={world.project.id}/date=2026-09-22",
    }


def test_a_large_payload_that_is_gone_is_counted_and_its_trace_is_kept(world: World) -> None:
    world.ingest(large(400_000))
    world.run()
    world.blobs.objects.clear()
    archive = Archive(world)
    done = archive.keep(expired_records(items(world)))
    assert done.payloads_gone == 1
    assert len(archive.of_kind("event")) == 1


@pytest.mark.parametrize("missing", ["s", "v", "w", "t", "u"])
def test_what_cannot_be_read_is_kept_as_it_is(world: World, missing: str) -> None:
    event = world.ingest()
    world.run()
    batch = expired_records(i for i in items(world) if i["SK"]["S"].startswith("E#"))
    image = batch["Records"][0]["dynamodb"]["OldImage"]
    del image[missing]
    archive = Archive(world)
    assert archive.keep(batch).unread == 1
    (line,) = archive.lines()
    assert line == {
        "kind": "unread",
        "project_id": world.project.id,
        "event_id": event.id,
        "item": image,
    }


@pytest.mark.parametrize("packed", [b"", b"no zlib", b"x\x9c"])
def test_a_payload_that_cannot_be_unpacked_is_kept_as_it_is(world: World, packed: bytes) -> None:
    world.ingest(large(2_000))
    payload = next(i for i in items(world) if i["SK"]["S"].startswith("B#"))
    archive = Archive(world)
    assert archive.keep(expired_records([payload | {"b": {"B": packed}}])).unread == 1
    (line,) = archive.lines()
    assert set(line["item"]) == {"b"}


def test_keys_that_are_no_event_s_do_not_stop_the_stream(world: World) -> None:
    odd = {"PK": {"S": "SWEEP"}, "SK": {"S": "E#?"}, "x": {"N": "1"}}
    archive = Archive(world)
    assert archive.keep(expired_records([odd])) == Archived()
