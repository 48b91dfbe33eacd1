"""What of a batch comes back is seen again soon: on SQS (the emulator's), and in memory."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hooktrace.adapters.memory.queue import MemoryQueue
from hooktrace.adapters.sqs import SqsReturns
from hooktrace.domain.retry import RETURN_SECONDS, return_seconds
from tests.emulator_fixtures import EmulatorTables
from tests.fakes import FakeClock


class Recorder:
    """A client that notes what it is asked, and may fail."""

    def __init__(self, failing: bool = False) -> None:
        self.asked: list[dict[str, Any]] = []
        self.failing = failing

    def change_message_visibility_batch(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        if self.failing:
            raise ClientError(
                {"Error": {"Code": "RequestThrottled"}}, "ChangeMessageVisibilityBatch"
            )
        return {}


def batch(*receives: int) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"handle-{number}",
                "attributes": {"ApproximateReceiveCount": str(count)},
            }
            for number, count in enumerate(receives)
        ]
    }


def returns(client: Any) -> SqsReturns:
    return SqsReturns(client, "https://sqs.example/match")


def test_the_wait_grows_and_then_the_queue_decides() -> None:
    waits = [return_seconds(receives) for receives in range(6)]
    assert waits == [None, 10, 30, None, None, None]


def test_only_what_comes_back_is_hastened_by_how_often_it_came() -> None:
    client = Recorder()
    returns(client).hasten(batch(1, 1, 2, 3, 0), {"m1", "m2", "m3", "m4"})
    assert client.asked == [
        {
            "QueueUrl": "https://sqs.example/match",
            "Entries": [
                {"Id": "0", "ReceiptHandle": "handle-1", "VisibilityTimeout": 10},
                {"Id": "1", "ReceiptHandle": "handle-2", "VisibilityTimeout": 30},
            ],
        }
    ]


def test_when_all_is_done_nothing_is_asked() -> None:
    client = Recorder()
    returns(client).hasten(batch(1, 2), set())
    returns(client).hasten({"Records": [{"messageId": "m", "receiptHandle": "h"}]}, {"m"})
    assert client.asked == []


def test_a_large_batch_goes_by_tens_until_a_call_fails() -> None:
    everything = {f"m{number}" for number in range(25)}
    client, failing = Recorder(), Recorder(failing=True)
    for one in (client, failing):
        returns(one).hasten(batch(*[1] * 25), everything)
    assert [len(asked["Entries"]) for asked in client.asked] == [10, 10, 5]
    assert len(failing.asked) == 1


def test_the_queue_in_memory_does_alike() -> None:
    clock = FakeClock()
    queue = MemoryQueue(clock)
    queue.put("{}")
    for wait in (*RETURN_SECONDS, 60, 60):
        (message,) = queue.take()
        queue.put_back(message)
        clock.advance(wait - 0.001)
        assert queue.take() == []
        clock.advance(0.001)
    queue.take()
    assert [m.receives for m in queue.messages] == [5]


@pytest.mark.emulator
def test_a_message_on_sqs_is_seen_again_before_its_queue_would_show_it(
    emulator: EmulatorTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hooktrace.domain.retry.RETURN_SECONDS", (1, 1))
    sqs = emulator.client("sqs")
    url = sqs.create_queue(QueueName="returns", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    names = ["ApproximateReceiveCount"]
    asked: dict[str, Any] = {"QueueUrl": url, "MessageSystemAttributeNames": names}
    (first,) = sqs.receive_message(**asked)["Messages"]
    record = {
        "messageId": first["MessageId"],
        "receiptHandle": first["ReceiptHandle"],
        "attributes": first["Attributes"],
    }
    assert "Messages" not in sqs.receive_message(**asked)
    SqsReturns(sqs, url).hasten({"Records": [record]}, {first["MessageId"]})
    started = time.monotonic()
    (again,) = sqs.receive_message(**asked, WaitTimeSeconds=10)["Messages"]
    assert time.monotonic() - started < 10
    assert again["MessageId"] == first["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"
