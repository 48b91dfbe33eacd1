"""Answers to those who look for a reason, or ask for what cannot be done."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operations.test_routes import Caller

TEST = "/v1/subscriptions/test"


@pytest.fixture
def caller() -> Caller:
    return Caller()


def kept(caller: Caller) -> tuple[str, str, str]:
    """An endpoint, its subscription, and an event that it takes."""
    endpoint = caller.made("/v1/endpoints", {"url": "http://127.0.0.1:9999/a"})["id"]
    body = {"endpoint_id": endpoint, "event_types": ["a.*"]}
    subscription = caller.made("/v1/subscriptions", body)["id"]
    event = caller.made("/v1/events", {"type": "a.b", "data": {"n": 1}})["id"]
    caller.world.run()
    return endpoint, subscription, event


def test_a_trial_says_that_the_subscription_is_held_back(caller: Caller) -> None:
    endpoint, subscription, event = kept(caller)
    asked = {"subscription_id": subscription, "event_id": event}

    def held() -> Any:
        answer = caller.call("POST", TEST, asked, scope="read")
        assert answer.json["matched"] is True
        return answer.json["held_back_by"]

    assert held() is None
    caller.call("POST", f"/v1/endpoints/{endpoint}/disable")
    assert held() == "endpoint_disabled"
    caller.call("POST", f"/v1/subscriptions/{subscription}/disable")
    assert held() == "subscription_disabled"


def test_a_trial_on_expunged_data_is_a_conflict_not_an_unknown_event(caller: Caller) -> None:
    _, subscription, event = kept(caller)
    assert caller.call("DELETE", f"/v1/events/{event}/data").status == 200
    for body in ({"subscription_id": subscription}, {"filter": {"data": {"n": 1}}}):
        answer = caller.call("POST", TEST, body | {"event_id": event})
        assert (answer.status, answer.json["code"]) == (409, "data_expunged")


def test_trying_history_makes_an_operation_so_reading_is_not_enough(caller: Caller) -> None:
    body = {"filter": {"data": {"n": 1}}, "since": "-1h"}
    refused = caller.call("POST", TEST, body, scope="read")
    assert (refused.status, refused.json["code"]) == (403, "insufficient_scope")
    assert caller.call("POST", TEST, body, scope="write").status == 202


@pytest.mark.parametrize("name", ["status", "endpoint_id", "type", "trigger", "response_status"])
def test_an_empty_list_selects_nothing_by_accident(caller: Caller, name: str) -> None:
    answer = caller.start({"action": "retry", "filter": {name: []}})
    assert answer.status == 400
    assert answer.faults == {(f"/filter/{name}", "invalid_field")}
    assert caller.call("GET", "/v1/operations").json["items"] == []


def test_an_operation_cannot_begin_in_the_future(caller: Caller) -> None:
    body = {"action": "rematch", "filter": {"since": "9999-12-31T23:59:59Z"}}
    answer = caller.start(body)
    assert answer.status == 400
    assert answer.faults == {("/filter/since", "invalid_field")}


def test_a_deleted_endpoint_may_stay_among_those_to_notify(caller: Caller) -> None:
    endpoint = caller.made("/v1/endpoints", {"url": "http://127.0.0.1:9999/a"})["id"]
    path = f"/v1/projects/{caller.project}"
    choice = {"notifications": {"kinds": ["event.failed"], "endpoint_ids": [endpoint]}}
    assert caller.call("PATCH", path, choice).status == 200
    assert caller.call("DELETE", f"/v1/endpoints/{endpoint}").status == 204
    shown = caller.call("GET", path).json["notifications"]
    assert caller.call("PATCH", path, {"notifications": shown}).status == 200
    never = endpoint[:-1] + ("0" if endpoint[-1] != "0" else "1")
    refused = caller.call("PATCH", path, {"notifications": shown | {"endpoint_ids": [never]}})
    assert refused.faults == {("/notifications/endpoint_ids/0", "unknown_reference")}


def test_a_delivery_names_the_key_that_cancelled_it(caller: Caller) -> None:
    url = "http://127.0.0.1:9999/slow"
    caller.world.sender.script[url] = [500]
    endpoint = caller.made("/v1/endpoints", {"url": url, "retry_schedule": [60]})["id"]
    caller.made("/v1/subscriptions", {"endpoint_id": endpoint, "event_types": ["a.*"]})
    event = caller.made("/v1/events", {"type": "a.b", "data": {}})["id"]
    caller.world.run()
    (delivery,) = caller.call("GET", f"/v1/events/{event}").json["deliveries"]
    assert caller.call("POST", f"/v1/deliveries/{delivery['id']}/cancel").status == 200
    shown = caller.call("GET", f"/v1/deliveries/{delivery['id']}").json
    assert (shown["status"], shown["reason"]) == ("cancelled", "cancelled_by_hand")
    assert shown["requested_by"] == "key_" + caller.tokens["admin"].split("_")[1]
