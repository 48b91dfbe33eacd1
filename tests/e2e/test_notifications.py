"""Each kind of notification on the deployed stack: on the bus, and at an operational webhook."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.e2e.client import ApiProject
from tools.receiver import Step

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

KINDS = [
    "event.discarded",
    "event.partial",
    "event.failed",
    "event.succeeded",
    "delivery.failed",
    "delivery.recovered",
    "delivery.succeeded",
]
WORD = "not-to-be-told"


def listen(stack: dict[str, Any], clients: Callable[[str], Any], project: ApiProject) -> Any:
    """A queue that a rule fills with the project's notifications; reads what is in it."""
    events, sqs, bus = clients("events"), clients("sqs"), stack["outputs"]["BusName"]
    name = f"told-{project.id[-12:]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    pattern = json.dumps({"source": ["hooktrace"], "detail": {"project_id": [project.id]}})
    events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)
    target = {"Id": "q", "Arn": attributes["Attributes"]["QueueArn"]}
    events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
    seen: list[dict[str, Any]] = []

    def read(count: int, seconds: float = 25) -> list[dict[str, Any]]:
        deadline = time.monotonic() + seconds
        while len(seen) < count and time.monotonic() < deadline:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                assert WORD not in message["Body"]
                seen.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return seen

    return read


def test_each_kind_arrives_on_the_bus_and_at_the_webhook(
    project: ApiProject, stack: dict[str, Any], stack_clients: Callable[[str], Any]
) -> None:
    read = listen(stack, stack_clients, project)
    ops = project.endpoint("/told/ops")
    choice = {"notifications": {"kinds": KINDS, "endpoint_ids": [ops["id"]]}}
    assert project.call("PATCH", f"/v1/projects/{project.id}", json=choice).status_code == 200
    good = project.endpoint("/told/good")
    bad = project.endpoint("/told/bad", Step(status=500), retry_schedule=[])
    shaky = project.endpoint("/told/shaky", Step(status=500), Step(status=200), retry_schedule=[1])
    project.subscription(good, event_types=["told.good", "told.both"])
    project.subscription(bad, event_types=["told.bad", "told.both"])
    project.subscription(shaky, event_types=["told.shaky"])
    everything = project.endpoint("/told/everything")
    project.subscription(everything, event_types=["hooktrace.**"])
    names = ("good", "bad", "both", "shaky", "nobody")
    sent = {name: project.event(f"told.{name}", {"word": WORD}) for name in names}
    for identifier in sent.values():
        project.outcome(identifier)
    expected = {
        "good": ["delivery.succeeded", "event.succeeded"],
        "bad": ["delivery.failed", "event.failed"],
        "both": ["delivery.failed", "delivery.succeeded", "event.partial"],
        "shaky": ["delivery.recovered", "event.succeeded"],
        "nobody": ["event.discarded"],
    }
    count = sum(map(len, expected.values()))

    on_bus = [one["detail"] for one in read(count)]
    requests = project.receiver.wait_for(count, "/told/ops", timeout=25)
    time.sleep(2)  # for what should not come
    requests = project.receiver.requests("/told/ops")
    secret = Webhook(ops["secret"])
    verified = [secret.verify(r.body, dict(r.headers)) for r in requests]
    at_webhook = [one["data"] for one in verified]
    assert all(WORD.encode() not in request.body for request in requests)
    assert len({request.header("webhook-id") for request in requests}) == count
    for told in (on_bus, at_webhook):
        assert len({one["id"] for one in told}) == len(told) == count
        for name, kinds in expected.items():
            mine = [one["kind"] for one in told if one["event_id"] == sent[name]]
            assert sorted(mine) == kinds, name
    for name, kinds in expected.items():
        mine = [one["kind"] for one in on_bus if one["event_id"] == sent[name]]
        assert mine[-1] == kinds[-1], "the event's end follows its deliveries'"
    assert [one["id"] for one in on_bus if one["kind"] == "delivery.failed"]
    assert project.receiver.requests("/told/everything") == []

    first = requests[0].header("webhook-id")
    assert first is not None
    trace = project.outcome(first)
    assert trace["type"].startswith("hooktrace.")
    assert (trace["status"], trace["traceparent"]) == ("succeeded", None)
    assert [d["endpoint_id"] for d in trace["deliveries"]] == [ops["id"]]
    listed = project.call("GET", "/v1/events?type=hooktrace.event.partial").json()["items"]
    assert len(listed) == 1
    refused = project.post({"type": "hooktrace.event.failed", "data": {}})
    assert (refused.status_code, refused.json()["code"]) == (400, "reserved_event_type")


