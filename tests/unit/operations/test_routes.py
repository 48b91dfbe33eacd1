"""`/v1/operations` over HTTP: what is asked for, shown, refused."""

from __future__ import annotations

from typing import Any

import pytest

from functions.manage.cursors import write_cursor
from tests.whole_api import Answer, WholeApi
from tests.world import World


class Caller:
    """A project with keys, on the whole API in memory."""

    def __init__(self) -> None:
        self.world = World()
        self.api = WholeApi(self.world)
        self.project, self.tokens = self.api.project("main")

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        token = self.tokens[more.pop("scope", "admin")]
        path, _, query = path.partition("?")
        return self.api.call(method, path, body, token=token, query=query, **more)

    def made(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.call("POST", path, body)
        assert answer.status in {201, 202}, answer.text
        return answer.json

    def failing(self, count: int, word: str = "a") -> str:
        """An endpoint with so many failed deliveries; it answers 200 from now on."""
        url = f"http://127.0.0.1:9999/{word}"
        self.world.sender.script[url] = [500]
        endpoint: str = self.made("/v1/endpoints", {"url": url, "retry_schedule": []})["id"]
        self.made("/v1/subscriptions", {"endpoint_id": endpoint, "event_types": [f"{word}.*"]})
        for _ in range(count):
            self.made("/v1/events", {"type": f"{word}.thing", "data": {}})
        self.world.run()
        self.world.sender.script[url] = [200]
        return endpoint

    def start(self, body: dict[str, Any], **headers: str) -> Answer:
        return self.call("POST", "/v1/operations", body, headers=headers)

    def finished(self, operation: str) -> Any:
        self.world.run_for(30)
        return self.call("GET", f"/v1/operations/{operation}").json


@pytest.fixture
def caller() -> Caller:
    return Caller()


def test_fc_49_over_http(caller: Caller) -> None:
    wanted, _ = caller.failing(120), caller.failing(10, "b")
    body = {"action": "retry", "filter": {"status": "failed", "endpoint_id": wanted}}
    body["filter"] |= {"since": "-1h", "until": "2100-01-01T00:00:00Z"}  # type: ignore[operator] # a dict
    first = caller.start(body, **{"idempotency-key": "k"})
    assert first.status == 202
    assert first.json["state"] == "counting"
    assert first.json["next"]["action"] == "count"
    assert first.json["counts"]["total_final"] is False
    again = caller.start(body, **{"idempotency-key": "k"})
    assert (again.status, again.json["id"]) == (202, first.json["id"])
    caller.world.run()
    middle = caller.start(body, **{"idempotency-key": "k"}).json
    assert (middle["id"], middle["state"]) == (first.json["id"], "running")
    assert middle["counts"]["total"] == 120
    assert middle["next"] == {"action": "run", "text": "20 items are left."}
    final = caller.finished(first.json["id"])
    assert final["state"] == "completed"
    assert final["counts"] == {
        "total": 120,
        "total_final": True,
        "done": 120,
        "succeeded": 120,
        "skipped": 0,
        "failed": 0,
    }
    assert final["next"] is None
    assert final["filter"] == {
        "status": ["failed"],
        "endpoint_id": [wanted],
        "since": "-1h",
        "until": "2100-01-01T00:00:00Z",
    }
    items = caller.call("GET", f"/v1/operations/{first.json['id']}/items?limit=200").json["items"]
    assert len(items) == 120
    shown = caller.call("GET", items[0]["links"]["self"]).json
    assert shown["operation_id"] == first.json["id"]
    attempt = shown["attempts"][-1]
    assert (attempt["trigger"], attempt["operation_id"]) == ("manual", first.json["id"])
    assert attempt["requested_by"] == final["requested_by"]
    assert shown["attempts"][0]["operation_id"] is None
    listed = caller.call("GET", "/v1/deliveries?status=failed").json["items"]
    assert len(listed) == 10


def test_items_are_paged_and_their_cursor_is_their_own(caller: Caller) -> None:
    caller.failing(7)
    operation = caller.start({"action": "retry", "filter": {}}).json["id"]
    caller.finished(operation)
    path = f"/v1/operations/{operation}/items"
    seen, query = [], "?limit=3"
    while True:
        page = caller.call("GET", path + query).json
        seen += [item["id"] for item in page["items"]]
        assert {item["result"] for item in page["items"]} == {"succeeded"}
        if page["next_cursor"] is None:
            break
        query = f"?limit=3&cursor={page['next_cursor']}"
    assert len(set(seen)) == 7
    first = caller.call("GET", f"{path}?limit=3").json["next_cursor"]
    other = caller.call("GET", f"{path}?limit=3&result=skipped&cursor={first}")
    assert (other.status, other.json["code"]) == (400, "invalid_cursor")
    assert caller.call("GET", f"{path}?result=skipped").json == {"items": [], "next_cursor": None}


def test_operations_are_listed_newest_first(caller: Caller) -> None:
    made = []
    for _ in range(5):
        caller.world.clock.advance(1)
        made.append(caller.start({"action": "retry", "filter": {}, "dry_run": True}).json["id"])
    seen, query = [], "?limit=2"
    while True:
        page = caller.call("GET", "/v1/operations" + query).json
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={page['next_cursor']}"
    assert seen == made[::-1]


def test_cancel_and_resume(caller: Caller) -> None:
    caller.failing(3)
    path = f"/v1/operations/{caller.start({'action': 'retry', 'filter': {}}).json['id']}"
    cancelled = caller.call("POST", f"{path}/cancel")
    assert (cancelled.status, cancelled.json["state"]) == (200, "cancelled")
    assert cancelled.json["next"]["action"] == "resume"
    assert caller.call("POST", f"{path}/cancel").status == 409
    caller.world.run_for(5)
    assert len(caller.world.sender.requests) == 3
    resumed = caller.call("POST", f"{path}/resume")
    assert (resumed.status, resumed.json["state"]) == (200, "counting")
    assert caller.call("POST", f"{path}/resume").status == 409
    assert caller.finished(path.rsplit("/", 1)[1])["counts"]["succeeded"] == 3


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "burn", "filter": {}}, "/action"),
        ({"action": "retry"}, "/filter"),
        ({"action": "retry", "filter": {"status": "pending"}}, "/filter/status"),
        ({"action": "retry", "filter": {"status": ["discarded"]}}, "/filter/status"),
        ({"action": "retry", "filter": {"status": "gone"}}, "/filter/status"),
        ({"action": "retry", "filter": {"endpoint_id": "ep_1"}}, "/filter/endpoint_id"),
        ({"action": "retry", "filter": {"since": "yesterday"}}, "/filter/since"),
        ({"action": "retry", "filter": {"since": "-1h", "until": "-2h"}}, "/filter/until"),
        ({"action": "retry", "filter": {"colour": "red"}}, "/filter/colour"),
        ({"action": "retry", "filter": {"limit": 3}}, "/filter/limit"),
        ({"action": "retry", "filter": {}, "dry_run": "yes"}, "/dry_run"),
        ({"action": "retry", "filter": {}, "from_operation": "op_1"}, "/filter"),
        ({"action": "retry", "filter": {}, "to_endpoint_id": "ep_1"}, "/to_endpoint_id"),
        ({"action": "replay", "filter": {}}, "/filter/since"),
        ({"action": "rematch", "filter": {"type": "a"}}, "/filter/since"),
        ({"action": "replay", "filter": {"since": "-1h", "status": "accepted"}}, "/filter/status"),
        ({"action": "rematch", "filter": {"since": "-1h", "status": "failed"}}, "/filter/status"),
        ({"action": "replay", "filter": {"since": "-1h"}, "to_endpoint_id": "x"}, "/to_endpoint"),
        ({"action": "retry", "filter": {"response_status": "5xx"}}, "/filter/response_status"),
    ],
)
def test_what_is_wrong_is_pointed_at(caller: Caller, body: Any, pointer: str) -> None:
    answer = caller.start(body)
    assert answer.status == 400, answer.text
    assert any(one["pointer"].startswith(pointer) for one in answer.json["errors"]), answer.text


