"""Header values and `auth` of endpoints: taken, masked, kept, refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hooktrace.domain.endpoint_auth import BasicAuth, ClientCredentials
from tests.unit.manage.room import URL, Room

BASIC = {"type": "basic", "username": "hooks", "password": "the-password"}
OAUTH = {
    "type": "oauth2_client_credentials",
    "token_url": "https://id.example.com/token",
    "client_id": "client",
    "client_secret": "the-client-secret",
    "scope": "a:b c",
    "audience": "https://api.example.com/",
    "auth_style": "body",
}


def path(endpoint: dict[str, Any]) -> str:
    return f"/v1/endpoints/{endpoint['id']}"


def test_auth_is_taken_and_shown_without_its_secret(room: Room) -> None:
    basic, oauth = room.endpoint(auth=BASIC), room.endpoint(auth=OAUTH)
    assert basic["auth"] == BASIC | {"password": "***"}
    assert oauth["auth"] == OAUTH | {"client_secret": "***"}
    assert room.stored(basic["id"]).auth == BasicAuth("hooks", "the-password")
    assert room.stored(oauth["id"]).auth == ClientCredentials(
        "https://id.example.com/token",
        "client",
        "the-client-secret",
        "a:b c",
        "https://api.example.com/",
        "body",
    )
    bare = {name: OAUTH[name] for name in ("type", "token_url", "client_id", "client_secret")}
    shown = room.endpoint(auth=bare)["auth"]
    assert shown == bare | {
        "client_secret": "***",
        "scope": None,
        "audience": None,
        "auth_style": "basic",
    }
    assert room.call("PATCH", path(basic), {"auth": None}).json["auth"] is None
    assert room.stored(basic["id"]).auth is None


def test_what_a_get_shows_can_be_sent_back(room: Room) -> None:
    made = room.endpoint(auth=OAUTH, headers={"X-A": "the-value-a", "X-B": "the-value-b"})
    seen = room.call("GET", path(made))
    assert seen.json["headers"] == {"X-A": "***", "X-B": "***"}
    same = room.call("PATCH", path(made), {k: seen.json[k] for k in ("auth", "headers")})
    assert same.headers["etag"] == seen.headers["etag"]
    changed = room.call(
        "PATCH",
        path(made),
        {
            "headers": {"x-a": "***", "X-C": "the-value-c"},
            "auth": seen.json["auth"] | {"scope": "d"},
        },
    )
    assert changed.json["headers"] == {"x-a": "***", "X-C": "***"}
    stored = room.stored(made["id"])
    assert stored.headers == (("x-a", "the-value-a"), ("X-C", "the-value-c"))
    assert isinstance(stored.auth, ClientCredentials)
    assert (stored.auth.client_secret, stored.auth.scope) == ("the-client-secret", "d")
    again = room.call("PATCH", path(made), {"auth": OAUTH | {"client_secret": "another-secret"}})
    assert again.headers["etag"] != changed.headers["etag"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"headers": {"X-New": "***"}}, "/headers/X-New"),
        ({"auth": BASIC | {"password": "***"}}, "/auth/password"),
        ({"auth": OAUTH | {"client_secret": "***"}}, "/auth/client_secret"),
    ],
)
def test_a_mask_must_stand_for_something(room: Room, change: dict[str, Any], pointer: str) -> None:
    plain = room.endpoint()
    for answer in (
        room.call("POST", "/v1/endpoints", {"url": URL} | change),
        room.call("PATCH", path(plain), change),
    ):
        assert (answer.status, answer.json["code"]) == (400, "invalid_field")
        assert answer.faults == {(pointer, "nothing_masked")}
    other = room.endpoint(auth=OAUTH)
    refused = room.call("PATCH", path(other), {"auth": BASIC | {"password": "***"}})
    assert refused.status == 400


def test_a_stored_client_secret_is_for_its_token_url_alone(room: Room) -> None:
    made = room.endpoint(auth=OAUTH)
    elsewhere = OAUTH | {"token_url": "https://elsewhere.example.com/token"}
    refused = room.call("PATCH", path(made), {"auth": elsewhere | {"client_secret": "***"}})
    assert (refused.status, refused.json["code"]) == (400, "invalid_field")
    assert refused.faults == {("/auth/client_secret", "secret_needed")}
    stored = room.stored(made["id"]).auth
    assert isinstance(stored, ClientCredentials)
    assert stored.token_url == OAUTH["token_url"]
    moved = room.call("PATCH", path(made), {"auth": elsewhere | {"client_secret": "given-again"}})
    assert moved.status == 200
    stored = room.stored(made["id"]).auth
    assert isinstance(stored, ClientCredentials)
    assert (stored.token_url, stored.client_secret) == (elsewhere["token_url"], "given-again")


def test_what_is_sent_to_an_endpoint_moves_with_it(room: Room) -> None:
    made = room.endpoint(auth=BASIC, headers={"X-A": "the-value-a"})
    seen = room.call("GET", path(made)).json
    change = {name: seen[name] for name in ("auth", "headers")} | {"url": f"{URL}/moved"}
    change["auth"] = {k: v for k, v in change["auth"].items() if v is not None}
    assert room.call("PATCH", path(made), change).status == 200
    stored = room.stored(made["id"])
    assert isinstance(stored.auth, BasicAuth)
    assert (stored.auth.password, stored.headers) == (BASIC["password"], (("X-A", "the-value-a"),))


@pytest.mark.parametrize("auth", [BASIC, OAUTH])
def test_authorization_is_set_in_one_place(room: Room, auth: dict[str, Any]) -> None:
    header = {"headers": {"AUTHORIZATION": "Bearer x"}}
    one, other = room.endpoint(auth=auth), room.endpoint(**header)
    for answer in (
        room.call("POST", "/v1/endpoints", {"url": URL, "auth": auth} | header),
        room.call("PATCH", path(one), header),
        room.call("PATCH", path(other), {"auth": auth}),
    ):
        assert answer.status == 400
        assert answer.faults == {("/headers/AUTHORIZATION", "invalid_field")}
    moved = room.call("PATCH", path(other), {"auth": auth, "headers": {}})
    assert moved.status == 200


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://id.example.com/token", "http_not_allowed"),
        ("https://169.254.169.254/token", "blocked_address"),
        ("https://localhost/token", "blocked_address"),
        ("https://user:word@id.example.com/", "invalid_url"),
        ("", "invalid_url"),
    ],
)
def test_the_token_url_is_as_strict_as_the_endpoints_own(room: Room, url: str, code: str) -> None:
    auth = OAUTH | {"token_url": url}
    for answer in (
        room.call("POST", "/v1/endpoints", {"url": URL, "auth": auth}),
        room.call("PATCH", path(room.endpoint()), {"auth": auth}),
    ):
        assert (answer.status, answer.json["code"]) == (422, code)
        assert answer.faults == {("/auth/token_url", code)}


@pytest.mark.parametrize(
    "auth",
    [
        "basic",
        {},
        {"type": "digest"},
        {"type": "basic", "username": "a"},
        BASIC | {"username": "a:b"},
        BASIC | {"username": ""},
        BASIC | {"password": "a\n"},
        BASIC | {"password": 7},
        BASIC | {"client_id": "x"},
        OAUTH | {"client_secret": ""},
        OAUTH | {"client_id": "a\r"},
        OAUTH | {"scope": ""},
        OAUTH | {"scope": "a  b"},
        OAUTH | {"scope": 'a"b'},
        OAUTH | {"auth_style": "query"},
        OAUTH | {"token_url": "https://id.example.com/" + "x" * 2_048},
    ],
    ids=lambda auth: json.dumps(auth)[:60],
)
def test_auth_out_of_bounds_is_refused_where_it_stands(room: Room, auth: Any) -> None:
    for answer in (
        room.call("POST", "/v1/endpoints", {"url": URL, "auth": auth}),
        room.call("PATCH", path(room.endpoint()), {"auth": auth}),
    ):
        assert answer.status == 400, answer.text
        assert all(fault["pointer"].startswith("/auth") for fault in answer.json["errors"])
        assert "the-client-secret" not in (answer.text or "")
