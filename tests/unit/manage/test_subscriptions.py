from __future__ import annotations

from typing import Any

import pytest

from hooktrace.domain.filters import FilterEvent
from tests.unit.manage.room import Room

EVENT_ID = "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
def endpoint_id(room: Room) -> str:
    return str(room.endpoint()["id"])


def verdict_on(room: Room, body: dict[str, Any], key: str = "P:read") -> Any:
    answer = room.call("POST", "/v1/subscriptions/test", body, key=key)
    assert answer.status == 200, answer.text
    return answer.json


def code_of(faults: set[tuple[str, str]]) -> str:
    """The code of a refusal: that of the member at fault, if it is one."""
    members = {pointer.split("/")[1] for pointer, _ in faults}
    return f"invalid_{members.pop()}" if len(members) == 1 else "invalid_filter"


# Create, read, change


def test_a_subscription_is_made_read_and_seen_by_the_next_event(
    room: Room, endpoint_id: str
) -> None:
    body = {
        "endpoint_id": endpoint_id,
        "event_types": ["order.*"],
        "filter": {"data": {"total": {"$gte": 100}}},
        "description": "big orders",
    }
    made = room.call("POST", "/v1/subscriptions", body)
    assert made.status == 201
    assert made.headers["location"] == f"/v1/subscriptions/{made.json['id']}"
    assert made.headers["etag"] == '"v1"'
    assert {name: made.json[name] for name in body} == body
    assert (made.json["state"], made.json["event_pattern"]) == ("enabled", None)
    seen = room.call("GET", made.headers["location"], key="P:read")
    assert seen.json == made.json

    changes = room.registry.matching.changes_since(room.projects["P"], 0)
    assert changes is not None
    (row,) = changes.upserts
    assert (row.subscription_id, row.endpoint_id) == (made.json["id"], endpoint_id)
    assert room.call("DELETE", made.headers["location"]).status == 204
    assert room.call("GET", made.headers["location"]).status == 404
    changes = room.registry.matching.changes_since(room.projects["P"], changes.version)
    assert changes is not None
    assert changes.removed == (made.json["id"],)


def test_what_is_left_out_takes_everything(room: Room, endpoint_id: str) -> None:
    for body in ({}, {"event_types": None, "filter": None}, {"event_pattern": None}):
        made = room.subscription(endpoint_id, **body)
        assert (made["event_types"], made["filter"]) == (["*"], None)
    assert room.subscription(endpoint_id, filter={})["filter"] == {}


def test_a_pattern_is_shown_as_given_and_as_converted(room: Room, endpoint_id: str) -> None:
    pattern = {"detail": {"status": ["paid"]}}
    made = room.subscription(endpoint_id, event_pattern=pattern)
    assert made["event_pattern"] == pattern
    assert made["filter"] == {"data": {"status": {"$any": {"$in": ["paid"]}}}}


def test_numbers_in_a_filter_keep_every_digit(room: Room, endpoint_id: str) -> None:
    raw = f'{{"endpoint_id": "{endpoint_id}", "filter": {{"data": {{"n": 9007199254740993}}}}}}'
    made = room.call("POST", "/v1/subscriptions", raw=raw)
    assert made.json["filter"] == {"data": {"n": 9007199254740993}}


def test_a_patch_sets_what_it_names(room: Room, endpoint_id: str) -> None:
    made = room.subscription(endpoint_id, event_types=["a"], filter={"data": {"x": 1}})
    path = f"/v1/subscriptions/{made['id']}"
    changed = room.call("PATCH", path, {"description": "d"})
    assert changed.json == made | {"description": "d", "updated_at": changed.json["updated_at"]}
    changed = room.call("PATCH", path, {"event_pattern": {"detail": {"y": [2]}}})
    assert changed.json["event_pattern"] == {"detail": {"y": [2]}}
    changed = room.call("PATCH", path, {"filter": {"data": {"z": 3}}, "event_types": ["b"]})
    assert (changed.json["filter"], changed.json["event_pattern"]) == ({"data": {"z": 3}}, None)
    assert changed.json["event_types"] == ["b"]
    changed = room.call("PATCH", path, {"filter": None, "event_types": None})
    assert (changed.json["filter"], changed.json["event_types"]) == (None, ["*"])
    refused = room.call("PATCH", path, {"endpoint_id": endpoint_id})
    assert refused.json["code"] == "unknown_field"


def test_disabling_and_enabling_reach_matching(room: Room, endpoint_id: str) -> None:
    path = f"/v1/subscriptions/{room.subscription(endpoint_id)['id']}"
    for verb, state in (("disable", "disabled"), ("enable", "enabled")):
        assert room.call("POST", f"{path}/{verb}").json["state"] == state
        again = room.call("POST", f"{path}/{verb}")
        assert again.json["state"] == state
        changes = room.registry.matching.changes_since(room.projects["P"], 0)
        assert changes is not None
        assert [row.enabled for row in changes.upserts] == [state == "enabled"]
    assert again.headers["etag"] == '"v3"'


