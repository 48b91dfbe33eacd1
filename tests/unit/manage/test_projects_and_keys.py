from __future__ import annotations

import pytest

from tests.unit.manage.room import Room


def test_a_new_project_comes_with_an_admin_key_that_works(room: Room) -> None:
    made = room.call("POST", "/v1/projects", {"name": "shop", "retention_days": 7})
    assert made.status == 201
    assert made.headers["location"] == f"/v1/projects/{made.json['id']}"
    assert made.json["retention_days"] == 7
    key = made.json["admin_key"]
    assert key["scopes"] == ["admin"]

    room.keys["shop"] = key["token"]
    seen = room.call("GET", "/v1/projects", key="shop")
    assert [project["id"] for project in seen.json["items"]] == [made.json["id"]]
    assert "admin_key" not in seen.json["items"][0]


def test_another_project_is_as_one_that_never_was(room: Room) -> None:
    other = room.projects["Q"]
    never = other[:-1] + ("0" if other[-1] != "0" else "1")
    for method, body in (("GET", None), ("PATCH", {"name": "x"})):
        answers = [room.call(method, f"/v1/projects/{each}", body) for each in (other, never)]
        assert [answer.status for answer in answers] == [404, 404]
        assert answers[0].text == answers[1].text


def test_settings_of_a_project_change_and_stay_in_bounds(room: Room) -> None:
    path = f"/v1/projects/{room.projects['P']}"
    changed = room.call("PATCH", path, {"redact_actual": True, "allow_http": True})
    assert (changed.status, changed.headers["etag"]) == (200, '"v2"')
    assert changed.json["redact_actual"] is True
    for body in (
        {"retention_days": 0},
        {"retention_days": 366},
        {"retention_days": "7"},
        {"name": ""},
        {"name": "x" * 129},
        {"name": "a\nb"},
        {"shards": 8},
        {"allow_http": 1},
    ):
        refused = room.call("PATCH", path, body)
        assert refused.status == 400, body
        assert [fault["pointer"] for fault in refused.json["errors"]] == [f"/{next(iter(body))}"]
    assert room.call("GET", path).json == changed.json


def test_a_token_is_shown_once_and_ends_when_revoked(room: Room) -> None:
    made = room.call("POST", "/v1/keys", {"name": "ci", "scopes": ["write", "read"]})
    assert made.status == 201
    room.keys["ci"] = made.json["token"]
    assert room.call("GET", "/v1/endpoints", key="ci").status == 200

    read = room.call("GET", made.headers["location"])
    assert read.json == {k: v for k, v in made.json.items() if k != "token"}
    listed = room.call("GET", "/v1/keys")
    assert "ht_" not in (listed.text or "")
    assert made.json["id"] in {key["id"] for key in listed.json["items"]}

    assert room.call("DELETE", f"/v1/keys/{made.json['id']}").status == 204
    assert room.call("DELETE", f"/v1/keys/{made.json['id']}").status == 404
    assert room.call("GET", f"/v1/keys/{made.json['id']}").status == 404
    room.clock.ms += 30_001  # longer than keys are cached
    assert room.call("GET", "/v1/endpoints", key="ci").status == 401


def test_another_projects_key_cannot_be_revoked(room: Room) -> None:
    key_id = room.call("GET", "/v1/keys", key="Q:admin").json["items"][0]["id"]
    assert room.call("DELETE", f"/v1/keys/{key_id}").status == 404
    assert room.call("GET", f"/v1/keys/{key_id}").status == 404
    assert len(room.call("GET", "/v1/keys", key="Q:admin").json["items"]) == 3


