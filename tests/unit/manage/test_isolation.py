"""What belongs to another project is as what never was, to the letter."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.manage.room import Room

NEVER = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
ENDPOINT_CALLS = [
    ("GET", "/v1/endpoints/{}", None),
    ("PATCH", "/v1/endpoints/{}", {"description": "x"}),
    ("PATCH", "/v1/endpoints/{}", {"url": "http://127.0.0.1/"}),
    ("DELETE", "/v1/endpoints/{}", None),
    ("POST", "/v1/endpoints/{}/enable", None),
    ("POST", "/v1/endpoints/{}/disable", None),
    ("POST", "/v1/endpoints/{}/rotate-secret", None),
]
SUBSCRIPTION_CALLS = [
    ("GET", "/v1/subscriptions/{}", None),
    ("PATCH", "/v1/subscriptions/{}", {"description": "x"}),
    ("PATCH", "/v1/subscriptions/{}", {"filter": {"nowhere": 1}}),
    ("DELETE", "/v1/subscriptions/{}", None),
    ("POST", "/v1/subscriptions/{}/enable", None),
    ("POST", "/v1/subscriptions/{}/disable", None),
]


@pytest.mark.parametrize("tag", [None, '"v1"', '"v9"', "malformed"])
@pytest.mark.parametrize(("method", "path", "body"), ENDPOINT_CALLS + SUBSCRIPTION_CALLS)
def test_ids_of_another_project_are_not_found(
    room: Room, method: str, path: str, body: Any, tag: str | None
) -> None:
    endpoint = room.endpoint("Q:admin")
    subscription = room.subscription(endpoint["id"], "Q:admin")
    kind, foreign = ("ep", endpoint) if "/endpoints" in path else ("sub", subscription)
    headers = {} if tag is None else {"if_match": tag}

    ids = (foreign["id"], f"{kind}_{NEVER}", "x", f"evt_{NEVER}", "x" * 3000)
    answers = [room.call(method, path.format(each), body, **headers) for each in ids]
    assert {answer.status for answer in answers} == {404}
    assert {answer.text for answer in answers} == {answers[0].text}
    for own, item in (("endpoints", endpoint), ("subscriptions", subscription)):
        still = room.call("GET", f"/v1/{own}/{item['id']}", key="Q:admin")
        assert still.headers["etag"] == '"v1"'


def test_an_endpoint_id_in_a_body_tells_nothing_either(room: Room) -> None:
    gone = room.endpoint()["id"]
    room.call("DELETE", f"/v1/endpoints/{gone}")
    ids = (room.endpoint("Q:admin")["id"], f"ep_{NEVER}", gone, "x", "")
    answers = [room.call("POST", "/v1/subscriptions", {"endpoint_id": each}) for each in ids]
    assert {answer.status for answer in answers} == {422}
    assert {answer.text for answer in answers} == {answers[0].text}
    assert answers[0].faults == {("/endpoint_id", "unknown_reference")}


def test_lists_hold_ones_own_only(room: Room) -> None:
    foreign = room.endpoint("Q:admin")["id"]
    room.subscription(foreign, "Q:admin")
    for path in (
        "/v1/endpoints",
        "/v1/subscriptions",
        f"/v1/subscriptions?endpoint_id={foreign}",
        f"/v1/subscriptions?endpoint_id=ep_{NEVER}",
    ):
        assert room.call("GET", path).json == {"items": [], "next_cursor": None}


def test_the_test_call_knows_nothing_of_others(room: Room) -> None:
    foreign = room.subscription(room.endpoint("Q:admin")["id"], "Q:admin")["id"]
    event = {"type": "a"}
    answers = [
        room.call("POST", "/v1/subscriptions/test", {"subscription_id": each, "event": event})
        for each in (foreign, f"sub_{NEVER}", "x")
    ]
    assert {answer.status for answer in answers} == {422}
    assert {answer.text for answer in answers} == {answers[0].text}
    assert answers[0].faults == {("/subscription_id", "unknown_reference")}