@pytest.mark.parametrize(
    ("action", "can"),
    [
        ("retry", "What is cancelled, failed, retrying or succeeded can be retried."),
        (
            "replay",
            "What is delivering, discarded, failed, partial or succeeded can be taken by replay.",
        ),
        ("rematch", "What is discarded can be taken by rematch."),
    ],
)
@pytest.mark.parametrize("status", ["lost", "pending", ["lost", "failed", "accepted"]])
def test_a_wrong_status_is_told_once_what_this_action_takes(
    caller: Caller, action: str, can: str, status: Any
) -> None:
    answer = caller.start({"action": action, "filter": {"since": "-1h", "status": status}})
    fault = {"pointer": "/filter/status", "code": "invalid_field", "message": can}
    assert (answer.status, answer.json["errors"]) == (400, [fault])


@pytest.mark.parametrize("action", ["retry", "replay", "rematch"])
@pytest.mark.parametrize("since", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "-367d"])
def test_since_bounds_an_operation(caller: Caller, action: str, since: str) -> None:
    answer = caller.start({"action": action, "filter": {"since": since}})
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (400, "/filter/since")
    assert "366 days" in answer.json["detail"]


def test_since_bounds_a_test_on_history(caller: Caller) -> None:
    body = {"since": "0001-01-01T00:00:00Z", "filter": {"data.a": 1}}
    answer = caller.call("POST", "/v1/subscriptions/test", body)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (400, "/since")


