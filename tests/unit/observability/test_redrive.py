"""Dead letters are sent again: from traces over the API, from queues by their messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from hooktrace.adapters.large_payloads import BY_TTL
from hooktrace.domain.states import DeliveryStatus, EventStatus
from tests.whole_api import WholeApi
from tests.world import World
from tools.redrive import CannotRedrive, redrive_queue, redrive_traces

OUTPUTS = {
    "MatchQueueUrl": "match",
    "MatchDlqUrl": "match-dlq",
    "NotifyDlqUrl": "notify-dlq",
    "NotifyFunction": "notify",
    "ArchiveDlqUrl": "archive-dlq",
    "ArchiveFunction": "archive",
}


@pytest.fixture
def world() -> World:
    return World()


def _caller(api: WholeApi, token: str) -> Any:
    def call(method: str, path: str) -> tuple[int, Mapping[str, Any]]:
        path, _, query = path.partition("?")
        answer = api.call(method, path, token=token, query=query)
        return answer.status, answer.json

    return call


def test_what_sweep_wrote_back_is_sent_again_once(world: World) -> None:
    api = WholeApi(world)
    project, tokens = api.project("p")
    world.project = world.registry.projects.get_project(project) or world.project
    endpoint = world.endpoint()
    world.subscription(endpoint)
    unmatched, undelivered = world.ingest(), world.ingest()
    first, second = world.match_queue.messages
    world.match_queue.messages.remove(first)
    world.match_queue.dead.append(first)  # as after five failures
    world.match_once([second])
    world.deliver_queue.dead, world.deliver_queue.messages = world.deliver_queue.messages, []
    world.sweep()
    world.notify()
    assert world.trace(unmatched).event.reason == "dead_letter_match"
    assert world.trace(undelivered).deliveries[0].reason == "dead_letter_deliver"
    call = _caller(api, tokens["write"] if "write" in tokens else tokens["admin"])
    reader = _caller(api, tokens["read"])

    def both(method: str, path: str) -> tuple[int, Mapping[str, Any]]:
        return (reader if method == "GET" else call)(method, path)

    assert redrive_traces(both, "-24h", dry_run=True) == {
        "events": 1,
        "deliveries": 1,
        "refused": 0,
    }
    assert redrive_traces(both, "-24h", dry_run=False)["refused"] == 0
    world.run()
    for event in (unmatched, undelivered):
        trace = world.trace(event)
        assert trace.event.status is EventStatus.SUCCEEDED
        assert trace.deliveries[-1].status is DeliveryStatus.SUCCEEDED
    assert len(world.sender.requests) == 2
    again = redrive_traces(both, "-24h", dry_run=False)
    assert again == {"events": 0, "deliveries": 0, "refused": 0}


def test_a_key_that_may_not_is_told(world: World) -> None:
    with pytest.raises(CannotRedrive, match="answers 401"):
        redrive_traces(_caller(WholeApi(world), "ht_x"), "-24h", dry_run=True)


class Queues:
    """SQS, DynamoDB Streams and Lambda, as far as redrive uses them."""

    def __init__(self, bodies: dict[str, list[str]]) -> None:
        self.bodies = bodies
        self.taken: list[tuple[str, str]] = []
        self.records: list[dict[str, Any]] = []
        self.invoked: list[Any] = []
        self.fails = False
        self.shards: list[str] = []

    def __call__(self, _service: str) -> Queues:
        return self

    def get_queue_attributes(self, QueueUrl: str, **_: Any) -> Any:  # noqa: N803 - boto3's name
        return {"Attributes": {"ApproximateNumberOfMessages": str(len(self.bodies[QueueUrl]))}}

    def receive_message(self, QueueUrl: str, **_: Any) -> Any:  # noqa: N803 - as above
        taken = [b for b in self.bodies[QueueUrl] if (QueueUrl, b) not in self.taken]
        self.taken += [(QueueUrl, body) for body in taken]
        return {"Messages": [{"Body": body, "ReceiptHandle": body} for body in taken]}

    def send_message(self, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803 - as above
        self.bodies.setdefault(QueueUrl, []).append(MessageBody)

    def delete_message(self, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803 - as above
        self.bodies[QueueUrl].remove(ReceiptHandle)

    def describe_stream(self, **where: Any) -> Any:
        """Two shards, told one at a time; what came before number 2 is gone."""
        ended = {"StartingSequenceNumber": "2", "EndingSequenceNumber": "5"}
        shards = [("first", ended), ("second", {"StartingSequenceNumber": "6"})]
        number = 1 if "ExclusiveStartShardId" in where else 0
        name, numbers = shards[number]
        told: dict[str, Any] = {"Shards": [{"ShardId": name, "SequenceNumberRange": numbers}]}
        return {"StreamDescription": told | ({} if number else {"LastEvaluatedShardId": name})}

    def get_shard_iterator(self, ShardId: str, **_: Any) -> Any:  # noqa: N803 - as above
        self.shards.append(ShardId)
        return {"ShardIterator": "0"}

    def get_records(self, ShardIterator: str, **_: Any) -> Any:  # noqa: N803 - as above
        start = int(ShardIterator)
        return {"Records": self.records[start : start + 2], "NextShardIterator": str(start + 2)}

    def invoke(self, FunctionName: str, Payload: str) -> Any:  # noqa: N803 - as above
        self.invoked.append((FunctionName, json.loads(Payload)))
        return {"FunctionError": "Unhandled"} if self.fails else {}


def test_messages_go_back_to_the_queue_they_came_from() -> None:
    queues = Queues({"match-dlq": ["a", "b"], "match": []})
    assert redrive_queue("Match", OUTPUTS, queues, dry_run=True) == {"waiting": 2}
    assert redrive_queue("Match", OUTPUTS, queues, dry_run=False) == {"sent": 2, "kept": 0}
    assert queues.bodies == {"match-dlq": [], "match": ["a", "b"]}


@pytest.mark.parametrize("fails", [False, True])
def test_a_stretch_of_the_stream_is_given_to_notify_again(*, fails: bool) -> None:
    place = {
        "shardId": "s",
        "streamArn": "arn",
        "startSequenceNumber": "1",
        "endSequenceNumber": "3",
    }
    queues = Queues({"notify-dlq": [json.dumps({"DDBStreamBatchInfo": place})]})
    queues.fails = fails
    queues.records = [
        {"eventName": "MODIFY", "dynamodb": {"SequenceNumber": str(n), "Keys": {"b": b"\x00"}}}
        for n in range(1, 6)
    ]
    counts = redrive_queue("Notify", OUTPUTS, queues, dry_run=False)
    assert {name for name, _ in queues.invoked} == {"notify"}
    pages = [
        [r["dynamodb"]["SequenceNumber"] for r in payload["Records"]]
        for _, payload in queues.invoked
    ]
    assert pages == ([["1", "2"]] if fails else [["1", "2"], ["3"]])
    assert queues.invoked[0][1]["Records"][0]["dynamodb"]["Keys"] == {"b": "AA=="}
    assert counts == ({"sent": 0, "kept": 1} if fails else {"sent": 1, "kept": 0})
    assert len(queues.bodies["notify-dlq"]) == (1 if fails else 0)


def test_a_stretch_for_the_archive_says_who_removed_its_items_as_lambda_does() -> None:
    place = {"shardId": "s", "streamArn": "arn"}
    place |= {"startSequenceNumber": "1", "endSequenceNumber": "1"}
    queues = Queues({"archive-dlq": [json.dumps({"DDBStreamBatchInfo": place})]})
    who = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
    queues.records = [{"dynamodb": {"SequenceNumber": "1"}, "userIdentity": who}]
    assert redrive_queue("Archive", OUTPUTS, queues, dry_run=False) == {"sent": 1, "kept": 0}
    ((name, payload),) = queues.invoked
    assert name == "archive"
    assert payload["Records"][0]["userIdentity"] == BY_TTL


def test_a_room_is_given_a_hundred_records_at_most_as_by_its_mapping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = {"shardId": "s", "streamArn": "arn"}
    place |= {"startSequenceNumber": "1", "endSequenceNumber": "250"}
    queues = Queues({"notify-dlq": [json.dumps({"DDBStreamBatchInfo": place})]})
    records = [{"dynamodb": {"SequenceNumber": str(n)}} for n in range(1, 251)]
    monkeypatch.setattr(
        queues, "get_records", lambda **_: {"Records": records, "NextShardIterator": "0"}
    )
    assert redrive_queue("Notify", OUTPUTS, queues, dry_run=False) == {"sent": 1, "kept": 0}
    assert [len(payload["Records"]) for _, payload in queues.invoked] == [100, 100, 50]


@pytest.mark.parametrize(("number", "sent"), [(1, 0), (3, 1), (7, 1), (12, 1)])
def test_a_record_that_notify_set_aside_is_found_in_its_shard(number: int, sent: int) -> None:
    place = {"streamArn": "arn", "startSequenceNumber": str(number)}
    place |= {"endSequenceNumber": str(number), "batchSize": "1"}
    queues = Queues({"notify-dlq": [json.dumps({"DDBStreamBatchInfo": place})]})
    queues.records = [{"dynamodb": {"SequenceNumber": str(number)}}]
    counts = redrive_queue("Notify", OUTPUTS, queues, dry_run=False)
    assert counts == {"sent": sent, "kept": 1 - sent}
    assert queues.shards == ([["first", "second"][number > 5]] if sent else [])


@pytest.mark.parametrize("seen", [0, 2])
def test_a_stretch_that_the_stream_has_no_more_stays_in_its_queue(seen: int) -> None:
    place = {"shardId": "s", "streamArn": "arn"}
    place |= {"startSequenceNumber": "1", "endSequenceNumber": "9"}
    queues = Queues({"notify-dlq": [json.dumps({"DDBStreamBatchInfo": place})]})
    queues.records = [{"dynamodb": {"SequenceNumber": str(n)}} for n in range(1, seen + 1)]
    assert redrive_queue("Notify", OUTPUTS, queues, dry_run=False) == {"sent": 0, "kept": 1}
    assert len(queues.bodies["notify-dlq"]) == 1


def test_a_queue_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(CannotRedrive, match="there are: Archive, Match, Notify"):
        redrive_queue("Nothing", OUTPUTS, Queues({}), dry_run=False)