def test_fc_62_a_failing_webhook_causes_no_other(
    project: ApiProject, stack: dict[str, Any], stack_clients: Callable[[str], Any]
) -> None:
    read = listen(stack, stack_clients, project)
    ops = project.endpoint("/loop/ops", Step(status=500), retry_schedule=[1, 1])
    choice = {"notifications": {"kinds": ["delivery.failed"], "endpoint_ids": [ops["id"]]}}
    assert project.call("PATCH", f"/v1/projects/{project.id}", json=choice).status_code == 200
    project.subscription(project.endpoint("/loop/bad", Step(status=500), retry_schedule=[]))
    assert project.outcome(project.event("order.created", {}))["status"] == "failed"
    assert len(project.receiver.wait_for(3, "/loop/ops", timeout=25)) == 3
    (told,) = project.call("GET", "/v1/events?type=hooktrace.delivery.failed").json()["items"]
    assert project.outcome(told["id"])["status"] == "failed"
    time.sleep(3)  # for what should not come
    assert len(project.receiver.requests("/loop/ops")) == 3
    assert [one["detail-type"] for one in read(2, seconds=3)] == ["delivery.failed"]
    listed = project.call("GET", "/v1/events").json()["items"]
    assert sorted(one["type"] for one in listed) == ["hooktrace.delivery.failed", "order.created"]


DAY_MS = 86_400_000


def age_health(table: str, dynamodb: Any, project: str, endpoint: str, **days: float) -> None:
    """Puts times of an endpoint's health so many days back; waits until it has any."""
    key = {"PK": {"S": f"{project}#{endpoint}"}, "SK": {"S": f"H#{endpoint[-26:]}"}}
    deadline = time.monotonic() + 20
    while "Item" not in dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    now_ms = time.time_ns() // 1_000_000
    dynamodb.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in days),
        ExpressionAttributeValues={
            f":{name}": {"N": str(round(now_ms - back * DAY_MS))} for name, back in days.items()
        },
    )


def test_what_becomes_of_endpoints_and_operations_is_told_too(
    project: ApiProject, stack: dict[str, Any], stack_clients: Callable[[str], Any]
) -> None:
    read = listen(stack, stack_clients, project)
    kinds = ["endpoint.warned", "endpoint.disabled", "endpoint.recovered"]
    kinds += ["event.rejected", "operation.completed"]
    ops = project.endpoint("/life/ops")
    choice = {"notifications": {"kinds": kinds, "endpoint_ids": [ops["id"]]}}
    assert project.call("PATCH", f"/v1/projects/{project.id}", json=choice).status_code == 200
    bad = project.endpoint("/life/bad", Step(status=500), retry_schedule=[])
    project.subscription(bad, event_types=["life.*"])
    table, dynamodb = stack["outputs"]["LedgerTable"], stack_clients("dynamodb")

    def fails() -> None:
        assert project.outcome(project.event("life.a", {}))["status"] == "failed"

    fails()
    age_health(table, dynamodb, project.id, bad["id"], fs=4.1)
    fails()
    warned = read(1)
    age_health(table, dynamodb, project.id, bad["id"], fs=5.1, wm=1.1)
    fails()
    disabled = read(2)
    shown = project.call("GET", f"/v1/endpoints/{bad['id']}").json()
    assert (shown["state"], shown["disabled_reason"]) == ("disabled", "failing")
    project.receiver.behave("/life/bad", Step(status=200))
    assert project.call("POST", f"/v1/endpoints/{bad['id']}/enable").status_code == 200
    assert project.outcome(project.event("life.a", {}))["status"] == "succeeded"
    recovered = read(3)
    refused = project.call("POST", "/v1/events?unmatched=reject", json={"type": "x", "data": {}})
    assert refused.status_code == 422
    body = {"action": "retry", "filter": {"status": "failed", "endpoint_id": bad["id"]}}
    assert project.call("POST", "/v1/operations", json=body).status_code == 202
    told = read(5)

    assert len(warned) <= len(disabled) <= len(recovered) <= len(told)
    on_bus = [one["detail"] for one in told]
    assert [one["kind"] for one in on_bus[:3]] == kinds[:3]
    assert sorted(one["kind"] for one in on_bus[3:]) == sorted(kinds[3:])
    requests = project.receiver.wait_for(5, "/life/ops", timeout=25)
    secret = Webhook(ops["secret"])
    at_webhook = [secret.verify(r.body, dict(r.headers))["data"] for r in requests]
    assert sorted(one["id"] for one in at_webhook) == sorted(one["id"] for one in on_bus)
