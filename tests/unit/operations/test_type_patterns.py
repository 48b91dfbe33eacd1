"""Lists and bulk operations take the type patterns of subscriptions; a retry takes what failed."""

from __future__ import annotations

from typing import Any

import pytest

from hooktrace.domain.event_types import event_types_of, name_type
from tests.unit.operations.test_routes import Caller

KINDS = ("order.created", "order.line.added", "invoice.created", "order")


@pytest.fixture
def caller() -> Caller:
    return Caller()


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("type=order.*", {"order.created", "order.line.added"}),
        ("type=*.created", {"order.created", "invoice.created"}),
        ("type=order.**", {"order.created", "order.line.added", "order"}),
        ("type=**.added&type=invoice.created", {"order.line.added", "invoice.created"}),
        ("type=*", set(KINDS)),
        ("type=nothing.*", set()),
    ],
)
def test_lists_take_patterns(caller: Caller, query: str, wanted: set[str]) -> None:
    endpoint = caller.made("/v1/endpoints", {"url": "http://127.0.0.1:9999/x"})["id"]
    caller.made("/v1/subscriptions", {"endpoint_id": endpoint})
    kinds = {caller.made("/v1/events", {"type": k, "data": {}})["id"]: k for k in KINDS}
    caller.world.run()
    events = caller.call("GET", f"/v1/events?{query}").json["items"]
    assert {one["type"] for one in events} == wanted
    deliveries = caller.call("GET", f"/v1/deliveries?{query}").json["items"]
    assert {kinds[one["event_id"]] for one in deliveries} == wanted


def test_operations_take_patterns(caller: Caller) -> None:
    for kind in KINDS:
        caller.made("/v1/events", {"type": kind, "data": {}})
    caller.world.run()
    body: dict[str, Any] = {"action": "rematch", "dry_run": True}
    made = caller.start(body | {"filter": {"type": "order.*", "since": "-1h"}}).json["id"]
    assert caller.finished(made)["counts"]["total"] == 2


@pytest.mark.parametrize("pattern", ["order*", "a b", "a..b", "**.a.**", "x" * 129])
def test_what_is_no_pattern_is_refused_with_the_reason(caller: Caller, pattern: str) -> None:
    query = pattern.replace(" ", "%20")
    for path in ("/v1/events", "/v1/deliveries"):
        refused = caller.call("GET", f"{path}?type={query}")
        assert (refused.status, refused.json["code"]) == (400, "invalid_parameter")
    body = {"action": "retry", "filter": {"type": [pattern]}}
    refused = caller.start(body)
    assert (refused.status, refused.json["code"]) == (400, "invalid_field")
    assert refused.json["errors"][0]["pointer"] == "/filter/type/0"


def test_a_filter_stored_before_patterns_were_checked_takes_its_very_text() -> None:
    types = event_types_of(frozenset({"a*", "**.b.**", "", "c d"}))
    assert types.matches("c d")
    assert not types.matches("ab")


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("hooktrace.delivery.failed", True),
        ("hooktrace.*", True),
        ("hooktrace.**", True),
        ("*", False),
        ("**.failed", False),
        ("hooktrace.event.*", False),
    ],
)
def test_operational_types_are_named_by_their_first_word(pattern: str, named: bool) -> None:
    assert name_type([pattern], "hooktrace.delivery.failed") is named


def test_a_retry_without_status_leaves_what_was_cancelled_by_hand(caller: Caller) -> None:
    caller.failing(2)
    url = "http://127.0.0.1:9999/b"
    caller.world.sender.script[url] = [500]
    endpoint = caller.made("/v1/endpoints", {"url": url})["id"]
    caller.made("/v1/subscriptions", {"endpoint_id": endpoint, "event_types": ["b"]})
    event = caller.made("/v1/events", {"type": "b", "data": {}})["id"]
    caller.world.run()
    (delivery,) = caller.call("GET", f"/v1/events/{event}").json["deliveries"]
    assert caller.call("POST", f"/v1/deliveries/{delivery['id']}/cancel").status == 200
    caller.world.run()
    made = caller.start({"action": "retry", "filter": {"since": "-1h"}}).json["id"]
    assert caller.finished(made)["counts"]["total"] == 2
    shown = caller.call("GET", f"/v1/deliveries/{delivery['id']}").json
    assert (shown["status"], shown["reason"]) == ("cancelled", "cancelled_by_hand")
    asked = {"action": "retry", "filter": {"status": "cancelled"}, "dry_run": True}
    assert caller.finished(caller.start(asked).json["id"])["counts"]["total"] == 1
