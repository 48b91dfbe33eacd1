"""Notify as Lambda runs it: what repeats a batch, and what a rotten record does to the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from functions.notify import handler, wiring
from hooktrace.adapters.records import record_name
from hooktrace.adapters.stats import TableStats, happenings
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.events import EventRecord
from hooktrace.domain.states import EventStatus
from hooktrace.ports import Lost
from hooktrace.usecases.keep_stats import KeepStats
from hooktrace.usecases.roll_up_events import ROUNDS
from tests.moto_account import moto_account
from tests.world import World

Room = Callable[[list[Any]], dict[str, Any]]
ASIDE: list[Any] = []
KEYS = {"PK": {"S": "prj#1"}, "SK": {"S": "D#x#y#0"}}
ROTTEN: dict[str, Any] = {
    "an image without what each has": {"Keys": KEYS, "NewImage": {"s": {"S": "failed"}}},
    "a key of another shape": {
        "Keys": {"PK": {"S": "prj"}, "SK": {"S": "D#x"}},
        "NewImage": {"s": {"S": "failed"}},
    },
    "a number that is none": {
        "Keys": KEYS,
        "NewImage": {"s": {"S": "failed"}, "v": {"N": "?"}, "u": {"N": "1"}, "n": {"N": "1"}},
    },
    "no keys": {"NewImage": {}},
    "bytes that do not unpack": {
        "Keys": KEYS,
        "NewImage": {
            "s": {"S": "failed"},
            "v": {"N": "1"},
            "u": {"N": "1"},
            "n": {"N": "1"},
            "a": {"B": "AAAA"},
        },
    },
}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def room(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Room:
    """Hands records to the room; answers with its log line."""
    stats = KeepStats(stats=TableStats(world.table))
    monkeypatch.setattr(handler, "roll_up_events", world.roll_up)
    monkeypatch.setattr(handler, "tell_status", world.teller)
    monkeypatch.setattr(handler, "forget_traces", lambda _: True)
    monkeypatch.setattr(handler, "forget_bodies", lambda _: 0)
    monkeypatch.setattr(handler, "check_settings", lambda: None)
    monkeypatch.setattr(handler, "set_aside", ASIDE.extend)
    ASIDE.clear()
    monkeypatch.setattr(handler, "keep_stats", lambda event: stats.run(happenings(event)))

    def hand_over(records: list[Any]) -> dict[str, Any]:
        handler.handle({"Records": records}, None)
        line: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
        return line

    return hand_over


def delivered(world: World) -> tuple[EventRecord, list[Any]]:
    """An event whose delivery ended, and what the stream says of it."""
    world.subscription(world.endpoint())
    event = world.ingest()
    world.match_once()
    world.deliver_once()
    records, world.table.stream = world.table.stream, []
    return event, records


@pytest.mark.parametrize("rotten", ROTTEN.values(), ids=ROTTEN.keys())
def test_a_rotten_record_is_named_and_the_others_are_done(
    world: World, room: Room, rotten: Any
) -> None:
    event, records = delivered(world)
    record = {"eventName": "MODIFY", "dynamodb": rotten}
    line = room([*records[:1], record, *records[1:]])

    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    (unread,) = line["unread"]
    assert unread.startswith(f"{record_name(record)}: ")
    assert len(line["done"]["succeeded"].split()) == 1
    assert line["records"] == len(records) + 1
    assert [record] == ASIDE


def test_a_batch_without_a_fault_says_nothing_of_it(world: World, room: Room) -> None:
    _, records = delivered(world)
    assert "unread" not in room(records)
    assert ASIDE == []


def test_an_unread_record_is_a_dead_letter_that_redrive_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = {"eventSourceARN": "arn:stream", "dynamodb": {"SequenceNumber": "42"}}
    names = ("LEDGER_TABLE", "REGISTRY_TABLE", "BLOBS_BUCKET", "DELIVER_QUEUE_URL")
    with moto_account(monkeypatch, dict.fromkeys(names, "any"), wiring._settings):
        sqs = boto3.client("sqs")
        url = sqs.create_queue(QueueName="dead")["QueueUrl"]
        monkeypatch.setenv("NOTIFY_DLQ_URL", url)
        wiring.set_aside([record])
        (letter,) = sqs.receive_message(QueueUrl=url)["Messages"]
    place = json.loads(letter["Body"])["DDBStreamBatchInfo"]
    assert place["streamArn"] == "arn:stream"
    assert (place["startSequenceNumber"], place["endSequenceNumber"]) == ("42", "42")


def test_a_rotten_item_behind_a_good_record_spoils_itself_alone(
    world: World, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, records = delivered(world)
    other = world.ingest()
    world.match_once()
    world.deliver_once()
    more, world.table.stream = world.table.stream, []
    events = world.ledger.events

    def reading(refs: Any) -> Any:
        wanted = list(refs)
        if any(identifier == other.id for _, identifier in wanted):
            raise ValueError("not an event of ours")
        return events(wanted)

    monkeypatch.setattr(type(world.ledger), "events", lambda _self, refs: reading(refs))
    line = room([*records, *more])
    monkeypatch.undo()

    assert all(one.endswith(": ValueError") for one in line["unread"])
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    assert world.trace(other).event.status is EventStatus.DELIVERING


def test_a_store_that_does_not_answer_repeats_the_batch(
    world: World, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, records = delivered(world)

    def throttled(_: Any) -> Any:
        raise Unavailable("throttled")

    monkeypatch.setattr(handler, "keep_stats", throttled)
    with pytest.raises(Unavailable):
        room([*records, {"dynamodb": {}}])


def test_an_event_that_keeps_changing_repeats_the_batch(
    world: World, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, records = delivered(world)
    lost: list[int] = []

    def write(_self: Any, writes: list[Any]) -> list[Lost]:
        lost.append(len(writes))
        return [Lost(one.before) for one in writes]

    with monkeypatch.context() as patched:
        patched.setattr(type(world.ledger), "write", write)
        with pytest.raises(Unavailable):
            room(records)
    assert lost == [1] * ROUNDS
    room(records)
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
