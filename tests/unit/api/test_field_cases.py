"""Field cases of the API as a whole: one key on all routes, and updates that race."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hooktrace.api.auth import CACHE_SECONDS
from hooktrace.api.exchange import Route
from tests.inhabited import kind_of, populate, with_id
from tests.whole_api import WholeApi
from tests.world import World
from tools.openapi import collect_routes

TAGGED = [route for route in collect_routes() if "If-Match" in route.headers]
PATCHES = [route for route in TAGGED if route.method == "PATCH"]


def test_fc_56_one_key_opens_every_route_and_none_once_it_is_revoked() -> None:
    api = WholeApi(World())
    _, tokens = api.project("doors")
    has = populate(api, tokens["admin"], "doors")
    made = api.call(
        "POST", "/v1/keys", {"name": "fresh", "scopes": ["admin"]}, token=tokens["admin"]
    ).json
    state = api.remember()

    def every_route(token: str) -> set[int]:
        seen = set()
        for route in (one for one in collect_routes() if one.scope is not None):
            path = with_id(route, has.ids[kind_of(route)][0]) if "{" in route.path else route.path
            body = {} if route.body is not None else None
            seen.add(api.call(route.method, path, body, token=token).status)
        return seen

    assert not every_route(made["token"]) & {401, 403}
    api.restore(state)
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/v1/events", {"type": "ok.thing", "data": {}}),
        ("GET", "/v1/events", None),
        ("GET", "/v1/endpoints", None),
        ("DELETE", f"/v1/subscriptions/{has.ids['sub'][0]}", None),
    ]
    for _ in range(2):
        for method, path, body in calls:
            status = api.call(method, path, body, token=made["token"]).status
            assert status in ((204, 404) if method == "DELETE" else (200, 202))

    warm = api.instances(3)  # each believes what it has read for as long as is documented
    assert {one("GET", "/v1/events", made["token"]).status for one in warm} == {200}
    gone = api.call("DELETE", f"/v1/keys/{made['id']}", token=tokens["admin"])
    assert gone.status == 204
    for second in range(61):
        statuses = {one("GET", "/v1/events", made["token"]).status for one in warm}
        assert statuses <= {200, 401}
        if second >= CACHE_SECONDS:
            assert statuses == {401}
        api.world.clock.advance(1)
    assert {one("GET", "/v1/events", made["token"]).status for one in api.instances(1)} == {401}


@pytest.mark.parametrize("route", PATCHES, ids=lambda route: route.key)
def test_fc_58_of_twenty_updates_from_one_tag_one_is_made(route: Route) -> None:
    api, token, path, tag, change = _tagged(route)

    def patch(number: int) -> int:
        headers = {"if-match": tag}
        return api.call(
            "PATCH", path, {change: f"number {number}"}, token=token, headers=headers
        ).status

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(patch, range(20)))
    assert sorted(statuses) == [200] + [412] * 19
    assert api.call("GET", path, token=token).json[change] == f"number {statuses.index(200)}"


@pytest.mark.parametrize("route", PATCHES, ids=lambda route: route.key)
def test_fc_58_weak_any_malformed_and_missing_tags(route: Route) -> None:
    for value, status in (("W/{}", 412), ("*", 200), ("{}x", 400), (None, 200), ("{}", 200)):
        api, token, path, tag, change = _tagged(route)
        headers = {} if value is None else {"if-match": value.format(tag)}
        answer = api.call("PATCH", path, {change: "other"}, token=token, headers=headers)
        assert answer.status == status, value
        if status == 200:
            assert answer.headers["etag"] != tag
    api, token, path, tag, _ = _tagged(route)
    same = api.call("GET", path, token=token, headers={"if-none-match": tag})
    assert (same.status, same.text) == (304, "")


def _tagged(route: Route) -> tuple[WholeApi, str, str, str, str]:
    """A fresh API, a token, the path of what the route changes, its tag, and a text member."""
    api = WholeApi(World())
    _, tokens = api.project("tagged")
    has = populate(api, tokens["admin"], "tagged")
    path = with_id(route, has.ids[kind_of(route)][0])
    tag = api.call("GET", path, token=tokens["admin"]).headers["etag"]
    change = "name" if "name" in (route.body.model_fields if route.body else {}) else "description"
    return api, tokens["admin"], path, tag, change
