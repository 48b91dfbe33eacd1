"""Faults on the deployed stack: a killed worker, lost and doubled messages."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from hooktrace.domain.ids import ProjectId, parse_event_id
from hooktrace.domain.messages import DeliverTaskV1, encode
from tests.e2e.client import ApiProject
from tests.e2e.lost import event_without_message
from tools.receiver import Step

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

DIES_ONCE = """
import os
from functions.deliver import handler, wiring

FLAG = "{flag}"


class Dies:
    def __init__(self, sender):
        self.sender = sender

    def send(self, request):
        result = self.sender.send(request)
        if request.url.endswith("{path}") and not os.path.exists(FLAG):
            open(FLAG, "w").close()
            os._exit(1)
        return result


def handle(event, context):
    use_case = wiring.deliver_attempts()
    if not isinstance(use_case._sender, Dies):
        use_case._sender = Dies(use_case._sender)
    return handler.handle(event, context)
"""


@dataclass
class Room:
    """The deliver function of the stack, whose code can be exchanged for a while."""

    client: Any
    name: str

    def code(self) -> bytes:
        import urllib.request

        location = self.client.get_function(FunctionName=self.name)["Code"]["Location"]
        with urllib.request.urlopen(location) as answer:
            return bytes(answer.read())

    def put(self, code: bytes, handler: str) -> None:
        self.client.update_function_code(FunctionName=self.name, ZipFile=code)
        self.client.update_function_configuration(FunctionName=self.name, Handler=handler)


@pytest.fixture
def deliver_room(stack_clients: Callable[[str], Any], stack: dict[str, Any]) -> Iterator[Room]:
    room = Room(stack_clients("lambda"), stack["outputs"]["DeliverFunction"])
    before = room.code()
    yield room
    room.put(before, "functions.deliver.handler.handle")


def test_fc_40_a_worker_killed_between_claim_and_result(
    project: ApiProject, deliver_room: Room, tmp_path: Any
) -> None:
    code = io.BytesIO(deliver_room.code())
    with zipfile.ZipFile(code, "a") as bundle:
        module = DIES_ONCE.format(flag=tmp_path / "died", path="/fc40")
        bundle.writestr("dies_once.py", module)
    deliver_room.put(code.getvalue(), "dies_once.handle")
    project.subscription(project.endpoint("/fc40", timeout_seconds=2))
    identifier = project.event("order.created", {"n": 1})
    trace = project.outcome(identifier, seconds=150)
    assert trace["status"] == "succeeded"
    lost, good = trace["deliveries"][0]["attempts"]
    assert (lost["number"], lost["outcome"]) == (1, "worker_lost")
    assert lost["started_at"] < lost["lease_until"]
    assert (good["number"], good["outcome"]) == (2, "success")
    requests = project.receiver.requests("/fc40")
    assert [r.header("webhook-id") for r in requests] == [identifier, identifier]


def test_fc_39_the_same_message_ten_times(
    project: ApiProject, stack: dict[str, Any], stack_clients: Callable[[str], Any]
) -> None:
    endpoint = project.endpoint("/fc39", Step(status=200, delay=3.0))
    subscription = project.subscription(endpoint)
    identifier = parse_event_id(project.event("order.created", {}))
    assert identifier is not None
    project.until(identifier, lambda t: t["deliveries"] and t["deliveries"][0]["attempts"])
    task = DeliverTaskV1(
        project_id=ProjectId(project.id),
        event_id=identifier,
        endpoint_id=endpoint["id"],
        replay=0,
        matched_by=(subscription["id"],),
        type="order.created",
        attempt=1,
        packed=None,
    )
    sqs, url = stack_clients("sqs"), stack["outputs"]["DeliverQueueUrl"]
    for _ in range(10):
        sqs.send_message(QueueUrl=url, MessageBody=encode(task))
    assert project.outcome(identifier)["status"] == "succeeded"
    for _ in range(10):
        sqs.send_message(QueueUrl=url, MessageBody=encode(task))
    time.sleep(3)
    trace = project.trace(identifier)
    assert [a["number"] for a in trace["deliveries"][0]["attempts"]] == [1]
    assert len(project.receiver.requests("/fc39")) == 1


def test_fc_42_three_matchers_one_event(
    project: ApiProject, stack: dict[str, Any], stack_clients: Callable[[str], Any]
) -> None:
    endpoints = [project.endpoint(f"/fc42/{n}") for n in range(25)]
    for endpoint in endpoints:
        for _ in range(2):
            project.subscription(endpoint)
    identifier = project.event("order.created", {})
    body = json.dumps(
        {
            "kind": "match.v1",
            "project": project.id,
            "event": identifier,
            "type": "order.created",
            "size": 2,
        }
    )
    for _ in range(3):
        stack_clients("sqs").send_message(
            QueueUrl=stack["outputs"]["MatchQueueUrl"], MessageBody=body
        )
    trace = project.outcome(identifier, seconds=60)
    assert trace["status"] == "succeeded"
    assert trace["match"]["matched"] == 50
    assert len(trace["deliveries"]) == 25
    seen = [len(project.receiver.requests(f"/fc42/{n}")) for n in range(25)]
    assert seen == [1] * 25


def test_fc_03_what_was_lost_is_found_by_the_sweep(
    project: ApiProject, stack: dict[str, Any], stack_clients: Callable[[str], Any]
) -> None:
    """The record is written as ingest would; its message is never sent."""
    project.subscription(project.endpoint("/fc03"))
    identifier = event_without_message(project, stack_clients, stack["outputs"], "order.created")
    assert project.trace(identifier)["status"] == "accepted"
    sweep = stack["outputs"]["SweepFunction"]
    deadline = time.monotonic() + 90
    while project.trace(identifier)["status"] == "accepted":
        assert time.monotonic() < deadline
        stack_clients("lambda").invoke(FunctionName=sweep)  # the schedule would, each minute
        time.sleep(2)
    assert project.outcome(identifier)["status"] == "succeeded"
    assert len(project.receiver.requests("/fc03")) == 1
