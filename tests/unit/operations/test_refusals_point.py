"""Every refusal points at what is wrong: a member of the body, or a header."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operations.test_routes import Caller

ONE = {"type": "a", "data": 1}


@pytest.fixture
def caller() -> Caller:
    return Caller()


@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        ("/v1/events/batch", {"events": [ONE]}, "k"),
        ("/v1/events", ONE, " a"),
        ("/v1/events", ONE, "a "),
        ("/v1/operations", {"action": "retry", "filter": {}}, "\t"),
        ("/v1/subscriptions/test", {"since": "-1h"}, "é"),
    ],
)
def test_a_refused_idempotency_key_is_pointed_at(
    caller: Caller, path: str, body: Any, key: str
) -> None:
    refused = caller.call("POST", path, body, headers={"idempotency-key": key})
    assert refused.status == 400
    (fault,) = refused.json["errors"]
    assert fault["parameter"] == "idempotency-key"
    assert fault["code"] == refused.json["code"]


def test_a_refused_key_of_a_batch_is_pointed_at_in_its_item(caller: Caller) -> None:
    events = [ONE | {"idempotency_key": key} for key in ("", "a ", "k", "two words")]
    items = caller.call("POST", "/v1/events/batch", {"events": events}).json["items"]
    assert [item["status"] for item in items] == [400, 400, 202, 202]
    for item in items[:2]:
        assert item["problem"]["errors"][0]["pointer"] == "/idempotency_key"
        assert "with spaces only between them" in item["problem"]["detail"]


def test_an_empty_batch_is_pointed_at(caller: Caller) -> None:
    refused = caller.call("POST", "/v1/events/batch", {"events": []})
    assert refused.json["errors"][0]["pointer"] == "/events"


def test_a_missing_since_says_what_it_may_be(caller: Caller) -> None:
    refused = caller.start({"action": "replay", "filter": {}})
    assert refused.json["errors"][0]["pointer"] == "/filter/since"
    assert "such as -24h" in refused.json["detail"]


def test_lists_have_one_form(caller: Caller) -> None:
    paths = ("events", "deliveries", "endpoints", "subscriptions", "operations", "audit", "keys")
    for path in (*paths, "projects"):
        page = caller.call("GET", f"/v1/{path}").json
        assert page.get("next_cursor", "left out") is None, (path, page)
