"""A project with a story: something of every kind that a route can name.

A new kind of thing gets a row in `KINDS`, and `populate` makes one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from hooktrace.api.exchange import Route
from tests.whole_api import WholeApi

# What `{id}` stands for below each collection.
KINDS = {
    "events": "evt",
    "deliveries": "dlv",
    "endpoints": "ep",
    "subscriptions": "sub",
    "keys": "key",
    "projects": "prj",
    "operations": "op",
}
ULID = re.compile("[0-7][0-9A-HJKMNP-TV-Z]{25}")
IDENTIFIER = re.compile(rf"\b([a-z]{{2,4}})_{ULID.pattern}(?:_{ULID.pattern}_[0-9]+)?")

# name, answers of the endpoint, retry schedule: a success, a failure, a retry to come
STORIES: list[tuple[str, list[int], list[int]]] = [
    ("ok", [200], [5]),
    ("no", [500], []),
    ("late", [500], [900]),
]


@dataclass
class Belongings:
    """What a project has: ids by kind, and whatever else a request can carry."""

    idempotency_key: str
    ids: dict[str, list[str]] = field(default_factory=dict)
    cursors: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)

    def ulids(self) -> set[str]:
        return {ulid for ids in self.ids.values() for one in ids for ulid in ULID.findall(one)}


def kind_of(route: Route) -> str:
    """The kind of id that a route has in its path."""
    collection = route.path.split("/")[2]
    assert collection in KINDS, f"{route.key}: say in tests.inhabited.KINDS what kind of id it has"
    return KINDS[collection]


def with_id(route: Route, identifier: str) -> str:
    """The route's path for one id."""
    return re.sub(r"\{\w+\}", identifier, route.path)


def populate(api: WholeApi, token: str, word: str) -> Belongings:
    """Endpoints, subscriptions and events that bear `word`; then all that the lists show."""
    world, has = api.world, Belongings(f"key-{word}")
    for name, steps, schedule in STORIES:
        url = f"http://127.0.0.1:9999/{word}/{name}"
        world.sender.script[url] = list(steps)
        endpoint = {"url": url, "description": word, "retry_schedule": schedule}
        made = _made(api, "/v1/endpoints", endpoint, token)
        selects = {"endpoint_id": made["id"], "event_types": [f"{name}.*"]}
        _made(api, "/v1/subscriptions", selects | {"description": word}, token)
    for name in ("ok", "no", "late", "nobody"):
        sent = {"type": f"{name}.thing", "data": {"word": word}}
        key = {"idempotency-key": has.idempotency_key} if name == "ok" else {}
        answer = api.call("POST", "/v1/events", sent, token=token, headers=key)
        assert answer.status == 202, answer.text
    world.run()
    counted = {"action": "retry", "filter": {"status": "failed"}, "dry_run": True}
    assert api.call("POST", "/v1/operations", counted, token=token).status == 202
    world.run()
    world.table.stream.clear()
    for route in api.routes:
        if route.method == "GET" and route.scope is not None and "{" not in route.path:
            _look(api, route, token, has)
    path = f"/v1/endpoints/{has.ids['ep'][0]}"
    has.tags.append(api.call("GET", path, token=token).headers["etag"])
    return has


def _made(api: WholeApi, path: str, body: dict[str, Any], token: str) -> Any:
    answer = api.call("POST", path, body, token=token)
    assert answer.status == 201, answer.text
    return answer.json


def _look(api: WholeApi, route: Route, token: str, has: Belongings) -> None:
    paged = route.query is not None and "limit" in route.query.model_fields
    first = api.call("GET", route.path, token=token, query="limit=1" if paged else "")
    whole = api.call("GET", route.path, token=token)
    assert (first.status, whole.status) == (200, 200), whole.text
    if cursor := first.json.get("next_cursor"):
        has.cursors.append(cursor)
    for found in IDENTIFIER.finditer(whole.text):
        known = has.ids.setdefault(found[1], [])
        if found[0] not in known:
            known.append(found[0])
