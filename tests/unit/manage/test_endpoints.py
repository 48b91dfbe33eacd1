from __future__ import annotations

import json
from typing import Any

import pytest

from hooktrace.adapters.registry.endpoints import RegistryEndpoints
from hooktrace.domain.errors import Unavailable
from tests.unit.manage.room import URL, Room

DAY_MS = 24 * 3600 * 1000

REFUSED_URLS = [
    "http://127.0.0.1/",
    "https://127.0.0.1:8443/h",
    "https://10.0.0.5/",
    "https://172.31.255.1/",
    "https://192.168.1.10/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/",
    "https://100.64.0.1/",
    "https://100.100.100.200/",
    "https://0.0.0.0/",
    "https://255.255.255.255/",
    "https://224.0.0.5/",
    "https://192.0.0.192/",
    "https://198.18.0.1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fe80::1]/",
    "https://[fd00:ec2::254]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::a00:5]/",
    "https://[2002:7f00:1::]/",
    "https://[::169.254.169.254]/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://localhost/",
    "https://localhost./",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "//hooks.example.com/x",
    "https:///x",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:99999/",
    "",
    "https://user:word@hooks.example.com/",
    "https://hooks.example.com:22/",
    "https://hooks.example.com/" + "x" * 2048,
]
GOOD_URLS = [
    "https://hooks.example.com/in?x=1&y=%2F#frag",
    "https://xn--bcher-kva.example/",
    "https://93.184.216.34/",
]


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_urls_that_lead_inside_or_nowhere_are_refused(room: Room, url: str) -> None:
    good = room.endpoint()
    for answer in (
        room.call("POST", "/v1/endpoints", {"url": url}),
        room.call("PATCH", f"/v1/endpoints/{good['id']}", {"url": url}),
    ):
        assert answer.status == 422
        assert answer.json["code"] in {"invalid_url", "blocked_address"}
        assert answer.faults == {("/url", answer.json["code"])}
    assert room.call("GET", f"/v1/endpoints/{good['id']}").json["url"] == URL


@pytest.mark.parametrize("url", GOOD_URLS)
def test_good_urls_are_taken_as_they_stand(room: Room, url: str) -> None:
    made = room.call("POST", "/v1/endpoints", {"url": url})
    assert (made.status, made.json["url"]) == (201, url)
    changed = room.call("PATCH", f"/v1/endpoints/{room.endpoint()['id']}", {"url": url})
    assert (changed.status, changed.json["url"]) == (200, url)


def test_http_is_for_projects_that_allow_it(room: Room) -> None:
    refused = room.call("POST", "/v1/endpoints", {"url": "http://hooks.example.com/"})
    assert (refused.status, refused.json["code"]) == (422, "http_not_allowed")
    room.call("PATCH", f"/v1/projects/{room.projects['P']}", {"allow_http": True})
    assert room.endpoint(url="http://hooks.example.com/")["url"] == "http://hooks.example.com/"


def test_loopback_needs_the_local_stack_and_a_project_that_allows_http(local_room: Room) -> None:
    body = {"url": "http://127.0.0.1:9000/in"}
    assert local_room.call("POST", "/v1/endpoints", body, key="local:admin").status == 201
    refused = local_room.call("POST", "/v1/endpoints", body)
    assert (refused.status, refused.json["code"]) == (422, "blocked_address")
    body = {"url": "http://10.0.0.5/"}
    assert local_room.call("POST", "/v1/endpoints", body, key="local:admin").status == 422


UNTRIED = {
    "state": "untried",
    "last_success_at": None,
    "last_failure": None,
    "failing_since": None,
    "warned_at": None,
    "disables_at": None,
}


