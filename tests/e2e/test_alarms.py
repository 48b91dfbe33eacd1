"""Each alarm on the deployed stack: fed or set, it tells the topic; what rooms log is metrics."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from tests.e2e.client import ApiProject
from tests.logged_world import data_of

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


class Inbox:
    """A queue that is subscribed to the alarms' topic."""

    def __init__(self, clients: Callable[[str], Any], topic: str) -> None:
        self._sqs = clients("sqs")
        self.url = self._sqs.create_queue(QueueName="alarms-told")["QueueUrl"]
        wanted = ["QueueArn"]
        told = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=wanted)
        clients("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=told["Attributes"]["QueueArn"]
        )
        self.seen: dict[tuple[str, str], dict[str, Any]] = {}

    def told(self, name: str, state: str, *, seconds: float = 10) -> dict[str, Any]:
        """The message about an alarm; fails when it does not come in time."""
        deadline = time.monotonic() + seconds
        while (name, state) not in self.seen:
            assert time.monotonic() < deadline, (name, state, sorted(self.seen))
            answer = self._sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1
            )
            for message in answer.get("Messages", []):
                body = json.loads(json.loads(message["Body"])["Message"])
                self.seen[body["AlarmName"], body["NewStateValue"]] = body
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return self.seen[name, state]


@pytest.fixture(scope="module")
def inbox(stack: dict[str, Any]) -> Inbox:
    def clients(service: str) -> Any:
        return boto3.client(service, **stack["aws"])  # type: ignore[call-overload] # any service

    return Inbox(clients, stack["outputs"]["AlarmTopicArn"])


def _alarms(clients: Callable[[str], Any]) -> list[dict[str, Any]]:
    pages = clients("cloudwatch").get_paginator("describe_alarms").paginate()
    return [alarm for page in pages for alarm in page["MetricAlarms"]]


def test_each_alarm_tells_the_topic(inbox: Inbox, stack_clients: Callable[[str], Any]) -> None:
    """One metric: fed. Metric math, which the emulator does not reckon: its state is set."""
    cloudwatch, alarms = stack_clients("cloudwatch"), _alarms(stack_clients)
    assert len(alarms) >= 25
    fed = 0
    for alarm in alarms:
        name = alarm["AlarmName"]
        below = alarm["ComparisonOperator"] == "LessThanThreshold"
        if alarm["Namespace"] == "metric math" or below:
            cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
        else:
            fed += 1
            cloudwatch.put_metric_data(
                Namespace=alarm["Namespace"],
                MetricData=[
                    {
                        "MetricName": alarm["MetricName"],
                        "Dimensions": alarm["Dimensions"],
                        "Value": alarm["Threshold"] * 1_000,
                    }
                ],
            )
        message = inbox.told(name, "ALARM")
        assert "docs/runbook.md#" in message["AlarmDescription"]
    assert fed >= 15


def test_an_alarm_that_is_over_tells_so_too(
    inbox: Inbox, stack_clients: Callable[[str], Any]
) -> None:
    name = next(
        a["AlarmName"] for a in _alarms(stack_clients) if "SweepNotRunning" in a["AlarmName"]
    )
    cloudwatch = stack_clients("cloudwatch")
    for state in ("ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")
    assert inbox.told(name, "OK")["OldStateValue"] == "ALARM"


def test_the_deployed_rooms_log_their_metrics(
    project: ApiProject, stack: dict[str, Any], stack_clients: Callable[[str], Any]
) -> None:
    project.subscription(project.endpoint("/alarms"))
    event = project.event("order.created", {"secret": "s3cr3t"})
    assert project.outcome(event)["status"] == "succeeded"
    written: dict[str, set[str]] = {}
    deadline = time.monotonic() + 20
    while {"match", "deliver"} - set(written):
        assert time.monotonic() < deadline, written
        for room in ("match", "deliver"):
            for line in _lines(stack, stack_clients, room, event.removeprefix("evt_")):
                assert "s3cr3t" not in json.dumps(line)
                written.setdefault(room, set()).update(datum.name for datum in data_of(line))
        time.sleep(0.5)
    assert "Accepted" in written["match"]
    assert {"Attempts", "Delivered", "TimeToTerminal"} <= written["deliver"]


def _lines(
    stack: dict[str, Any], clients: Callable[[str], Any], room: str, wanted: str
) -> list[dict[str, Any]]:
    function = stack["outputs"][f"{room.title()}Function"]
    configured = clients("lambda").get_function_configuration(FunctionName=function)
    group = configured["LoggingConfig"]["LogGroup"]
    found = clients("logs").filter_log_events(logGroupName=group, filterPattern=f'"{wanted}"')
    return [json.loads(e["message"]) for e in found["events"] if e["message"].startswith("{")]
