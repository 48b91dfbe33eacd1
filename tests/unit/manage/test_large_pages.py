from __future__ import annotations

import json

import pytest

from tests.unit.manage.room import Room

QUOTES = '"' * 500  # each is four bytes where the gateway puts our JSON into its own


def many(room: Room, kind: str) -> list[str]:
    if kind == "endpoints":
        metadata = {f"{number}": QUOTES for number in range(20)}
        return [room.endpoint(metadata=metadata)["id"] for _ in range(200)]
    endpoint = room.endpoint()["id"]
    only = {"data": {"name": {"$in": [f"{QUOTES}{number}" for number in range(15)]}}}
    return [room.subscription(endpoint, filter=only)["id"] for _ in range(200)]


@pytest.mark.parametrize("kind", ["endpoints", "subscriptions"])
def test_fc_51_a_page_is_cut_before_it_is_larger_than_an_answer_may_be(
    room: Room, kind: str
) -> None:
    made = many(room, kind)
    found: list[str] = []
    more, pages = "", 0
    while pages < 10:
        pages += 1
        answer = room.call("GET", f"/v1/{kind}?limit=200{more}")
        assert len(json.dumps(answer.text)) < 6_000_000
        found += [one["id"] for one in answer.json["items"]]
        if answer.json["next_cursor"] is None:
            break
        more = f"&cursor={answer.json['next_cursor']}"
    assert found == made
    assert pages > 1