def test_a_lost_update_is_refused(room: Room, endpoint_id: str) -> None:
    path = f"/v1/subscriptions/{room.subscription(endpoint_id)['id']}"
    assert room.call("PATCH", path, {"description": "a"}, if_match='"v1"').status == 200
    assert room.call("PATCH", path, {"description": "b"}, if_match='"v1"').status == 412
    assert room.call("DELETE", path, if_match='"v1"').status == 412
    assert room.call("GET", path, if_none_match='"v2"').status == 304
    assert room.call("DELETE", path, if_match='"v2"').status == 204


def test_lists_walk_all_or_those_of_an_endpoint(room: Room, endpoint_id: str) -> None:
    other = room.endpoint()["id"]
    mine = [room.subscription(endpoint_id)["id"] for _ in range(3)]
    room.subscription(other)
    page = room.call("GET", f"/v1/subscriptions?endpoint_id={endpoint_id}&limit=2").json
    cursor = page["next_cursor"]
    path = f"/v1/subscriptions?endpoint_id={endpoint_id}&limit=2&cursor={cursor}"
    rest = room.call("GET", path).json
    assert [each["id"] for each in page["items"] + rest["items"]] == mine
    assert rest["next_cursor"] is None
    assert len(room.call("GET", "/v1/subscriptions").json["items"]) == 4


# Refusals


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"filter": {"status": "paid"}}, {("/filter/status", "unknown_scope")}),
        ({"filter": []}, {("/filter", "not_an_object")}),
        ({"filter": {"data": {"a": {"$gt": None}}}}, {("/filter/data/a/$gt", "invalid_operand")}),
        (
            {"filter": {"data": {"a": {"$regex": "(?=x)"}}}},
            {("/filter/data/a/$regex", "invalid_regex")},
        ),
        ({"event_types": []}, {("/event_types", "empty_list")}),
        ({"event_types": ["ord*"]}, {("/event_types/0", "invalid_event_type")}),
        ({"event_types": ["order.created\n"]}, {("/event_types/0", "invalid_event_type")}),
        (
            {"event_types": ["ord*"], "filter": {"status": 1}},
            {("/event_types/0", "invalid_event_type"), ("/filter/status", "unknown_scope")},
        ),
        (
            {"filter": {}, "event_pattern": {"detail": {"a": [1]}}},
            {("/event_pattern", "conflicting_fields")},
        ),
        ({"event_pattern": {"source": ["x"]}}, {("/event_pattern/source", "unknown_scope")}),
    ],
)
def test_a_wrong_selection_is_refused_with_pointers_and_nothing_is_stored(
    room: Room, endpoint_id: str, body: dict[str, Any], faults: set[tuple[str, str]]
) -> None:
    path = f"/v1/subscriptions/{room.subscription(endpoint_id)['id']}"
    for answer in (
        room.call("POST", "/v1/subscriptions", {"endpoint_id": endpoint_id} | body),
        room.call("PATCH", path, body),
        room.call("POST", "/v1/subscriptions/test", body | {"event": {"type": "a"}}),
    ):
        assert (answer.status, answer.json["code"]) == (422, code_of(faults))
        assert answer.faults == faults
        assert answer.json["detail"].startswith(answer.json["errors"][0]["pointer"] + ": ")
    assert len(room.call("GET", "/v1/subscriptions").json["items"]) == 1
    assert room.call("GET", path).headers["etag"] == '"v1"'


@pytest.mark.parametrize(
    ("selection", "faults"),
    [
        ('"filter": {"data": {"a": 1, "a": 2}}', {("/filter", "duplicate_key")}),
        ('"filter": {"data": {}, "data": {"b": 1}}', {("/filter", "duplicate_key")}),
        (
            '"event_pattern": {"detail": {"a": [1], "a": [2]}}',
            {("/event_pattern", "duplicate_key")},
        ),
        ('"filter": {"data": {"a": {"$gt": 1e400}}}', {("/filter/data/a/$gt", "invalid_number")}),
    ],
)
def test_what_json_would_swallow_is_a_fault_of_the_filter(
    room: Room, endpoint_id: str, selection: str, faults: set[tuple[str, str]]
) -> None:
    made = f"/v1/subscriptions/{room.subscription(endpoint_id)['id']}"
    for method, path, rest in (
        ("POST", "/v1/subscriptions", f'"endpoint_id": "{endpoint_id}"'),
        ("POST", "/v1/subscriptions/test", '"event": {"type": "a"}'),
        ("PATCH", made, '"description": ""'),
    ):
        answer = room.call(method, path, raw=f"{{{rest}, {selection}}}")
        assert (answer.status, answer.json["code"]) == (422, code_of(faults))
        assert answer.faults == faults


def test_duplicate_names_elsewhere_are_faults_of_the_body(room: Room) -> None:
    raw = '{"event": {"type": "a", "data": {"b": 1, "b": 2}}, "filter": {"data": {"a": 1, "a": 2}}}'
    answer = room.call("POST", "/v1/subscriptions/test", raw=raw)
    assert (answer.status, answer.json["code"]) == (400, "duplicate_name")


