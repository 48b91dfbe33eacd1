"""No call with a key of one project reads, changes or learns of anything in another.

Every route that a room declares is called here, with the ids, cursors, entity tags and idempotency
keys of a foreign project in every place that takes one. Each call is made twice from the same
state: once with what is foreign, once with the same letters changed to what exists nowhere. The
two answers are equal, and what the foreign project has stored stays as it is, byte for byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hooktrace.api.exchange import Route
from hooktrace.api.openapi import build_document
from hooktrace.domain.ids import ALPHABET
from tests.inhabited import KINDS, ULID, Belongings, kind_of, populate, with_id
from tests.whole_api import Answer, WholeApi
from tests.world import World
from tools.openapi import collect_routes

ROUTES = [route for route in collect_routes() if route.scope is not None]
DOCUMENT = build_document(collect_routes(), version="0")

# What each instance makes at random, or signs with the query that it answers.
MADE = re.compile(rf'ht_[\w-]+|wh(?:sec|pk)_[\w+/=-]+|{ULID.pattern}|"next_cursor":"[^"]+"')
MARKER = "ofTheOtherAlone"


@dataclass(frozen=True)
class Call:
    """A request with a key of one's own project."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: Any = None

    def changed(self, texts: dict[str, str]) -> Call:
        """The same call with other texts in it."""
        return Call(
            self.method,
            _replaced(self.path, texts),
            tuple((name, _replaced(value, texts)) for name, value in self.query),
            tuple((name, _replaced(value, texts)) for name, value in self.headers),
            _replaced(self.body, texts),
        )


class Two:
    """Two projects with a story each, and the API that both use."""

    def __init__(self) -> None:
        self.api = WholeApi(World())
        self.own_id, self.own = self.api.project("mine")
        self.other_id, self.other = self.api.project(MARKER)
        self.own_ids = populate(self.api, self.own["admin"], "mine").ids
        self.foreign = populate(self.api, self.other["admin"], MARKER)
        self.ghosts = _ghosts(self.foreign)
        self.foreign.ids["mixed"] = self._mixed()
        self.state = self.api.remember()
        self.others_rows = self._others_rows()
        assert len(self.others_rows) > 20

    def _mixed(self) -> list[str]:
        """Delivery ids of one's own event and a foreign endpoint, and the other way round."""
        own, other = self.own_ids, self.foreign.ids
        return [
            f"dlv_{event[4:]}_{endpoint[3:]}_0"
            for event, endpoint in (
                (own["evt"][0], other["ep"][0]),
                (other["evt"][0], own["ep"][0]),
            )
        ]

    def _others_rows(self) -> dict[str, str]:
        """What is stored and is not one's own."""
        own = {self.own_id, *self.own_ids["key"]}
        rows = self.api.rows()
        return {name: row for name, row in rows.items() if not any(o in name for o in own)}

    def ask(self, call: Call) -> Answer:
        """The answer to a call with one's own admin key, from the state at the beginning."""
        self.api.restore(self.state)
        return self.api.call(
            call.method,
            call.path,
            call.body,
            token=self.own["admin"],
            query=urlencode(call.query),
            headers=dict(call.headers),
        )

    def check(self, call: Call) -> None:
        """The call tells and changes nothing of the other project."""
        answer = self.ask(call)
        after = self._others_rows()
        for name, row in self.others_rows.items():
            assert after.get(name) == row, f"{name} has changed"
        added = [name for name in after.keys() - self.others_rows if self.other_id in name]
        assert added == []
        ghost = self.ask(call.changed(self.ghosts))
        assert answer.status < 500, answer.text
        assert answer.status == ghost.status
        assert MADE.sub("", _replaced(answer.text, self.ghosts)) == MADE.sub("", ghost.text)
        assert answer.headers.get("etag") == ghost.headers.get("etag")
        sent = repr(call)
        assert MARKER not in answer.text.replace(self.foreign.idempotency_key, "")
        for ulid in self.ghosts:
            assert ulid not in answer.text or ulid in sent


@pytest.fixture(scope="module")
def two() -> Two:
    return Two()


def _ghosts(foreign: Belongings) -> dict[str, str]:
    """Text of the other project to text of the same form that stands for nothing."""
    changed = {ulid: _another(ulid) for ulid in foreign.ulids()}
    changed |= {cursor: "A" * len(cursor) for cursor in foreign.cursors}
    return changed | {foreign.idempotency_key: "key-nobody"}


def _another(ulid: str) -> str:
    """A ULID that nothing has; its last three characters, an event's shard, stay."""
    turned = "".join(ALPHABET[(ALPHABET.index(sign) + 7) % 32] for sign in ulid[14:22])
    return ulid[:14] + turned + ulid[22:]


