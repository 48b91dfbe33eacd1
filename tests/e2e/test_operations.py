"""Bulk operations on the deployed stack."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.e2e.client import ApiProject
from tools.receiver import Step

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


def start(project: ApiProject, body: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    headers = {} if key is None else {"idempotency-key": key}
    answer = project.call("POST", "/v1/operations", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def finished(project: ApiProject, operation: str, *, seconds: float = 120) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        shown = project.call("GET", f"/v1/operations/{operation}").json()
        if shown["state"] in {"completed", "failed"}:
            return dict(shown)
        assert time.monotonic() < deadline, shown
        time.sleep(0.2)


def failing(project: ApiProject, path: str, count: int) -> tuple[dict[str, Any], list[str]]:
    """An endpoint that answered 500 to so many events, and answers 200 from now on."""
    endpoint = project.endpoint(path, Step(status=500), retry_schedule=[])
    word = path.strip("/").replace("/", ".")
    project.subscription(endpoint, event_types=[word])
    events = [project.event(word, {"n": n}) for n in range(count)]
    for event in events:
        assert project.outcome(event, seconds=90)["status"] == "failed"
    project.receiver.behave(path, Step(status=200))
    return endpoint, events


def succeeded(project: ApiProject, event: str) -> dict[str, Any]:
    """The trace once it says so: an operation is done when each attempt is asked for."""
    return project.until(event, lambda trace: trace["status"] == "succeeded", seconds=90)


def test_fc_49_bulk_retry_means_all_of_them_and_only_them(project: ApiProject) -> None:
    wanted, events = failing(project, "/fc49/e", 30)
    failing(project, "/fc49/f", 5)
    body = {
        "action": "retry",
        "filter": {"status": "failed", "endpoint_id": wanted["id"], "since": "-1h"},
    }
    first = start(project, body, "fc49")
    assert start(project, body, "fc49")["id"] == first["id"]
    final = finished(project, first["id"])
    counts = {"total": 30, "done": 30, "succeeded": 30, "skipped": 0, "failed": 0}
    assert final["counts"] == counts | {"total_final": True}
    assert start(project, body, "fc49")["id"] == first["id"]
    for event in events:
        attempts = succeeded(project, event)["deliveries"][0]["attempts"]
        assert [one["trigger"] for one in attempts] == ["automatic", "manual"]
        assert attempts[1]["requested_by"] == final["requested_by"]
        assert attempts[1]["operation_id"] == first["id"]
    assert len(project.receiver.requests("/fc49/e")) == 60
    assert len(project.receiver.requests("/fc49/f")) == 5


def test_fc_43_enabled_again_what_was_cancelled_is_retried(project: ApiProject) -> None:
    endpoint = project.endpoint("/fc43b", Step(status=500), retry_schedule=[2])
    project.subscription(endpoint)
    events = [project.event("order.created", n) for n in range(5)]
    for event in events:
        project.until(
            event, lambda t: t["deliveries"] and t["deliveries"][0]["attempts"], seconds=90
        )
    path = f"/v1/endpoints/{endpoint['id']}"
    assert project.call("POST", f"{path}/disable").status_code == 200
    for event in events:
        assert project.outcome(event, seconds=90)["deliveries"][0]["status"] == "cancelled"
    project.receiver.behave("/fc43b", Step(status=200))
    assert project.call("POST", f"{path}/enable").status_code == 200
    seen = len(project.receiver.requests("/fc43b"))
    filters = {"status": "cancelled", "endpoint_id": endpoint["id"]}
    operation = start(project, {"action": "retry", "filter": filters})
    cancelled = finished(project, operation["id"])["counts"]["succeeded"]
    assert cancelled == len(events)
    for event in events:
        trace = succeeded(project, event)
        last = trace["deliveries"][0]["attempts"][-1]
        assert (last["trigger"], last["requested_by"]) == ("manual", operation["requested_by"])
    assert len(project.receiver.requests("/fc43b")) == seen + len(events)


def test_what_a_wider_filter_gains_is_brought_to_its_endpoint(project: ApiProject) -> None:
    endpoint = project.endpoint("/wider")
    subscription = project.subscription(endpoint, filter={"data.total": {"$lt": 2}})
    events = [project.event("order.created", {"total": total}) for total in range(5)]
    for event in events:
        project.outcome(event, seconds=90)
    wider = {"data.total": {"$lt": 4}}
    tried = project.call(
        "POST",
        "/v1/subscriptions/test",
        json={"filter": wider, "since": "-1h", "against": subscription["id"]},
    )
    assert tried.status_code == 202, tried.text
    test = finished(project, tried.json()["id"])
    assert test["test"] == {"considered": 5, "matched": 4, "gained": 2, "lost": 0}
    assert test["examples"] == {"gained": events[2:4]}
    path = f"/v1/subscriptions/{subscription['id']}"
    assert project.call("PATCH", path, json={"filter": wider}).status_code == 200
    for expected in ({"succeeded": 2, "skipped": 0}, {"succeeded": 0, "skipped": 2}):
        operation = start(project, {"action": "replay", "from_operation": test["id"]})
        counts = finished(project, operation["id"])["counts"]
        assert {name: counts[name] for name in expected} == expected
    for event in events[:4]:
        assert succeeded(project, event)["deliveries_total"] == 1
    assert len(project.receiver.requests("/wider")) == 4


def test_the_end_of_an_operation_is_told_to_the_project(project: ApiProject) -> None:
    told = project.endpoint("/told/operations")
    choice = {"kinds": ["operation.completed"], "endpoint_ids": [told["id"]]}
    patch = {"notifications": choice}
    assert project.call("PATCH", f"/v1/projects/{project.id}", json=patch).status_code == 200
    discarded = project.event("nobody.wants", {})
    assert project.outcome(discarded, seconds=90)["status"] == "discarded"
    project.subscription(project.endpoint("/wanted"))
    operation = start(project, {"action": "rematch", "filter": {"since": "-1h"}})
    assert finished(project, operation["id"])["counts"]["succeeded"] == 1
    assert succeeded(project, discarded)["deliveries"][0]["operation_id"] == operation["id"]
    (request,) = project.receiver.wait_for(1, "/told/operations", timeout=60)
    data = json.loads(request.body)["data"]
    assert (data["operation_id"], data["status"]) == (operation["id"], "completed")
    assert (data["kind"], data["total"], data["succeeded"]) == ("operation.completed", 1, 1)
