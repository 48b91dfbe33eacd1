"""`operation.completed`: told when an operation is over, once, and not on its way."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from hooktrace.adapters.records import operation_changes, status_changes
from hooktrace.domain.notifications import Notification, operation_notification
from tests.unit.operations.test_routes import Caller


@pytest.fixture
def caller() -> Caller:
    return Caller()


def as_handed_over(record: dict[str, Any]) -> Any:
    """The record as Lambda has it: JSON, in which bytes are base64 text."""
    text = json.dumps(record, default=lambda value: base64.b64encode(value).decode())
    return json.loads(text)


def told(records: list[dict[str, Any]]) -> list[Notification]:
    changes = operation_changes({"Records": [as_handed_over(record) for record in records]})
    found = (operation_notification(before, after) for before, after in changes)
    return [one for one in found if one is not None]


def collect(caller: Caller, seconds: int) -> list[dict[str, Any]]:
    """Lets time pass; answers with all that the stream carried of operations."""
    seen: list[dict[str, Any]] = []
    for _ in range(seconds):
        caller.world.clock.advance(1)
        for queue, work in (
            (caller.world.operate_queue, caller.world.operate_once),
            (caller.world.deliver_queue, caller.world.deliver_once),
        ):
            now_ms = caller.world.clock.now_ms()
            while any(message.visible_ms <= now_ms for message in queue.messages):
                work()
        keys = [
            (record, record["dynamodb"]["Keys"]["SK"]["S"]) for record in caller.world.table.stream
        ]
        seen += [record for record, key in keys if key.startswith("O#")]
        caller.world.table.stream.clear()
    return seen


def test_an_operation_is_told_once_when_it_is_over(caller: Caller) -> None:
    caller.failing(120)
    caller.world.table.stream.clear()
    operation = caller.start({"action": "retry", "filter": {}}).json["id"]
    records = collect(caller, 10)
    assert len(records) > 3
    (one,) = told(records)
    assert (one.kind, one.about) == ("operation.completed", operation)
    assert one.detail["status"] == "completed"
    assert (one.detail["total"], one.detail["succeeded"]) == (120, 120)
    assert told(records)[0].id == one.id
    assert status_changes({"Records": records}) == []


def test_a_cancelled_one_is_told_when_it_is_completed_after_all(caller: Caller) -> None:
    caller.failing(2)
    caller.world.table.stream.clear()
    path = f"/v1/operations/{caller.start({'action': 'retry', 'filter': {}}).json['id']}"
    assert caller.call("POST", f"{path}/cancel").status == 200
    assert told(collect(caller, 3)) == []
    assert caller.call("POST", f"{path}/resume").status == 200
    (one,) = told(collect(caller, 5))
    assert one.detail["status"] == "completed"


def test_a_test_tells_what_it_found(caller: Caller) -> None:
    for kind in ("a.b", "a.c", "d"):
        caller.made("/v1/events", {"type": kind, "data": {}})
    caller.world.run()
    caller.world.table.stream.clear()
    body = {"event_types": ["a.*"], "since": "-1h"}
    assert caller.call("POST", "/v1/subscriptions/test", body).status == 202
    (one,) = told(collect(caller, 10))
    found = {name: one.detail[name] for name in ("considered", "matched", "gained", "lost")}
    assert found == {"considered": 3, "matched": 2, "gained": 2, "lost": 0}
    retried = caller.start({"action": "retry", "filter": {}})
    assert retried.status == 202
    (other,) = told(collect(caller, 10))
    assert "gained" not in other.detail