def test_a_project_has_a_most_of_keys(room: Room) -> None:
    for _ in range(97):
        assert room.call("POST", "/v1/keys", {"name": "k", "scopes": ["read"]}).status == 201
    refused = room.call("POST", "/v1/keys", {"name": "k", "scopes": ["read"]})
    assert refused.json["code"] == "too_many_keys"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "k", "scopes": []},
        {"name": "k", "scopes": ["root"]},
        {"name": "k"},
        {"scopes": ["read"]},
        {"name": "k", "scopes": "read"},
    ],
)
def test_malformed_keys_are_refused(room: Room, body: dict[str, object]) -> None:
    assert room.call("POST", "/v1/keys", body).status == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/projects"),
        ("GET", "/v1/projects"),
        ("POST", "/v1/keys"),
        ("GET", "/v1/keys"),
        ("GET", "/v1/keys/key_x"),
        ("DELETE", "/v1/keys/key_x"),
        ("POST", "/v1/endpoints"),
        ("PATCH", "/v1/endpoints/ep_x"),
        ("DELETE", "/v1/endpoints/ep_x"),
        ("POST", "/v1/endpoints/ep_x/enable"),
        ("POST", "/v1/endpoints/ep_x/disable"),
        ("POST", "/v1/endpoints/ep_x/rotate-secret"),
        ("POST", "/v1/subscriptions"),
        ("PATCH", "/v1/subscriptions/sub_x"),
        ("DELETE", "/v1/subscriptions/sub_x"),
        ("POST", "/v1/subscriptions/sub_x/enable"),
        ("POST", "/v1/subscriptions/sub_x/disable"),
    ],
)
def test_what_changes_things_needs_an_admin_key(room: Room, method: str, path: str) -> None:
    for key in ("P:write", "P:read"):
        assert room.call(method, path, key=key).status == 403


def test_secrets_and_tokens_never_reach_the_log(room: Room) -> None:
    token = room.call("POST", "/v1/keys", {"name": "n", "scopes": ["read"]}).json["token"]
    secret = room.endpoint(headers={"Authorization": "Bearer sesame"})["secret"]
    lines = str(room.log)
    assert token.split("_", 2)[2] not in lines
    assert secret not in lines
    assert "sesame" not in lines


def test_a_project_chooses_what_it_is_told_and_where(room: Room) -> None:
    path = f"/v1/projects/{room.projects['P']}"
    before = room.call("GET", path).json["notifications"]
    assert "delivery.failed" in before["kinds"]
    assert "delivery.succeeded" not in before["kinds"]
    assert before["endpoint_ids"] == []
    endpoint = room.endpoint()["id"]
    choice = {"kinds": ["event.succeeded", "delivery.failed"], "endpoint_ids": [endpoint]}
    changed = room.call("PATCH", path, {"notifications": choice})
    assert changed.status == 200
    assert changed.json["notifications"] == {
        "kinds": ["delivery.failed", "event.succeeded"],
        "endpoint_ids": [endpoint],
    }
    assert room.call("GET", path).json == changed.json
    back = room.call("PATCH", path, {"notifications": {}})
    assert back.json["notifications"] == before
    none = room.call("PATCH", path, {"notifications": {"kinds": []}})
    assert none.json["notifications"] == {"kinds": [], "endpoint_ids": []}
    assert room.call("GET", path).json == none.json


@pytest.mark.parametrize(
    ("choice", "pointer", "status"),
    [
        ({"kinds": ["event.exploded"]}, "/notifications/kinds/0", 400),
        ({"kinds": "event.failed"}, "/notifications/kinds", 400),
        ({"endpoint_ids": ["x"]}, "/notifications/endpoint_ids/0", 400),
        ({"endpoints": []}, "/notifications/endpoints", 400),
        ({"endpoint_ids": ["ep_01M3250V00YPRPA8JAB2VS3201"]}, "/notifications/endpoint_ids/0", 422),
    ],
)
def test_a_choice_that_cannot_be_is_refused(
    room: Room, choice: dict[str, object], pointer: str, status: int
) -> None:
    path = f"/v1/projects/{room.projects['P']}"
    refused = room.call("PATCH", path, {"notifications": choice})
    assert refused.status == status
    assert [fault["pointer"] for fault in refused.json["errors"]] == [pointer]


def test_another_projects_endpoint_cannot_be_told(room: Room) -> None:
    endpoint = room.endpoint()["id"]
    choice = {"notifications": {"endpoint_ids": [endpoint]}}
    path = f"/v1/projects/{room.projects['Q']}"
    refused = room.call("PATCH", path, choice, key="Q:admin")
    assert (refused.status, refused.json["code"]) == (422, "unknown_reference")
    assert room.call("PATCH", path, choice).status == 404