def test_all_that_can_be_kept_may_be_asked_for(caller: Caller) -> None:
    for action in ("retry", "replay", "rematch"):
        answer = caller.start({"action": action, "filter": {"since": "-365d"}, "dry_run": True})
        assert answer.status == 202
        assert answer.json["since"] is not None
    assert caller.start({"action": "retry", "filter": {}, "dry_run": True}).status == 202


def test_what_enabling_proposes_is_accepted_however_long_ago_it_was_disabled(
    caller: Caller,
) -> None:
    endpoint = caller.failing(1)
    caller.call("POST", f"/v1/endpoints/{endpoint}/disable")
    caller.world.clock.advance(800 * 86_400)
    proposed = caller.call("POST", f"/v1/endpoints/{endpoint}/enable").json["retry_cancelled"]
    assert caller.start(proposed).status == 202


def test_what_was_discarded_since_is_matched_again(caller: Caller) -> None:
    caller.made("/v1/events", {"type": "a.thing", "data": {}})
    caller.world.run()
    caller.failing(0)
    answer = caller.start({"action": "rematch", "filter": {"since": "-1h", "type": "a.thing"}})
    assert answer.status == 202, answer.text
    assert caller.finished(answer.json["id"])["counts"]["succeeded"] == 1
    (event,) = caller.call("GET", "/v1/events").json["items"]
    trace = caller.call("GET", event["links"]["self"]).json
    assert trace["status"] == "succeeded"
    assert trace["deliveries"][0]["operation_id"] == answer.json["id"]


def test_keys_and_their_refusals(caller: Caller) -> None:
    body = {"action": "retry", "filter": {"status": "failed"}}
    assert caller.start(body, **{"idempotency-key": "k"}).status == 202
    other = caller.start(body | {"force": True}, **{"idempotency-key": "k"})
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    assert caller.start(body, **{"idempotency-key": "ü"}).json["code"] == "invalid_idempotency_key"
    read = caller.call("POST", "/v1/operations", body, scope="read")
    assert read.status == 403
    assert caller.call("GET", "/v1/operations", scope="read").status == 200
    for path in ("op_x", "op_01M3250V00YPRPA8JAB2VS3201"):
        assert caller.call("GET", f"/v1/operations/{path}").status == 404


def test_a_start_that_died_before_its_message_is_completed_by_the_same_call(
    caller: Caller,
) -> None:
    caller.failing(2)

    def away(_: object) -> None:
        raise ConnectionError

    caller.world.operate_queue.before_send = away
    body = {"action": "retry", "filter": {}}
    assert caller.start(body, **{"idempotency-key": "k"}).status == 500
    caller.world.operate_queue.before_send = lambda _: None
    assert caller.world.operate_queue.messages == []
    second = caller.start(body, **{"idempotency-key": "k"})
    assert second.status == 202
    assert caller.finished(second.json["id"])["counts"]["succeeded"] == 2
    assert len(caller.call("GET", "/v1/operations").json["items"]) == 1


@pytest.mark.parametrize("text", ["x", "", "1", "1.x", "-1.0", "9" * 5000 + ".0", "1.1.1"])
def test_a_cursor_of_ones_own_making_leads_nowhere_like_fc_52(caller: Caller, text: str) -> None:
    made = caller.start({"action": "retry", "filter": {"status": "failed"}}).json["id"]
    for path, scope in (
        (f"/v1/operations/{made}/items", ("operation items", caller.project, made)),
        ("/v1/operations", ("operations", caller.project)),
    ):
        answer = caller.call("GET", f"{path}?cursor={write_cursor(text, *scope)}")
        assert (answer.status, answer.json["code"]) == (400, "invalid_cursor")


def test_expired_operations_hide_no_living_ones_like_fc_64(caller: Caller) -> None:
    """An operation keeps the expiry that it was made with: a younger one may go before it."""
    body = {"action": "retry", "filter": {"status": "failed"}}
    project = f"/v1/projects/{caller.project}"
    living = [caller.start(body).json["id"] for _ in range(3)]
    caller.call("PATCH", project, {"retention_days": 1})
    caller.world.clock.advance(1)
    for _ in range(5):
        caller.start(body)
    caller.world.clock.advance(2 * 86_400)
    seen, query = [], "limit=2"
    while query:
        page = caller.call("GET", f"/v1/operations?{query}").json
        seen += [one["id"] for one in page["items"]]
        more = page.get("next_cursor")
        query = f"limit=2&cursor={more}" if more else ""
    assert seen == sorted(living, reverse=True)
