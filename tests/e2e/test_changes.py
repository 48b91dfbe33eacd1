"""Endpoints and subscriptions that change while events flow."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.e2e.client import ApiProject
from tools.receiver import Step

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


def test_fc_02_the_first_event_after_a_change_sees_it(project: ApiProject) -> None:
    endpoint = project.endpoint("/fc02")
    project.subscription(endpoint, event_types=["warm.up"])
    for number in range(20):
        project.event("warm.up", number)
    subscriptions, hits, misses = [], [], []
    for number in range(30):
        made = project.subscription(endpoint, event_types=[f"probe.{number}"])
        hits.append(project.event(f"probe.{number}", {}))
        subscriptions.append(made["id"])
    assert {project.outcome(hit)["status"] for hit in hits} == {"succeeded"}
    for number, identifier in enumerate(subscriptions):
        gone = project.call("DELETE", f"/v1/subscriptions/{identifier}")
        assert gone.status_code == 204
        misses.append(project.event(f"probe.{number}", {}))
    for miss in misses:
        trace = project.outcome(miss)
        assert trace["status"] == "discarded"
        assert trace["match"]["matched"] == 0
    seen = [r.header("webhook-id") for r in project.receiver.requests("/fc02")]
    assert len(seen) == len(set(seen)) == 50


def test_fc_15_after_a_rotation_both_secrets_sign(project: ApiProject) -> None:
    steps = (Step(status=500), Step(status=200))
    endpoint = project.endpoint("/fc15", *steps, retry_schedule=[3])
    project.subscription(endpoint)
    waiting = project.event("order.created", {"n": 1})
    project.until(
        waiting,
        lambda t: (
            t["status"] == "delivering"
            and t["deliveries"]
            and t["deliveries"][0]["status"] == "retrying"
        ),
    )
    rotated = project.call("POST", f"/v1/endpoints/{endpoint['id']}/rotate-secret")
    assert rotated.status_code == 200, rotated.text
    new = rotated.json()["secret"]
    assert new != endpoint["secret"]
    shown = project.call("GET", f"/v1/endpoints/{endpoint['id']}").text
    assert "whsec_" not in shown
    project.outcome(waiting)
    project.outcome(project.event("order.created", {"n": 2}))
    _, retried, fresh = project.receiver.requests("/fc15")
    for request in (retried, fresh):
        headers = {name.lower(): value for name, value in request.headers}
        assert len(headers["webhook-signature"].split(" ")) == 2
        for secret in (endpoint["secret"], new):
            Webhook(secret).verify(request.body.decode(), headers)


def test_fc_45_410_disables_the_endpoint(project: ApiProject) -> None:
    endpoint = project.endpoint("/fc45", Step(status=410))
    project.subscription(endpoint)
    trace = project.outcome(project.event("order.created", {}))
    assert trace["deliveries"][0]["reason"] == "permanent_status_410"
    now = project.call("GET", f"/v1/endpoints/{endpoint['id']}").json()
    assert (now["state"], now["disabled_reason"]) == ("disabled", "gone")
    later = project.outcome(project.event("order.created", {}))
    assert later["match"]["misses"]["endpoint_disabled"] == 1
    assert len(project.receiver.requests("/fc45")) == 1


def test_fc_46_a_retry_goes_where_the_endpoint_is_now(project: ApiProject) -> None:
    endpoint = project.endpoint("/fc46/old", Step(status=500), retry_schedule=[3])
    project.subscription(endpoint)
    identifier = project.event("order.created", {})
    project.until(identifier, lambda t: t["deliveries"] and t["deliveries"][0]["attempts"])
    tag = project.call("GET", f"/v1/endpoints/{endpoint['id']}").headers["etag"]
    moved = project.call(
        "PATCH",
        f"/v1/endpoints/{endpoint['id']}",
        json={"url": project.receiver.url + "/fc46/new"},
        headers={"if-match": tag},
    )
    assert moved.status_code == 200
    assert moved.headers["etag"] != tag
    old, new = project.outcome(identifier)["deliveries"][0]["attempts"]
    assert (old["url"][-4:], new["url"][-4:]) == ("/old", "/new")
    assert len(project.receiver.requests("/fc46/new")) == 1


def test_fc_43_disabling_cancels_what_waits_at_once(project: ApiProject) -> None:
    endpoint = project.endpoint("/fc43", Step(status=503), retry_schedule=[600])
    project.subscription(endpoint)
    waiting = [project.event("order.created", {"n": n}) for n in range(5)]
    for one in waiting:
        project.until(one, lambda t: t["deliveries"] and t["deliveries"][0]["status"] == "retrying")
    where = f"/v1/endpoints/{endpoint['id']}"
    failing = project.call("GET", where).json()["health"]
    assert (failing["state"], failing["last_failure"]["status"]) == ("failing", 503)
    assert project.call("POST", f"{where}/disable").status_code == 200
    for one in waiting:
        (delivery,) = project.trace(one)["deliveries"]
        assert (delivery["status"], delivery["reason"]) == ("cancelled", "endpoint_disabled")
        assert project.outcome(one)["status"] == "failed"
    assert project.call("GET", where).json()["health"]["state"] == "disabled"
    again = project.call("POST", f"{where}/enable").json()["retry_cancelled"]
    assert (again["action"], again["filter"]["endpoint_id"]) == ("retry", endpoint["id"])
    assert len(project.receiver.requests("/fc43")) == 5


def test_fc_44_deleted_with_a_request_in_flight(project: ApiProject) -> None:
    endpoint = project.endpoint("/fc44", Step(status=500, delay=2.0), retry_schedule=[1])
    other = project.endpoint("/fc44/other")
    for one in (endpoint, other):
        project.subscription(one)
    identifier = project.event("order.created", {})
    project.receiver.wait_for(1, "/fc44", timeout=20)
    assert project.call("DELETE", f"/v1/endpoints/{endpoint['id']}").status_code == 204
    assert project.call("GET", f"/v1/endpoints/{endpoint['id']}").status_code == 404
    deliveries = project.outcome(identifier)["deliveries"]
    held = next(d for d in deliveries if d["endpoint_id"] == endpoint["id"])
    assert (held["status"], held["reason"]) == ("cancelled", "endpoint_deleted")
    assert [a["status"] for a in held["attempts"]] == [500]
    assert next(d for d in deliveries if d is not held)["status"] == "succeeded"
    assert len(project.receiver.requests("/fc44")) == 1


def test_a_discarded_event_is_replayed_to_todays_subscription(project: ApiProject) -> None:
    identifier = project.event("order.created", {"n": 1})
    assert project.outcome(identifier)["status"] == "discarded"
    project.subscription(project.endpoint("/replayed"))
    answer = project.call("POST", f"/v1/events/{identifier}/replay")
    assert answer.status_code == 202, answer.text
    assert len(answer.json()["added"]) == 1
    trace = project.call("GET", f"/v1/events/{identifier}?wait=20").json()
    assert trace["status"] == "succeeded"
    assert len(project.receiver.requests("/replayed")) == 1


def test_what_needs_attention_is_told_on_the_bus(
    project: ApiProject, stack: dict[str, Any], stack_clients: Callable[[str], Any]
) -> None:
    events, sqs, bus = stack_clients("events"), stack_clients("sqs"), stack["outputs"]["BusName"]
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    pattern = json.dumps({"source": ["hooktrace"], "detail": {"project_id": [project.id]}})
    events.put_rule(Name="told", EventBusName=bus, EventPattern=pattern)
    events.put_targets(Rule="told", EventBusName=bus, Targets=[{"Id": "q", "Arn": arn}])
    endpoint = project.endpoint("/told", Step(status=500), retry_schedule=[])
    project.subscription(endpoint, event_types=["told.failed"])
    failed = project.event("told.failed", {"secret": "s3cr3t"})
    discarded = project.event("told.nobody", {})
    assert project.outcome(failed)["status"] == "failed"
    project.call("POST", f"/v1/endpoints/{endpoint['id']}/disable")
    project.call("POST", f"/v1/endpoints/{endpoint['id']}/enable")
    project.receiver.behave("/told", Step(status=200))
    project.outcome(project.event("told.failed", {}))
    seen: list[dict[str, Any]] = []
    deadline = time.monotonic() + 20
    while len(seen) < 5 and time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            assert "s3cr3t" not in message["Body"]
            seen.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    about = ("event_id", "endpoint_id")
    told = sorted(
        (one["detail-type"], next(one["detail"][name] for name in about if name in one["detail"]))
        for one in seen
    )
    assert told == [
        ("delivery.failed", failed),
        ("endpoint.disabled", endpoint["id"]),
        ("endpoint.recovered", endpoint["id"]),
        ("event.discarded", discarded),
        ("event.failed", failed),
    ]


def test_fc_58_of_twenty_updates_from_one_tag_one_is_made(
    project: ApiProject,
) -> None:
    path = f"/v1/endpoints/{project.endpoint('/fc58')['id']}"
    tag = project.call("GET", path).headers["etag"]

    def patch(number: int, value: str = tag) -> int:
        body = {"description": f"number {number}"}
        return project.call("PATCH", path, json=body, headers={"if-match": value}).status_code

    with ThreadPoolExecutor(8) as pool:  # each at once is an instance of manage on the emulator
        statuses = list(pool.map(patch, range(20)))
    assert sorted(statuses) == [200] + [412] * 19
    now = project.call("GET", path)
    assert now.json()["description"] == f"number {statuses.index(200)}"
    tag = now.headers["etag"]
    assert [patch(20, value) for value in (f"W/{tag}", "malformed", "*")] == [412, 400, 200]
    assert project.call("PATCH", path, json={"description": "without"}).status_code == 200
    tag = project.call("GET", path).headers["etag"]
    same = project.call("GET", path, headers={"if-none-match": tag})
    assert (same.status_code, same.content) == (304, b"")
