"""Statistics and expunging on the deployed stack: through the stream, the queues and S3."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.client import ApiProject
from tools.receiver import Step

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


def counted(project: ApiProject, query: str = "") -> dict[str, dict[str, int]]:
    """What the last hour's window counts, without zeros."""
    answer = project.call("GET", f"/v1/stats{query}")
    assert answer.status_code == 200, answer.text
    window = answer.json()["windows"][0]
    kinds = ("events_entered", "deliveries_entered", "attempts_ended")
    return {
        kind: {name: count for name, count in (window[kind] or {}).items() if count}
        for kind in kinds
    }


def test_statistics_follow_the_stream(project: ApiProject) -> None:
    good = project.endpoint("/h/good")
    flaky = project.endpoint("/h/flaky", Step(status=500), Step(status=200), retry_schedule=[1])
    project.subscription(good, event_types=["a.*"])
    project.subscription(flaky, event_types=["b.*"])
    events = [project.event(kind, {}) for kind in ("a.one", "a.two", "b.one", "nobody")]
    for event in events:
        project.outcome(event)
    wanted = {
        "events_entered": {"accepted": 4, "succeeded": 3, "discarded": 1},
        "deliveries_entered": {"succeeded": 3, "retrying": 1},
        "attempts_ended": {"success": 3, "http_error": 1},
    }
    deadline = time.monotonic() + 15
    while (seen := counted(project)) != wanted:
        assert time.monotonic() < deadline, seen
        time.sleep(0.2)
    of_flaky = counted(project, f"?endpoint_id={flaky['id']}")
    assert of_flaky["attempts_ended"] == {"success": 1, "http_error": 1}
    assert of_flaky["events_entered"] == {}


@pytest.mark.parametrize("size", [10, 5_000, 310_000])
def test_expunged_data_is_gone_and_the_trace_is_not(
    project: ApiProject, stack: dict[str, Any], stack_clients: Callable[[str], Any], size: int
) -> None:
    secret = secrets.token_hex(size)
    project.subscription(project.endpoint("/h/first"), event_types=["h.*"])
    slow = project.endpoint("/h/slow", Step(status=503), retry_schedule=[600])
    project.subscription(slow, event_types=["h.*"])
    event = project.event("h.one", {"secret": secret})
    project.until(
        event, lambda t: {d["status"] for d in t["deliveries"]} == {"succeeded", "retrying"}
    )
    assert secret in project.call("GET", f"/v1/events/{event}").text

    path = f"/v1/events/{event}/data"
    first, again = project.call("DELETE", path), project.call("DELETE", path)
    assert first.status_code == 200, first.text
    assert first.json() == again.json()
    trace = project.outcome(event)
    assert trace["data"] is None
    assert trace["data_expunged_at"] == first.json()["data_expunged_at"]
    assert trace["status"] == "partial"
    by_status = {d["status"]: d for d in trace["deliveries"]}
    assert by_status["cancelled"]["reason"] == "data_expunged"
    for call in (
        f"/v1/events/{event}/replay",
        f"/v1/deliveries/{by_status['succeeded']['id']}/retry",
    ):
        refused = project.call("POST", call)
        assert (refused.status_code, refused.json()["code"]) == (409, "data_expunged")

    found = stack_clients("dynamodb").scan(TableName=stack["outputs"]["LedgerTable"])["Items"]
    ours = [item for item in found if event[4:] in item["SK"]["S"]]
    assert {item["SK"]["S"][0] for item in ours} == {"E", "D"}
    name = f"bodies/{project.id}/{event}"
    objects = stack_clients("s3").list_objects_v2(
        Bucket=stack["outputs"]["BlobsBucket"], Prefix=name
    )
    assert objects["KeyCount"] == 0