def test_an_endpoint_is_made_and_read_but_its_secret_is_shown_once(room: Room) -> None:
    made = room.call("POST", "/v1/endpoints", {"url": URL, "description": "orders"})
    assert made.status == 201
    assert made.headers["location"] == f"/v1/endpoints/{made.json['id']}"
    assert made.headers["etag"] == '"v1"'
    assert made.json["secret"].startswith("whsec_")
    assert made.json["previous_secret_expires_at"] is None

    seen = room.call("GET", made.headers["location"], key="P:read")
    assert seen.headers["etag"] == '"v1"'
    assert seen.json == {
        "health": UNTRIED,
        "lane": "fast",
        "brake": {"requests_under_way": None, "next_turn_at": None},
        "id": made.json["id"],
        "url": URL,
        "state": "enabled",
        "disabled_reason": None,
        "disabled_at": None,
        "description": "orders",
        "retry_schedule": None,
        "timeout_seconds": 15,
        "rate_limit": None,
        "concurrency": None,
        "permanent_statuses": [],
        "headers": {},
        "auth": None,
        "payload": "envelope",
        "metadata": {},
        "signatures": ["v1"],
        "public_keys": [],
        "secrets": [{"expires_at": None}],
        "created_at": made.json["created_at"],
        "updated_at": made.json["updated_at"],
    }
    for answer in (
        room.call("GET", "/v1/endpoints"),
        room.call("PATCH", made.headers["location"], {"description": "x"}),
        room.call("POST", made.headers["location"] + "/disable"),
    ):
        assert "whsec_" not in (answer.text or "")


def test_all_settings_are_taken_and_kept(room: Room) -> None:
    settings: dict[str, Any] = {
        "retry_schedule": [5, 300],
        "timeout_seconds": 30,
        "rate_limit": {"requests": 1, "seconds": 10},
        "concurrency": 4,
        "permanent_statuses": [404, 422],
        "headers": {"X-Api-Key": "k", "Authorization": "Bearer t"},
        "payload": "data",
        "metadata": {"customer": "ü"},
    }
    made = room.endpoint(**settings)
    masked = {"headers": {"X-Api-Key": "***", "Authorization": "***"}}
    assert {name: made[name] for name in settings} == settings | masked
    path = f"/v1/endpoints/{made['id']}"
    assert room.call("PATCH", path, {"retry_schedule": []}).json["retry_schedule"] == []
    changed = room.call("PATCH", path, {"retry_schedule": None, "concurrency": None})
    assert (changed.json["retry_schedule"], changed.json["concurrency"]) == (None, None)
    assert changed.json["headers"] == masked["headers"]
    assert dict(room.stored(made["id"]).headers) == settings["headers"]


@pytest.mark.parametrize(
    "field",
    [
        {"retry_schedule": [0]},
        {"retry_schedule": [86_401]},
        {"retry_schedule": [1] * 21},
        {"retry_schedule": [1.5]},
        {"timeout_seconds": 0},
        {"timeout_seconds": 31},
        {"timeout_seconds": "5"},
        {"timeout_seconds": None},
        {"rate_limit": {"requests": 0}},
        {"rate_limit": {"requests": 1, "seconds": 0}},
        {"rate_limit": {"requests": 1, "seconds": 3_601}},
        {"rate_limit": {"requests": 10_001}},
        {"rate_limit": {"seconds": 1}},
        {"rate_limit": 5},
        {"rate_limit_per_second": 5},
        {"concurrency": 1001},
        {"permanent_statuses": [200]},
        {"permanent_statuses": [600]},
        {"description": "x" * 513},
        {"payload": "body"},
        {"metadata": {"a": 1}},
        {"metadata": {str(n): "" for n in range(21)}},
        {"metadata": {"k" * 65: ""}},
        {"headers": {"Host": "x"}},
        {"headers": {"content-length": "1"}},
        {"headers": {"Webhook-Id": "x"}},
        {"headers": {"hooktrace-attempt": "9"}},
        {"headers": {"traceparent": "x"}},
        {"headers": {"X-A": "a\r\nX-B: b"}},
        {"headers": {"X-A": "a\n"}},
        {"headers": {"X-A\r\n": "a"}},
        {"headers": {"X A": "a"}},
        {"headers": {"": "a"}},
        {"headers": {"X-A": "é"}},
        {"headers": {"X-A": "a\u0000"}},
        {"headers": {"X-A": " a"}},
        {"headers": {"X-A": "a", "x-a": "b"}},
        {"headers": {f"X-{n}": "a" for n in range(21)}},
        {"headers": {"X-A": "a" * 1025}},
        {"headers": {f"X-{n}": "a" * 1000 for n in range(5)}},
        {"secret": "whsec_x"},
        {"private_key": "whsk_x"},
        {"signatures": []},
        {"signatures": ["v2"]},
        {"signatures": "v1"},
        {"state": "disabled"},
    ],
    ids=lambda field: json.dumps(field)[:40],
)
def test_settings_out_of_bounds_are_refused_where_they_stand(
    room: Room, field: dict[str, Any]
) -> None:
    path = f"/v1/endpoints/{room.endpoint()['id']}"
    before = room.call("GET", path).json
    for answer in (
        room.call("POST", "/v1/endpoints", {"url": URL} | field),
        room.call("PATCH", path, field),
    ):
        assert answer.status == 400
        pointers = {fault["pointer"] for fault in answer.json["errors"]}
        assert all(pointer.startswith(f"/{next(iter(field))}") for pointer in pointers)
    assert room.call("GET", path).json == before


