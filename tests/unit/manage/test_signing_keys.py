"""Schemes of signatures, keys of one's own, and rotation of both kinds."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from hooktrace.domain.signing import new_key, new_secret, public_key
from tests.unit.manage.room import URL, Room

DAY_MS = 24 * 3600 * 1000
SECRET, OTHER_SECRET = new_secret(bytes(32)), new_secret(bytes(range(32)))
KEY, OTHER_KEY = new_key(bytes(32)), new_key(bytes(range(32)))


def signing(room: Room, endpoint_id: str, now_ms: int | None = None) -> list[str]:
    """What signs now, or at another time."""
    stored = room.stored(endpoint_id)
    return list(stored.signing_secrets(room.clock.ms if now_ms is None else now_ms))


def rotate(room: Room, endpoint: dict[str, Any], body: Any = None) -> Any:
    answer = room.call("POST", f"/v1/endpoints/{endpoint['id']}/rotate-secret", body)
    assert answer.status == 200, answer.text
    return answer.json


def test_a_public_key_is_shown_always_and_its_private_half_never(room: Room) -> None:
    made = room.endpoint(signatures=["v1a", "v1"])
    assert made["signatures"] == ["v1", "v1a"]
    assert made["secret"].startswith("whsec_")
    ((shown),) = made["public_keys"]
    assert shown["expires_at"] is None
    assert len(base64.b64decode(shown["key"].removeprefix("whpk_"))) == 32
    path = f"/v1/endpoints/{made['id']}"
    seen = room.call("GET", path, key="P:read")
    assert seen.json["public_keys"] == made["public_keys"]
    secret, private = signing(room, made["id"])
    assert secret == made["secret"]
    assert public_key(private) == shown["key"]
    for answer in (seen, room.call("GET", "/v1/endpoints"), room.call("PATCH", path, {})):
        assert "whsk_" not in (answer.text or "")


def test_v1a_alone_signs_with_the_key_alone(room: Room) -> None:
    made = room.endpoint(signatures=["v1a"])
    (private,) = signing(room, made["id"])
    assert private.startswith("whsk_")
    path = f"/v1/endpoints/{made['id']}"
    changed = room.call("PATCH", path, {"signatures": ["v1"]})
    assert changed.json["signatures"] == ["v1"]
    assert signing(room, made["id"]) == [made["secret"]]
    back = room.call("PATCH", path, {"signatures": ["v1", "v1a"]})
    assert back.json["public_keys"] == made["public_keys"]
    assert signing(room, made["id"]) == [made["secret"], private]


def test_choosing_v1a_later_makes_a_key_once(room: Room) -> None:
    made = room.endpoint()
    path = f"/v1/endpoints/{made['id']}"
    changed = room.call("PATCH", path, {"signatures": ["v1", "v1a"]})
    ((shown),) = changed.json["public_keys"]
    again = room.call("PATCH", path, {"signatures": ["v1a", "v1"]})
    assert again.json["public_keys"] == [shown]
    assert again.headers["etag"] == changed.headers["etag"]


def test_rotation_retires_both_kinds_after_a_day(room: Room) -> None:
    made = room.endpoint(signatures=["v1", "v1a"])
    before = signing(room, made["id"])
    rotated = rotate(room, made)
    new, old = rotated["public_keys"]
    assert (new["expires_at"], old["key"]) == (None, made["public_keys"][0]["key"])
    assert old["expires_at"] == rotated["previous_secret_expires_at"]
    now = signing(room, made["id"])
    assert now[0] == rotated["secret"]
    assert now[2:] == before
    stored = room.stored(made["id"])
    assert signing(room, made["id"], stored.updated_ms + DAY_MS - 1) == now
    assert signing(room, made["id"], stored.updated_ms + DAY_MS) == now[:2]


def test_keys_of_ones_own_at_the_start_and_in_a_rotation(room: Room) -> None:
    made = room.endpoint(signatures=["v1", "v1a"], secret=SECRET, private_key=KEY)
    assert made["secret"] == SECRET
    assert signing(room, made["id"]) == [SECRET, KEY]
    rotated = rotate(room, made, {"private_key": OTHER_KEY})
    assert (rotated["secret"], rotated["previous_secret_expires_at"]) == (None, None)
    assert signing(room, made["id"]) == [OTHER_KEY, SECRET, KEY]
    rotated = rotate(room, made, {"secret": OTHER_SECRET})
    assert rotated["secret"] == OTHER_SECRET
    assert [shown["key"] for shown in rotated["public_keys"]] == [
        public_key(OTHER_KEY),
        public_key(KEY),
    ]


def test_each_scheme_has_its_own_most(room: Room) -> None:
    made = room.endpoint(signatures=["v1", "v1a"])
    for _ in range(4):
        rotate(room, made)
    assert len(signing(room, made["id"])) == 10
    path = f"/v1/endpoints/{made['id']}/rotate-secret"
    for body in (None, {"private_key": KEY}, {"secret": SECRET}):
        refused = room.call("POST", path, body)
        assert (refused.status, refused.json["code"]) == (409, "too_many_secrets")
    room.clock.ms += DAY_MS
    rotate(room, made)
    assert len(signing(room, made["id"])) == 4


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("secret", "whsec_c2hvcnQ="),
        ("secret", KEY),
        ("secret", public_key(KEY)),
        ("private_key", SECRET),
        ("private_key", "whsk_c2hvcnQ="),
        ("private_key", "whsk_no base64"),
        ("secret", "whsec_" + "A" * 32 + "=="),  # further padding
        ("secret", "whsec_" + "A" * 33 + "B=="),  # bits beyond the last byte
    ],
)
def test_keys_that_cannot_sign_are_refused_unrepeated(room: Room, field: str, value: str) -> None:
    made = room.endpoint(signatures=["v1", "v1a"])
    body = {"url": made["url"], "signatures": ["v1", "v1a"], field: value}
    for answer in (
        room.call("POST", "/v1/endpoints", body),
        room.call("POST", f"/v1/endpoints/{made['id']}/rotate-secret", {field: value}),
    ):
        assert (answer.status, answer.json["code"]) == (400, "invalid_secret")
        assert answer.faults == {(f"/{field}", "invalid_secret")}
        assert value[6:] not in (answer.text or "")


def test_a_private_key_is_for_those_who_sign_with_it(room: Room) -> None:
    made = room.endpoint()
    for answer in (
        room.call("POST", "/v1/endpoints", {"url": made["url"], "private_key": KEY}),
        room.call("POST", f"/v1/endpoints/{made['id']}/rotate-secret", {"private_key": KEY}),
    ):
        assert answer.faults == {("/private_key", "invalid_secret")}


def test_rotating_to_what_stands_already_is_refused(room: Room) -> None:
    made = room.endpoint(secret=SECRET)
    path = f"/v1/endpoints/{made['id']}/rotate-secret"
    answer = room.call("POST", path, {"secret": SECRET})
    assert answer.faults == {("/secret", "invalid_secret")}
    assert room.call("GET", f"/v1/endpoints/{made['id']}").headers["etag"] == '"v1"'


A_SECRET = "A secret is whsec_ and 24 to 64 bytes in standard base64, padded."
A_KEY = "A private key is whsk_ and 32 bytes in standard base64, padded."


@pytest.mark.parametrize(
    ("given", "pointer", "expected"),
    [
        (
            {"secret": "hunter2"},
            "/secret",
            A_SECRET,
        ),
        (
            {"secret": "whsk_AAAA"},
            "/secret",
            A_SECRET,
        ),
        (
            {"secret": "whsec_%%"},
            "/secret",
            A_SECRET,
        ),
        (
            {"private_key": "whsec_AAAA", "signatures": ["v1a"]},
            "/private_key",
            A_KEY,
        ),
        (
            {"private_key": "whsk_AAAA"},
            "/private_key",
            "A private key is for v1a. Choose v1a in signatures, too, or leave the key out.",
        ),
    ],
)
def test_a_key_that_is_none_is_told_what_one_is(
    room: Room, given: dict[str, Any], pointer: str, expected: str
) -> None:
    answer = room.call("POST", "/v1/endpoints", {"url": URL} | given)
    fault = {"pointer": pointer, "code": "invalid_secret", "message": expected}
    assert (answer.status, answer.json["errors"]) == (400, [fault])


def expiries(room: Room, endpoint: dict[str, Any]) -> list[str | None]:
    shown = room.call("GET", f"/v1/endpoints/{endpoint['id']}")
    assert "whsec_" not in (shown.text or "")
    return [secret["expires_at"] for secret in shown.json["secrets"]]


def test_a_leaked_secret_ends_at_once_also_one_that_an_earlier_rotation_retires(room: Room) -> None:
    made = room.endpoint()
    assert expiries(room, made) == [None]
    for _ in range(4):
        rotated = rotate(room, made)
    assert len(signing(room, made["id"])) == 5
    until = rotated["previous_secret_expires_at"]
    shown = expiries(room, made)
    assert (shown[0], shown[1], len(shown), shown.count(None)) == (None, until, 5, 1)
    last = rotate(room, made, {"overlap_seconds": 0})
    assert signing(room, made["id"]) == [last["secret"]]
    assert (last["previous_secret_expires_at"], expiries(room, made)) == (None, [None])


def test_a_rotation_says_for_how_long_those_before_sign(room: Room) -> None:
    made = room.endpoint()
    first = rotate(room, made, {"overlap_seconds": 604_800})
    now_ms = room.stored(made["id"]).updated_ms
    assert signing(room, made["id"], now_ms + 7 * DAY_MS - 1) == [first["secret"], made["secret"]]
    second = rotate(room, made)  # what was promised stands
    both = [second["secret"], made["secret"]]
    assert signing(room, made["id"], now_ms + 2 * DAY_MS) == both
    third = rotate(room, made, {"overlap_seconds": 60})
    now_ms = room.stored(made["id"]).updated_ms
    assert len(signing(room, made["id"], now_ms + 59_999)) == 4
    assert signing(room, made["id"], now_ms + 60_000) == [third["secret"]]


def test_an_overlap_for_one_scheme_leaves_the_other_alone(room: Room) -> None:
    made = room.endpoint(signatures=["v1", "v1a"])
    rotate(room, made)
    rotate(room, made, {"secret": OTHER_SECRET, "overlap_seconds": 0})
    assert len(expiries(room, made)) == 1
    shown = room.call("GET", f"/v1/endpoints/{made['id']}").json["public_keys"]
    assert [one["expires_at"] is None for one in shown] == [True, False]


@pytest.mark.parametrize("seconds", [-1, 604_801, 1.5, "60", True])
def test_an_overlap_is_within_seven_days(room: Room, seconds: Any) -> None:
    path = f"/v1/endpoints/{room.endpoint()['id']}/rotate-secret"
    refused = room.call("POST", path, {"overlap_seconds": seconds})
    assert (refused.status, refused.json["code"]) == (400, "invalid_field")


def test_who_has_rotated_too_often_is_told_until_when(room: Room) -> None:
    made = room.endpoint()
    rotated = rotate(room, made)
    until = rotated["previous_secret_expires_at"]
    for _ in range(3):
        room.clock.ms += 60_000
        rotate(room, made)
    refused = room.call("POST", f"/v1/endpoints/{made['id']}/rotate-secret")
    assert refused.json["code"] == "too_many_secrets"
    assert until in refused.json["detail"]
