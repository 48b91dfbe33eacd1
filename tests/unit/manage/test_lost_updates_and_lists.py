from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.manage.cursors import write_cursor
from tests.unit.manage.room import Room

# Lost updates


def test_fc_58_of_twenty_updates_from_one_version_one_wins(room: Room) -> None:
    path = f"/v1/endpoints/{room.endpoint()['id']}"

    def patch(number: int) -> int:
        body = {"description": str(number)}
        return room.call("PATCH", path, body, if_match='"v1"').status

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(patch, range(20)))
    assert sorted(statuses) == [200] + [412] * 19
    assert room.call("GET", path).json["description"] == str(statuses.index(200))


def test_without_a_tag_every_update_is_made(room: Room) -> None:
    path = f"/v1/endpoints/{room.endpoint()['id']}"
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda n: room.call("PATCH", path, {"description": str(n)}), range(8))
        )
    assert {answer.status for answer in answers} == {200}
    assert room.call("GET", path).headers["etag"] == '"v9"'


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ('W/"v1"', 412),
        ("*", 200),
        ('"v2"', 412),
        ('"other"', 412),
        ('"v1"', 200),
        ('"v7", "v1"', 200),
        ("v1", 400),
        ('"v1', 400),
        ("", 400),
    ],
)
def test_fc_58_what_if_match_may_say(room: Room, tag: str, status: int) -> None:
    path = f"/v1/endpoints/{room.endpoint()['id']}"
    assert room.call("PATCH", path, {"description": "x"}, if_match=tag).status == status
    for verb in ("disable", "rotate-secret"):
        made = f"/v1/endpoints/{room.endpoint()['id']}"
        assert room.call("POST", f"{made}/{verb}", if_match=tag).status == status
    made = f"/v1/endpoints/{room.endpoint()['id']}"
    assert room.call("DELETE", made, if_match=tag).status == (204 if status == 200 else status)


def test_fc_58_a_known_version_is_answered_with_304(room: Room) -> None:
    path = f"/v1/endpoints/{room.endpoint()['id']}"
    seen = room.call("GET", path, if_none_match='"v1"')
    assert (seen.status, seen.text, seen.headers["etag"]) == (304, None, '"v1"')
    assert room.call("GET", path, if_none_match='"v2"').status == 200


# Lists


def test_a_list_is_walked_with_cursors(room: Room) -> None:
    made = [room.endpoint()["id"] for _ in range(5)]
    seen: list[str] = []
    path = "/v1/endpoints?limit=2"
    while True:
        page = room.call("GET", path, key="P:read").json
        seen += [endpoint["id"] for endpoint in page["items"]]
        if page["next_cursor"] is None:
            break
        path = f"/v1/endpoints?limit=2&cursor={page['next_cursor']}"
    assert seen == made


def test_cursors_are_good_for_one_list_of_one_project(room: Room) -> None:
    ids = [room.endpoint()["id"] for _ in range(2)]
    for key in ("P:admin", "Q:admin"):
        for _ in range(2):
            room.subscription(room.endpoint(key)["id"], key)
    cursor = room.call("GET", "/v1/endpoints?limit=1").json["next_cursor"]
    foreign = room.call("GET", "/v1/endpoints?limit=1", key="Q:admin").json["next_cursor"]
    other = room.call("GET", "/v1/subscriptions?limit=1").json["next_cursor"]
    altered = ("C" if cursor[0] == "B" else "B") + cursor[1:]
    bad = ["", "x", "AAAA", cursor + "!", cursor[:-3], altered, "..%2F..%2Fx", "%00"]
    for text in (*bad, "A" * 5000, foreign, other):
        refused = room.call("GET", f"/v1/endpoints?cursor={text}")
        assert (refused.status, refused.json["code"]) == (400, "invalid_cursor"), text
    filtered = f"/v1/subscriptions?endpoint_id={ids[0]}&cursor={other}"
    assert room.call("GET", filtered).json["code"] == "invalid_cursor"


@pytest.mark.parametrize("text", ["x", "", "9" * 40, "1.x", "1.1.1", "ep_", "~", "AUDIT#x"])
def test_a_cursor_of_ones_own_making_leads_nowhere_like_fc_52(room: Room, text: str) -> None:
    """They are not signed: whoever reads the code can make one that fits its list."""
    endpoints, audit = ("endpoints", room.projects["P"]), ("audit", room.projects["P"])
    for path, bound in (("/v1/endpoints", endpoints), ("/v1/audit", (*audit, *[""] * 6, "desc"))):
        answer = room.call("GET", f"{path}?cursor={write_cursor(text, *bound)}")
        assert (answer.status, answer.json["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    "limit", ["%2010", "10%20", "+10", "%2B10", "1_0", "10.0", "1e2", "0x10", "%D9%A1%D9%A0", ""]
)
def test_a_limit_is_written_in_digits_alone_like_fc_54(room: Room, limit: str) -> None:
    refused = room.call("GET", f"/v1/endpoints?limit={limit}")
    assert (refused.status, refused.json["code"]) == (400, "invalid_parameter")
    assert "decimal digits" in refused.text


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=" + "9" * 30,
        "limit=x",
        "page=2",
        "limit=1&limit=2",
    ],
)
def test_parameters_that_are_wrong_are_refused(room: Room, query: str) -> None:
    assert room.call("GET", f"/v1/endpoints?{query}").status == 400