# The test call


def test_it_says_which_clause_said_no_and_tells_absent_from_null(room: Room) -> None:
    body = {
        "filter": {"data": {"courier": "ops"}},
        "event": {"type": "parcel.scanned", "data": {"parcel": "p1", "belt": 2}},
    }
    assert verdict_on(room, body) == {
        "matched": False,
        "type_matched": True,
        "clauses": [
            {
                "path": "data.courier",
                "operator": "$eq",
                "expected": "ops",
                "clause": "/data/courier",
                "reason": "missing",
            }
        ],
    }
    body["event"] = {"type": "parcel.scanned", "data": {"courier": None}}
    (clause,) = verdict_on(room, body)["clauses"]
    assert (clause["actual"], clause["reason"]) == (None, "type")


def test_a_stored_subscription_and_a_pattern_are_tried_alike(room: Room, endpoint_id: str) -> None:
    made = room.subscription(endpoint_id, event_types=["a.*"], filter={"data": {"x": 1}})
    event = {"type": "b", "data": {"x": 2}}
    answer = verdict_on(room, {"subscription_id": made["id"], "event": event}, key="P:write")
    assert (answer["matched"], answer["type_matched"]) == (False, False)
    assert [clause["actual"] for clause in answer["clauses"]] == [2]
    event = {"type": "a.b", "data": {"x": 1}}
    assert verdict_on(room, {"subscription_id": made["id"], "event": event})["matched"] is True
    pattern = {"detail": {"x": [1]}}
    assert verdict_on(room, {"event_pattern": pattern, "event": event})["matched"] is True


def test_a_stored_event_is_tried_and_its_values_stay_hidden_where_asked(room: Room) -> None:
    stored = FilterEvent("a", {}, {"x": 2})
    room.events.stored[room.projects["P"], EVENT_ID] = stored
    body = {"event_id": EVENT_ID, "filter": {"data": {"x": 1}}}
    clause = verdict_on(room, body)["clauses"][0]
    assert (clause["actual"], clause["suggestion"]["value"]) == (2, 2)
    room.call("PATCH", f"/v1/projects/{room.projects['P']}", {"redact_actual": True})
    assert not {"actual", "suggestion"} & verdict_on(room, body)["clauses"][0].keys()
    body["filter"] = {"data": {"x": {"$gt": {"$ref": "x"}}}}
    assert verdict_on(room, body)["clauses"][0]["expected"] == {"$ref": "x"}
    for event_id, key in ((EVENT_ID, "Q:read"), ("x", "P:read")):
        answer = room.call("POST", "/v1/subscriptions/test", body | {"event_id": event_id}, key=key)
        assert answer.faults == {("/event_id", "unknown_reference")}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event": {"type": "a"}, "event_id": EVENT_ID},
        {"event": {"type": "a"}, "subscription_id": "sub_x", "filter": {}},
        {"event": {"data": {}}},
        {"event": {"type": "a", "headers": {"x": 1}}},
        {"event": {"type": "a", "body": {}}},
        {"event": "a"},
    ],
)
def test_unclear_test_calls_are_refused(room: Room, body: dict[str, Any]) -> None:
    assert room.call("POST", "/v1/subscriptions/test", body).status == 400


PATTERNS: list[tuple[list[str], str, object]] = [
    (["order.*"], "order.created", True),
    (["order.*"], "order.item.added", True),
    (["order.*"], "orders.created", False),
    (["order.*"], "orderXcreated", False),
    (["order.*"], "order", False),
    (["order.*"], "order.", "event refused"),
    (["order.created"], "Order.Created", False),
    (["*"], "anything.at.all", True),
    (["order.*", "*", "order.created"], "order.created", True),
    ([], "x", "subscription refused"),
    (["ord*"], "order.created", "subscription refused"),
    (["order.created\n"], "order.created", "subscription refused"),
    (["order.created"], "order.created\n", "event refused"),
]


@pytest.mark.parametrize(("patterns", "event_type", "verdict"), PATTERNS)
def test_what_a_type_pattern_covers(
    room: Room, endpoint_id: str, patterns: list[str], event_type: str, verdict: object
) -> None:
    body = {"event_types": patterns, "event": {"type": event_type}}
    answer = room.call("POST", "/v1/subscriptions/test", body)
    if verdict == "event refused":
        assert answer.status == 400
        assert answer.faults == {("/event/type", "invalid_event_type")}
        return
    create = {"endpoint_id": endpoint_id, "event_types": patterns}
    made = room.call("POST", "/v1/subscriptions", create)
    if verdict == "subscription refused":
        assert (answer.status, made.status) == (422, 422)
        return
    assert answer.json == {"matched": verdict, "type_matched": verdict, "clauses": []}
    stored = {"subscription_id": made.json["id"], "event": {"type": event_type}}
    assert verdict_on(room, stored) == answer.json | {"held_back_by": None}