def _replaced(value: Any, texts: dict[str, str]) -> Any:
    match value:
        case str():
            for old, new in texts.items():
                value = value.replace(old, new)
            return value
        case dict():
            return {_replaced(k, texts): _replaced(v, texts) for k, v in value.items()}
        case list():
            return [_replaced(entry, texts) for entry in value]
        case _:
            return value


WITH_ID = [route for route in ROUTES if "{" in route.path]


@pytest.mark.parametrize("route", WITH_ID, ids=lambda route: route.key)
def test_fc_57_every_route_finds_ones_own_and_never_anothers(two: Two, route: Route) -> None:
    kind, body = kind_of(route), {} if route.body is not None else None
    assert two.foreign.ids.get(kind), f"make a {kind}_ in tests.inhabited"
    own = two.ask(Call(route.method, with_id(route, two.own_ids[kind][-1]), body=body))
    assert own.status not in (401, 403, 404, 405), own.text
    extra = two.foreign.ids["mixed"] if kind == "dlv" else []
    for identifier in [*two.foreign.ids[kind], *extra]:
        call = Call(route.method, with_id(route, identifier), body=body)
        assert two.ask(call).status == 404
        two.check(call)


def _pool(foreign: Belongings, name: str) -> st.SearchStrategy[str]:
    """Belongings texts for a place of this name; of the kind that the name says, mostly."""
    every = [one for ids in foreign.ids.values() for one in ids]
    singular = {f"{collection.rstrip('s')}_id": kind for collection, kind in KINDS.items()}
    if name == "cursor":
        return st.sampled_from([*foreign.cursors, every[0]])
    if name == "idempotency_key":
        return st.just(foreign.idempotency_key)
    fitting = foreign.ids.get(singular.get(name, ""), [])
    return st.sampled_from([*fitting, *fitting, *fitting, *every] if fitting else every)


def _values(schema: dict[str, Any], foreign: Belongings, name: str = "") -> st.SearchStrategy[Any]:
    """Values of a JSON schema in which every text is foreign."""
    if "$ref" in schema:
        where = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return _values(where, foreign, name)
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return st.one_of([_values(one, foreign, name) for one in schema[union]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    match schema.get("type"):
        case "object":
            fields = {
                key: _values(entry, foreign, key)
                for key, entry in schema.get("properties", {}).items()
            }
            needed = {key: fields.pop(key) for key in schema.get("required", [])}
            return st.fixed_dictionaries(needed, optional=fields)
        case "array":
            return st.lists(_values(schema.get("items", {}), foreign, name), min_size=1, max_size=2)
        case "integer" | "number":
            low = schema.get("minimum", 0)
            return st.integers(low, min(schema.get("maximum", 3), low + 3))
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    texts = _pool(foreign, name) | st.sampled_from(
        ["ok.thing", "http://127.0.0.1:9999/own", "-24h"]
    )
    return texts if "type" in schema else texts | st.just({}) | st.none()


@st.composite
def calls(draw: st.DrawFn, foreign: Belongings) -> Call:
    """A call of any route, foreign wherever it can be."""
    route = draw(st.sampled_from(ROUTES))
    name = f"{route.path.split('/')[2].rstrip('s')}_id"
    path = with_id(route, draw(_pool(foreign, name)))
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    query: list[tuple[str, str]] = []
    headers: list[tuple[str, str]] = []
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" or not draw(st.booleans()):
            continue
        if parameter["in"] == "header":
            headers.append((parameter["name"].lower(), draw(_header(parameter["name"], foreign))))
            continue
        value = draw(_values(parameter["schema"], foreign, parameter["name"]))
        given_values = value if isinstance(value, list) else [value]
        query += [(parameter["name"], str(one)) for one in given_values if one is not None]
    body = None
    if route.body is not None:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        body = draw(_values(schema, foreign))
    return Call(route.method, path, tuple(query), tuple(headers), body)


def _header(name: str, foreign: Belongings) -> st.SearchStrategy[str]:
    match name:
        case "Idempotency-Key":
            return st.just(foreign.idempotency_key)
        case "If-Match" | "If-None-Match":
            return st.sampled_from([*foreign.tags, "*", '"v9"'])
        case _:
            return st.just("wait=0") if name == "Prefer" else st.just("")


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_fc_57_no_call_reads_changes_or_learns_of_another_project(
    two: Two, data: st.DataObject
) -> None:
    two.check(data.draw(calls(two.foreign)))
