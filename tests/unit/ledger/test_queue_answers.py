"""What the SQS queue makes of refused entries and of calls that are not answered."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from hooktrace.adapters.sqs import BATCH_ENTRIES, TRIES, SqsQueue
from hooktrace.domain.errors import Unavailable, Unsent
from hooktrace.domain.events import Payload
from hooktrace.domain.messages import OperateTaskV1
from hooktrace.domain.new_event import NewEvent
from hooktrace.usecases.ingest_events import Accepted
from tests.world import World


class ScriptedClient:
    """Refuses these messages always, and these calls (counted from 1), or hangs at them."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.broken_calls: set[int] = set()
        self.hanging_calls: set[int] = set()
        self.calls = 0
        self.sent: list[str] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto's
        assert QueueUrl == "url"
        self.calls += 1
        if self.calls in self.hanging_calls:
            raise ReadTimeoutError(endpoint_url="url")
        if self.calls in self.broken_calls:
            raise ClientError({"Error": {"Code": "RequestThrottled"}}, "SendMessageBatch")
        bad = [e for e in Entries if any(f'"{mark}"' in e["MessageBody"] for mark in self.refused)]
        self.sent += [e["MessageBody"] for e in Entries if e not in bad]
        return {"Failed": [{"Id": e["Id"]} for e in bad]}


def task(number: int) -> Any:
    return OperateTaskV1(project_id="prj_x", operation_id=f"op_{number}", step=1)  # type: ignore[arg-type] # any text is an id


@pytest.fixture
def client() -> ScriptedClient:
    return ScriptedClient()


@pytest.fixture
def queue(client: ScriptedClient) -> SqsQueue:
    made: Any = client
    return SqsQueue(made, "url")


def test_all_are_sent_in_batches(queue: SqsQueue, client: ScriptedClient) -> None:
    queue.send([(task(n), 0) for n in range(25)])
    assert (client.calls, len(client.sent)) == (3, 25)


def test_what_is_refused_to_the_end_is_named_and_the_rest_is_sent(
    queue: SqsQueue, client: ScriptedClient
) -> None:
    client.refused = {"op_3", "op_17"}
    with pytest.raises(Unsent) as unsent:
        queue.send([(task(n), 0) for n in range(25)])
    assert unsent.value.positions == {3, 17}
    assert client.calls == 3 + (TRIES - 1)
    assert len(client.sent) == 23


def test_a_call_that_is_refused_is_made_again(queue: SqsQueue, client: ScriptedClient) -> None:
    client.broken_calls = {2}
    queue.send([(task(n), 0) for n in range(25)])
    assert (client.calls, len(client.sent)) == (4, 25)


def test_a_queue_that_hangs_is_asked_no_further(queue: SqsQueue, client: ScriptedClient) -> None:
    client.hanging_calls = {2}
    with pytest.raises(Unsent) as unsent:
        queue.send([(task(n), 0) for n in range(25)])
    assert unsent.value.positions == set(range(BATCH_ENTRIES, 25))
    assert (client.calls, len(client.sent)) == (2, 10)


def test_a_call_that_is_refused_to_the_end_keeps_no_other_from_being_sent(
    queue: SqsQueue, client: ScriptedClient
) -> None:
    client.broken_calls = {2, 4, 5}
    with pytest.raises(Unsent) as unsent:
        queue.send([(task(n), 0) for n in range(25)])
    assert unsent.value.positions == set(range(BATCH_ENTRIES, 2 * BATCH_ENTRIES))
    assert len(client.sent) == 15


def test_fc_03a_of_a_batch_whose_messages_are_sent_in_part_only_the_others_are_refused(
    queue: SqsQueue, client: ScriptedClient
) -> None:
    world = World()
    world.match_queue = queue  # type: ignore[assignment] # the real one, on a scripted client
    client.broken_calls = {2, 4, 5}
    news = [NewEvent("order.created", Payload(b"%d" % n)) for n in range(25)]
    answers = world.ingester().run(news, world.project)
    kinds = [type(one) for one in answers]
    assert kinds == [Accepted] * 10 + [Unsent] * 10 + [Accepted] * 5
    client.hanging_calls = {client.calls + 1}
    with pytest.raises(Unavailable):
        world.ingester().run(news[:1], world.project)
