"""The room as Lambda calls it, and the tool that reads what it wrote, on an S3 (moto's)."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from functions.archive import wiring
from functions.archive.handler import handle
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import EventId, ProjectId
from tests.expired import expired_records
from tests.fakes import answer
from tests.moto_account import moto_account
from tests.unit.history.test_expunge import large
from tests.world import World
from tools.archived import NotThere, erase, main, read
from tools.setup import ROOT

BUCKET, BLOBS = "archive", "blobs"


@dataclass
class Aws:
    """An account with the two buckets, and the room's clients made anew."""

    s3: Any

    def names(self) -> list[str]:
        return [o["Key"] for o in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    environment = {"ARCHIVE_BUCKET": BUCKET, "BLOBS_BUCKET": BLOBS, "ARCHIVE_DATA": "true"}
    with moto_account(monkeypatch, environment, wiring._archive_expired):
        s3 = boto3.client("s3")
        for bucket in (BUCKET, BLOBS):
            s3.create_bucket(Bucket=bucket)
        yield Aws(s3)


@pytest.fixture
def world() -> World:
    world = World()
    world.subscription(world.endpoint())
    return world


def leave(world: World, data: bytes = b'{"a":1}') -> tuple[EventRecord, dict[str, Any]]:
    """An event that was delivered, and the stream's batch when it leaves with what lies there."""
    event = world.ingest(data)
    world.run()
    return event, expired_records(dict(item) for item in world.table._items.values())


def test_the_room_keeps_what_expires_and_says_so(
    account: Aws, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    event, batch = leave(world, large(400_000))
    (name,) = world.blobs.objects
    account.s3.put_object(Bucket=BLOBS, Key=name, Body=world.blobs.objects[name])
    handle(batch, None)
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    records = len(batch["Records"])
    told = {"room": "archive", "records": records, "lines": 3, "objects": 2}
    assert {k: v for k, v in line.items() if k != "cold"} == told
    assert len(account.names()) == 2
    found = read(account.s3, BUCKET, ProjectId(world.project.id), event.id)
    assert found["event"]["status"] == "succeeded"
    assert found["payload"]["data"].encode() == large(400_000)
    assert [one["status"] for one in found["deliveries"]] == ["succeeded"]


def test_without_a_bucket_the_batch_comes_again(account: Aws, world: World) -> None:
    _, batch = leave(world)
    account.s3.delete_bucket(Bucket=BUCKET)
    with pytest.raises(Unavailable):
        handle(batch, None)


def test_what_came_in_other_pieces_is_read_once(account: Aws, world: World) -> None:
    endpoint = world.endpoint("http://127.0.0.1:9/long", retry_schedule=(1,) * 40)
    world.sender.script[endpoint.url] = [answer(500, response_body="x" * 1000)] * 40 + [200]
    world.subscription(endpoint)
    event, batch = leave(world)
    world.run_for(60)
    batch = expired_records(dict(item) for item in world.table._items.values())
    handle(batch, None)
    whole = read(account.s3, BUCKET, ProjectId(world.project.id), event.id)
    half = len(batch["Records"]) // 2
    for part in (batch["Records"][:half], batch["Records"][half:]):
        handle({"Records": part}, None)
    assert len(account.names()) >= 2
    assert read(account.s3, BUCKET, ProjectId(world.project.id), event.id) == whole
    assert len(whole["deliveries"]) == 2
    numbers = [one["number"] for one in whole["attempts"]]
    assert len(numbers) == len(set(numbers)) > 0


def test_an_older_version_that_is_read_later_does_not_win(account: Aws, world: World) -> None:
    event, batch = leave(world)
    newer = json.loads(json.dumps(batch))
    for record in newer["Records"]:
        record["dynamodb"]["SequenceNumber"] = "1" + record["dynamodb"]["SequenceNumber"]
        if record["dynamodb"]["Keys"]["SK"]["S"].startswith("E#"):
            record["dynamodb"]["OldImage"]["v"] = {"N": "99"}
    handle(newer, None)  # sorts before the other object
    handle(batch, None)
    found = read(account.s3, BUCKET, ProjectId(world.project.id), event.id)
    assert found["event"]["version"] == 99


def test_an_event_is_taken_out_and_its_neighbours_stay(account: Aws, world: World) -> None:
    event, _ = leave(world, large(2_000))
    neighbour, batch = leave(world)
    project = ProjectId(world.project.id)
    handle(batch, None)
    handle(
        expired_records(
            i for i in map(dict, world.table._items.values()) if event.ulid in i["SK"]["S"]
        ),
        None,
    )
    before = read(account.s3, BUCKET, project, neighbour.id)
    told = erase(account.s3, BUCKET, project, event.id)
    assert told == {"lines": 6, "objects": 2}
    with pytest.raises(NotThere):
        read(account.s3, BUCKET, project, event.id)
    with pytest.raises(NotThere):
        erase(account.s3, BUCKET, project, event.id)
    assert read(account.s3, BUCKET, project, neighbour.id) == before
    for name in account.names():
        content = account.s3.get_object(Bucket=BUCKET, Key=name)["Body"].read()
        assert b"jo@example.com" not in gzip.decompress(content)


def test_the_command_prints_one_document_and_says_what_is_wrong(
    account: Aws, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    event, batch = leave(world)
    handle(batch, None)
    capsys.readouterr()
    where = ["--project", world.project.id, "--bucket", BUCKET]
    assert main([event.id, *where]) == 0
    assert json.loads(capsys.readouterr().out)["event"]["id"] == event.id
    unknown = EventId(event.id[:-6] + "000000")
    for wrong in ([unknown, *where], ["evt_1", *where], [event.id, *where[:3], "nowhere"]):
        assert main(wrong) == 2
        seen = capsys.readouterr()
        assert seen.out == ""
        assert seen.err.startswith("archived: ")
        assert seen.err.count("\n") == 1
    assert main([event.id, *where, "--erase"]) == 0
    assert json.loads(capsys.readouterr().out) == {"lines": 3, "objects": 1}


def test_the_bucket_is_found_by_the_stack(
    account: Aws, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    event, batch = leave(world)
    handle(batch, None)
    outputs = {"ArchiveBucket": {"Value": BUCKET}}
    topic = {"Topic": {"Type": "AWS::SNS::Topic"}}
    cloudformation = boto3.client("cloudformation")
    for name, told in (("With", outputs), ("Without", {"Other": {"Value": "x"}})):
        body = json.dumps({"Resources": topic, "Outputs": told})
        cloudformation.create_stack(StackName=name, TemplateBody=body)
    capsys.readouterr()
    where = [event.id, "--project", world.project.id, "--stack"]
    assert main([*where, "With"]) == 0
    assert main([*where, "Without"]) == 2
    assert "keeps no archive" in capsys.readouterr().err


def test_the_room_imports_neither_the_api_nor_what_sends_or_matches() -> None:
    code = "import sys, functions.archive.handler; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([".", "shared"])},
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"aws_lambda_powertools", "httpx", "re2", "cryptography", "hooktrace.adapters.dynamodb"}
    assert heavy & set(ran.stdout.split()) == set()
