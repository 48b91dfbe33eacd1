"""A body in S3 goes with its event: by the archive once kept, without one by notify."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from functions.notify import wiring
from hooktrace.adapters.large_payloads import BucketLargePayloads, large_payloads_left
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.domain.errors import Unavailable
from hooktrace.usecases.forget_large import ForgetLargePayloads
from tests.expired import deleted_records, expired_records
from tests.moto_account import moto_account
from tests.unit.archive.test_archive_expired import Archive, items
from tests.unit.history.test_expunge import large
from tests.world import World

BLOBS = "blobs"


@pytest.fixture
def world() -> World:
    """Two events with large bodies, one with a body in an item, one small."""
    world = World()
    world.subscription(world.endpoint())
    for size in (400_000, 401_000, 2_000, 10):
        world.ingest(large(size))
    world.run()
    assert len(world.blobs.objects) == 2
    return world


def forget(world: World, batch: dict[str, Any]) -> int:
    payloads = BucketLargePayloads(world.blobs)
    return ForgetLargePayloads(payloads=payloads).run(large_payloads_left(batch))


def test_without_an_archive_they_go_when_their_events_do_and_again_is_harmless(
    world: World,
) -> None:
    batch = expired_records(items(world))
    assert forget(world, batch) == 2
    assert world.blobs.objects == {}
    assert forget(world, batch) == 2


def test_what_only_its_delivery_left_or_was_deleted_keeps_its_body(world: World) -> None:
    left = [one for one in items(world) if not one["SK"]["S"].startswith("E#")]
    assert forget(world, expired_records(left)) == 0
    assert forget(world, deleted_records(items(world))) == 0
    assert len(world.blobs.objects) == 2


@pytest.mark.parametrize("with_data", [True, False])
def test_the_archive_deletes_them_once_it_has_kept_them(world: World, with_data: bool) -> None:
    archive = Archive(world, with_data=with_data)
    batch = expired_records(items(world))
    archive.keep(batch)
    assert world.blobs.objects == {}
    kept = dict(archive.store.objects)
    assert len(archive.of_kind("payload")) == (4 if with_data else 0)
    archive.keep(batch)
    assert archive.store.objects == kept


def test_nothing_is_deleted_before_the_whole_batch_is_kept(world: World) -> None:
    archive = Archive(world)
    batch = expired_records(items(world))
    archive.store.fails_at = 2
    with pytest.raises(Unavailable):
        archive.keep(batch)
    assert len(world.blobs.objects) == 2
    assert archive.keep(batch).payloads_gone == 0
    assert len(archive.of_kind("payload")) == 4
    assert world.blobs.objects == {}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    environment = {
        "LEDGER_TABLE": "ledger",
        "REGISTRY_TABLE": "registry",
        "BLOBS_BUCKET": BLOBS,
        "DELIVER_QUEUE_URL": "http://127.0.0.1/deliver",
    }
    caches = (wiring._settings, wiring._blobs, wiring._forget_large)
    with moto_account(monkeypatch, environment, *caches):
        client = boto3.client("s3")
        client.create_bucket(Bucket=BLOBS)
        yield client


@pytest.mark.parametrize("deletes", ["true", "false"])
def test_notify_leaves_them_to_the_archive_where_there_is_one(
    world: World, s3: Any, monkeypatch: pytest.MonkeyPatch, deletes: str
) -> None:
    """A batch that is sent again by hand is not filtered: it brings all that left."""
    monkeypatch.setenv("DELETES_BODIES", deletes)
    for name, content in world.blobs.objects.items():
        s3.put_object(Bucket=BLOBS, Key=name, Body=content)
    count = wiring.forget_bodies(expired_records(items(world)))
    left = s3.list_objects_v2(Bucket=BLOBS).get("KeyCount")
    assert (count, left) == ((2, 0) if deletes == "true" else (0, 2))


def test_a_refusal_is_not_taken_for_an_object_that_is_missing(s3: Any) -> None:
    """Taken so, a wrong policy would lose data in the archive and hide it in traces."""
    from botocore.stub import Stubber

    blobs = S3Blobs(lambda: s3, BLOBS)
    assert blobs.get("bodies/none") is None
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", "AccessDenied", http_status_code=403)
        with pytest.raises(Unavailable):
            blobs.get("bodies/none")
