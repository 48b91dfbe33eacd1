"""A filter tried on what is stored, and what it gains sent to its endpoint, once."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.unit.operations.test_routes import Caller

TEST = "/v1/subscriptions/test"


@pytest.fixture
def caller() -> Caller:
    return Caller()


def subscribed(caller: Caller, **more: Any) -> tuple[str, str]:
    """An endpoint and its subscription."""
    endpoint = caller.made("/v1/endpoints", {"url": f"http://127.0.0.1:9999/{len(more)}"})["id"]
    made = caller.made("/v1/subscriptions", {"endpoint_id": endpoint} | more)
    return endpoint, made["id"]


def events(caller: Caller, totals: list[int], kind: str = "order.created") -> list[str]:
    made = []
    for total in totals:
        caller.world.clock.advance(0.001)
        made.append(caller.made("/v1/events", {"type": kind, "data": {"total": total}})["id"])
    caller.world.run()
    return made


def tried(caller: Caller, body: dict[str, Any]) -> Any:
    answer = caller.call("POST", TEST, body, scope="write")
    assert answer.status == 202, answer.text
    assert answer.json["action"] == "test"
    return caller.finished(answer.json["id"])


def found(caller: Caller, operation: Any, result: str) -> set[str]:
    path = f"{operation['links']['items']}?result={result}&limit=200"
    return {item["id"] for item in caller.call("GET", path).json["items"]}


def test_a_candidate_is_compared_with_the_subscription_as_it_is(caller: Caller) -> None:
    totals = list(range(250))
    stored = events(caller, totals)
    events(caller, [7, 8], kind="other.thing")
    _, subscription = subscribed(
        caller, event_types=["order.*"], filter={"data": {"total": {"$lt": 100}}}
    )
    candidate = {"event_types": ["order.*"], "filter": {"data": {"total": {"$gte": 50}}}}
    final = tried(caller, candidate | {"since": "-1h", "against": subscription})
    assert final["state"] == "completed"
    assert final["test"] == {"considered": 252, "matched": 200, "gained": 150, "lost": 50}
    assert found(caller, final, "gained") | found(caller, final, "lost") >= set(stored[100:105])
    assert found(caller, final, "lost") == set(stored[:50])
    assert final["examples"]["lost"] == stored[:10]
    assert len(final["examples"]["gained"]) == 10
    assert caller.world.sender.requests == []
    assert final["filter"] is None
    assert final["tried"] == candidate | {"subscription_id": None, "against": subscription}


def test_a_stored_subscription_is_tried_by_itself(caller: Caller) -> None:
    stored = events(caller, [1, 200])
    _, subscription = subscribed(caller, filter={"data.total": {"$gte": 100}})
    final = tried(caller, {"subscription_id": subscription, "since": "-1h"})
    assert final["test"] == {"considered": 2, "matched": 1, "gained": 1, "lost": 0}
    assert final["examples"] == {"gained": [stored[1]]}
    patched = caller.call("PATCH", f"/v1/subscriptions/{subscription}", {"event_types": ["other"]})
    assert patched.status == 200
    assert caller.call("GET", final["links"]["self"]).json["tried"] == {
        "event_types": ["*"],
        "filter": {"data.total": {"$gte": 100}},
        "subscription_id": subscription,
        "against": None,
    }


def test_a_window_and_the_data_that_is_an_item_of_its_own(caller: Caller) -> None:
    events(caller, [1])
    caller.world.clock.advance(7_200)
    big = random.Random(1).randbytes(2_000).hex()
    body = json.dumps({"type": "order.created", "data": {"total": 5, "big": big}})
    assert caller.api.call("POST", "/v1/events", body, token=caller.tokens["write"]).status == 202
    caller.world.run()
    final = tried(caller, {"filter": {"data.total": 5}, "since": "-1h"})
    assert final["test"] == {"considered": 1, "matched": 1, "gained": 1, "lost": 0}
    before = tried(caller, {"filter": {"data.total": 1}, "since": "-5h", "until": "-1h"})
    assert before["test"]["matched"] == 1


def test_what_is_gained_goes_to_the_endpoint_once(caller: Caller) -> None:
    other, _ = subscribed(caller, event_types=["order.created"])
    endpoint, subscription = subscribed(caller, filter={"data.total": {"$lt": 3}}, description="s")
    stored = events(caller, list(range(6)))
    sent = len(caller.world.sender.requests)
    wider = {"data.total": {"$lt": 5}}
    test = tried(caller, {"filter": wider, "since": "-1h", "against": subscription})
    assert test["test"]["gained"] == 2
    changed = caller.call("PATCH", f"/v1/subscriptions/{subscription}", {"filter": wider})
    assert changed.status == 200
    asked = {"action": "replay", "from_operation": test["id"]}
    answer = caller.start(asked)
    assert answer.status == 202, answer.text
    assert answer.json["to_endpoint_id"] == endpoint
    final = caller.finished(answer.json["id"])
    assert (final["counts"]["total"], final["counts"]["succeeded"]) == (2, 2)
    new = caller.world.sender.requests[sent:]
    assert {dict(one.headers)["webhook-id"] for one in new} == {stored[3], stored[4]}
    assert len(new) == 2
    for event in (stored[3], stored[4]):
        trace = caller.call("GET", f"/v1/events/{event}").json
        assert [one["endpoint_id"] for one in trace["deliveries"]] == [other, endpoint]
    again = caller.finished(caller.start(asked).json["id"])
    assert (again["counts"]["skipped"], again["counts"]["succeeded"]) == (2, 0)
    assert len(caller.world.sender.requests) == sent + 2


def test_a_candidate_of_no_subscription_says_where_its_events_go(caller: Caller) -> None:
    events(caller, [1])
    test = tried(caller, {"since": "-1h"})
    asked = {"action": "replay", "from_operation": test["id"]}
    refused = caller.start(asked)
    assert (refused.status, refused.faults) == (400, {("/to_endpoint_id", "missing_field")})
    endpoint, _ = subscribed(caller)
    answer = caller.start(asked | {"to_endpoint_id": endpoint})
    assert caller.finished(answer.json["id"])["counts"]["succeeded"] == 1
    retry = caller.start({"action": "retry", "from_operation": test["id"]})
    assert retry.faults == {("/from_operation", "invalid_field")}


def test_the_same_key_gets_the_same_test(caller: Caller) -> None:
    body = {"since": "-1h", "event_types": ["a.*"]}
    first, second = (
        caller.call("POST", TEST, body, headers={"idempotency-key": "k"}) for _ in range(2)
    )
    assert first.json["id"] == second.json["id"]
    other = caller.call("POST", TEST, {"since": "-2h"}, headers={"idempotency-key": "k"})
    assert other.json["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"since": "-1h", "event_id": "evt_1"}, ("/event", "invalid_field")),
        ({"event_id": "evt_1", "until": "-1h"}, ("/until", "invalid_field")),
        ({"event_id": "evt_1", "against": "sub_1"}, ("/against", "invalid_field")),
        ({"since": "yesterday"}, ("/since", "invalid_field")),
        ({"since": "-1h", "until": "-2h"}, ("/until", "invalid_field")),
        ({"since": "-1h", "against": "sub_1"}, ("/against", "unknown_reference")),
        ({"since": "-1h", "subscription_id": "sub_1"}, ("/subscription_id", "unknown_reference")),
        ({"since": "-1h", "filter": {"data": {"a": {"$x": 1}}}}, ("/filter/data/a/$x", "unknown")),
    ],
)
def test_what_is_wrong_is_pointed_at(
    caller: Caller, body: dict[str, Any], fault: tuple[str, str]
) -> None:
    answer = caller.call("POST", TEST, body)
    assert answer.status in {400, 422}
    (pointer, code), *_ = answer.faults
    assert (pointer, code.split("_op")[0]) == fault


def test_the_trail_has_a_test_on_history_for_it_makes_an_operation(caller: Caller) -> None:
    events(caller, [1])
    body = {"since": "-24h", "filter": {"data.total": 1}}
    made = caller.call("POST", TEST, body, scope="write").json["id"]
    caller.world.clock.advance(0.001)
    assert caller.call("POST", TEST, body | {"since": "tomorrow"}, scope="write").status == 400
    caller.call("POST", TEST, {"event": {"type": "a"}}, scope="write")
    trail = caller.call("GET", "/v1/audit?action=testSubscription").json["items"]
    assert [(r["target"], r["status"], r["members"]) for r in trail] == [
        (None, 400, ["since", "filter"]),
        (made, 202, ["since", "filter"]),
    ]
    (found,) = caller.call("GET", f"/v1/audit?target={made}").json["items"]
    assert found["key_id"] == caller.call("GET", f"/v1/operations/{made}").json["requested_by"]