def test_rotation_shows_the_new_secret_and_keeps_the_old_one_for_a_day(room: Room) -> None:
    made = room.endpoint()
    rotated = room.call("POST", f"/v1/endpoints/{made['id']}/rotate-secret")
    assert rotated.status == 200
    assert rotated.json["secret"] != made["secret"]
    stored = room.stored(made["id"])
    now_ms = stored.updated_ms
    assert stored.signing_secrets(now_ms) == (rotated.json["secret"], made["secret"])
    assert stored.signing_secrets(now_ms + DAY_MS - 1) == (rotated.json["secret"], made["secret"])
    assert stored.signing_secrets(now_ms + DAY_MS) == (rotated.json["secret"],)
    assert "whsec_" not in (room.call("GET", f"/v1/endpoints/{made['id']}").text or "")


def test_a_second_rotation_keeps_every_promise_and_there_is_a_most(room: Room) -> None:
    made = room.endpoint()
    path = f"/v1/endpoints/{made['id']}/rotate-secret"
    secrets = [made["secret"], *(room.call("POST", path).json["secret"] for _ in range(4))]
    stored = room.stored(made["id"])
    assert stored.signing_secrets(room.clock.ms) == tuple(reversed(secrets))
    refused = room.call("POST", path)
    assert (refused.status, refused.json["code"]) == (409, "too_many_secrets")
    room.clock.ms += DAY_MS
    assert room.call("POST", path).status == 200


def test_disabling_and_enabling_reach_matching(room: Room) -> None:
    endpoint_id = room.endpoint()["id"]
    path = f"/v1/endpoints/{endpoint_id}"
    disabled = room.call("POST", path + "/disable")
    assert (disabled.json["state"], disabled.json["disabled_reason"]) == ("disabled", "manual")
    assert disabled.json["disabled_at"] is not None
    again = room.call("POST", path + "/disable")
    assert again.json == disabled.json
    assert again.headers["etag"] == disabled.headers["etag"]
    enabled = room.call("POST", path + "/enable")
    assert (enabled.json["state"], enabled.json["disabled_reason"]) == ("enabled", None)
    assert enabled.json["disabled_at"] is None
    changes = room.registry.matching.changes_since(room.projects["P"], 1)
    assert changes is not None
    assert changes.endpoints_enabled == (endpoint_id,)


def test_deleting_takes_the_subscriptions_along(room: Room) -> None:
    kept, gone = room.endpoint()["id"], room.endpoint()["id"]
    others = [room.subscription(kept)["id"]]
    for _ in range(120):
        room.subscription(gone)
    assert room.call("DELETE", f"/v1/endpoints/{gone}").status == 204
    assert room.call("GET", f"/v1/endpoints/{gone}").status == 404
    assert room.call("DELETE", f"/v1/endpoints/{gone}").status == 404
    listed = room.call("GET", "/v1/subscriptions?limit=200").json
    assert [each["id"] for each in listed["items"]] == others


def test_a_delete_that_was_done_is_answered_so_whatever_its_purge_meets(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = room.endpoint()["id"]
    for _ in range(60):
        room.subscription(gone)

    def refuse(*_: object, **__: object) -> bool:
        raise Unavailable("not now")

    with monkeypatch.context() as patched:
        patched.setattr(RegistryEndpoints, "purge_subscriptions", refuse)
        assert room.call("DELETE", f"/v1/endpoints/{gone}").status == 204
    (entry,) = room.call("GET", "/v1/audit?action=deleteEndpoint").json["items"]
    assert (entry["target"], entry["outcome"]) == (gone, "done")
    project = room.projects["P"]
    assert (project, gone) in room.registry.endpoints.pending_purges()
    while not room.registry.endpoints.purge_subscriptions(project, gone):
        pass
    assert room.call("GET", "/v1/subscriptions?limit=200").json["items"] == []
