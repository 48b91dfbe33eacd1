"""Who changed what: nothing without a record, no values in it, one's own project alone."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from functions.manage.audit_shapes import AuditAction
from functions.manage.routes import declare
from hooktrace.domain.audit import AuditRecord
from hooktrace.domain.errors import Unavailable
from tests.unit.manage.room import URL, Room


def trail(room: Room, query: str = "", key: str = "P:admin") -> list[dict[str, Any]]:
    answer = room.call("GET", f"/v1/audit{query}", key=key)
    assert answer.status == 200, answer.text
    return answer.json["items"]  # type: ignore[no-any-return] # decoded JSON


def key_id(room: Room, name: str) -> str:
    return "key_" + room.keys[name].split("_")[1]


def test_a_change_is_on_record_with_its_key_time_and_target(room: Room) -> None:
    endpoint = room.endpoint(headers={"x-token": "very secret"}, description="shop")
    (record,) = trail(room)
    assert record["action"] == "createEndpoint"
    assert record["target"] == endpoint["id"]
    assert record["key_id"] == key_id(room, "P:admin")
    assert record["members"] == ["url", "headers", "description"]
    assert (record["outcome"], record["status"]) == ("done", 201)
    assert record["time"].startswith("2027-01-15T08:00:00.")
    assert (record["source_ip"], record["request_id"]) == ("192.0.2.1", "r")
    assert "very secret" not in str(record)
    assert URL not in str(record)


def test_what_was_refused_is_on_record_too(room: Room) -> None:
    endpoint = room.endpoint()
    path = f"/v1/endpoints/{endpoint['id']}"
    assert room.call("PATCH", path, {"url": 7}).status == 400
    assert room.call("PATCH", path, {"description": "x"}, if_match='"v9"').status == 412
    assert room.call("POST", "/v1/deliveries/dlv_x/retry").status == 404
    seen = trail(room)
    assert [(r["action"], r["outcome"], r["status"]) for r in seen] == [
        ("retryDelivery", "refused", 404),
        ("updateEndpoint", "refused", 412),
        ("updateEndpoint", "refused", 400),
        ("createEndpoint", "done", 201),
    ]
    assert seen[1]["target"] == endpoint["id"]


def test_reading_and_trying_leave_no_record(room: Room) -> None:
    room.call("GET", "/v1/endpoints")
    room.call("POST", "/v1/subscriptions/test", {"event": {"type": "a"}})
    assert room.call("POST", "/v1/endpoints", {"url": URL}, key="P:read").status == 403
    assert trail(room) == []


def test_every_call_that_changes_something_is_wrapped(room: Room) -> None:
    bare = [
        route.key
        for route in declare(lambda: room.desks)
        if route.method != "GET"
        and route.scope != "read"
        and "audited" not in getattr(route.handler, "__qualname__", "")
    ]
    assert bare == []


def test_filters_order_and_times(room: Room) -> None:
    first = room.endpoint()
    second = room.endpoint()
    room.call("POST", f"/v1/endpoints/{first['id']}/disable")
    middle = trail(room)[0]["time"]
    room.call("PATCH", f"/v1/endpoints/{second['id']}", {"timeout_seconds": 0})
    assert [r["action"] for r in trail(room, f"?target={first['id']}&order=asc")] == [
        "createEndpoint",
        "disableEndpoint",
    ]
    assert [r["target"] for r in trail(room, "?action=createEndpoint")] == [
        second["id"],
        first["id"],
    ]
    assert [r["action"] for r in trail(room, "?outcome=refused")] == ["updateEndpoint"]
    assert [r["action"] for r in trail(room, f"?since={middle}")] == [
        "updateEndpoint",
        "disableEndpoint",
    ]
    assert len(trail(room, f"?until={middle}")) == 2
    assert trail(room, f"?key_id={key_id(room, 'P:write')}") == []
    assert room.call("GET", "/v1/audit?since=yesterday").status == 400
    assert room.call("GET", "/v1/audit?outcome=maybe").status == 400


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("action=updateEndpiont", "createProject"),
        ("action=createEvent", "testSubscription"),
        ("action=", "createProject"),
        ("key_id=ht_abc_secret", "key_"),
        ("key_id=key_1", "key_"),
        ("target=ep_1", "ep_"),
        ("target=https://example.com", "dlv_"),
        ("target=", "sub_"),
    ],
)
def test_a_filter_that_can_find_nothing_says_what_there_is(
    room: Room, query: str, says: str
) -> None:
    answer = room.call("GET", f"/v1/audit?{query}")
    assert (answer.status, answer.json["code"]) == (400, "invalid_parameter")
    (fault,) = answer.json["errors"]
    assert fault["parameter"] == query.partition("=")[0]
    assert says in fault["message"]


@pytest.mark.parametrize(
    "target",
    [
        "prj_01M3250V00YPRPA8JAB2VS3WER",
        "key_01M3250V00YPRPA8JAB2VS3WER",
        "evt_01M3250V00B5RP9H560P500203",
        "dlv_01M3250V00B5RP9H560P500203_01M3250V00YPRPA8JAB2VS3WER_0",
        "op_01M3250V00YPRPA8JAB2VS3WER",
    ],
)
def test_any_id_may_be_a_target(room: Room, target: str) -> None:
    assert trail(room, f"?target={target}") == []


def test_the_actions_that_can_be_asked_for_are_those_that_are_kept(room: Room) -> None:
    kept = {
        route.operation_id
        for route in declare(lambda: room.desks)
        if route.method != "GET" and route.scope != "read"
    }
    assert set(get_args(AuditAction)) == kept | {"testSubscription"}


def test_names_that_a_call_does_not_know_are_not_kept(room: Room) -> None:
    endpoint = room.endpoint()
    path = f"/v1/endpoints/{endpoint['id']}"
    wrong = {"sk_live_51H8": 1, "url": URL, "whsec_c2VjcmV0": True}
    assert room.call("PATCH", path, wrong).status == 400
    assert [(r["action"], r["members"]) for r in trail(room)] == [
        ("updateEndpoint", ["url"]),
        ("createEndpoint", ["url"]),
    ]


def test_what_is_no_id_is_not_kept_as_a_target(room: Room) -> None:
    assert room.call("DELETE", "/v1/keys/ht_ABC_very-secret").status == 404
    (record,) = trail(room)
    assert (record["action"], record["target"]) == ("revokeKey", None)
    assert "very-secret" not in str(record)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_hold_every_record_once(room: Room, order: str) -> None:
    made = [room.endpoint()["id"] for _ in range(7)]
    seen: list[str] = []
    query = f"?limit=3&order={order}"
    cursor = ""
    while True:
        answer = room.call("GET", f"/v1/audit{query}{cursor}").json
        seen += [item["target"] for item in answer["items"]]
        if answer["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert seen == (made if order == "asc" else made[::-1])
    assert room.call("GET", f"/v1/audit?limit=3&order=asc{cursor}x").status == 400


def test_a_walk_keeps_the_window_it_began_with_like_fc_53(room: Room) -> None:
    """`since` may be relative, and what is made meanwhile is not what was asked for."""
    made = [room.endpoint()["id"] for _ in range(3)]
    first = room.call("GET", "/v1/audit?since=-60s&limit=1&order=asc").json
    back = room.call("GET", "/v1/audit?since=-60s&limit=1").json
    room.clock.ms += 90_000
    room.endpoint()
    rest = room.call(
        "GET", f"/v1/audit?since=-60s&limit=9&order=asc&cursor={first['next_cursor']}"
    ).json
    assert [item["target"] for item in rest["items"]] == made[1:]
    older = room.call("GET", f"/v1/audit?since=-60s&limit=9&cursor={back['next_cursor']}").json
    assert [item["target"] for item in older["items"]] == made[1::-1]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_window_that_has_not_begun_is_an_empty_last_page(room: Room, order: str) -> None:
    room.endpoint()
    page = room.call("GET", f"/v1/audit?since=2100-01-01T00:00:00Z&order={order}")
    assert (page.status, page.json) == (200, {"items": [], "next_cursor": None})


def test_a_window_that_holds_nothing_is_empty_like_fc_54(room: Room) -> None:
    room.endpoint()
    for order in ("asc", "desc"):
        assert trail(room, f"?since=2999-01-01T00:00:00Z&order={order}") == []
    assert trail(room, "?until=1970-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    "query", ["key_id=", "key_id=x", "action=", "target=", "outcome=", "since=", "until="]
)
def test_an_empty_filter_says_nothing_like_fc_54(room: Room, query: str) -> None:
    refused = room.call("GET", f"/v1/audit?{query}")
    assert (refused.status, refused.json["code"]) == (400, "invalid_parameter")


def test_a_page_looks_at_no_more_than_its_share(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hooktrace.usecases.keep_audit.LOOKED_AT", 4)
    monkeypatch.setattr("hooktrace.usecases.keep_audit.PIECE", 2)
    for _ in range(7):
        room.endpoint()
    answer = room.call("GET", "/v1/audit?outcome=refused").json
    assert answer["items"] == []
    again = room.call("GET", f"/v1/audit?outcome=refused&cursor={answer['next_cursor']}").json
    assert again == {"items": [], "next_cursor": None}


def test_another_project_sees_nothing_of_it(room: Room) -> None:
    endpoint = room.endpoint()
    room.call("DELETE", f"/v1/endpoints/{endpoint['id']}", key="Q:admin")
    assert [r["status"] for r in trail(room, key="Q:admin")] == [404]
    assert [r["action"] for r in trail(room)] == ["createEndpoint"]
    assert room.call("GET", "/v1/audit", key="P:write").status == 403


def test_without_a_record_nothing_is_changed(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(_: AuditRecord) -> None:
        raise Unavailable("throttled")

    with monkeypatch.context() as patch:
        patch.setattr(type(room.desks.audit.store), "put_audit", lambda _, record: down(record))
        assert room.call("POST", "/v1/endpoints", {"url": URL}).status == 503
    assert room.call("GET", "/v1/endpoints").json == {"items": [], "next_cursor": None}
    assert trail(room) == []


def test_what_is_done_stays_done_when_the_record_cannot_be_completed(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(room.desks.audit.store)
    put = kind.put_audit

    def once(store: Any, record: AuditRecord) -> None:
        if record.status is not None:
            raise Unavailable("throttled")
        put(store, record)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "put_audit", once)
        assert room.call("POST", "/v1/endpoints", {"url": URL}).status == 201
    assert room.log[-1]["audit"] == "unfinished"
    (record,) = trail(room)
    assert (record["outcome"], record["status"]) == ("unknown", None)
