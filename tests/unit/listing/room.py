"""The query room on the pipeline's world, called as API Gateway calls it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

from functions.query.routes import declare
from hooktrace.adapters.lists import TableLists
from hooktrace.adapters.stats import TableStats
from hooktrace.api.http import ApiKeyIdentity, make_handler
from hooktrace.usecases.list_records import ListRecords
from hooktrace.usecases.read_stats import ReadStats
from hooktrace.usecases.read_trace import ReadTrace
from hooktrace.usecases.suggest_fixes import SuggestFixes
from tests.world import World

Params = Mapping[str, object] | Sequence[tuple[str, object]]


@dataclass(frozen=True)
class Answer:
    """An answer of the room."""

    status: int
    json: Any

    @property
    def ids(self) -> list[str]:
        return [item["id"] for item in self.json["items"]]

    @property
    def cursor(self) -> str | None:
        return cast("str | None", self.json["next_cursor"])


class Room:
    """The room; whoever calls has a key of the world's present project."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lines: list[dict[str, object]] = []
        lists = TableLists(world.table)
        records = ListRecords(
            ledger=world.ledger,
            payloads=world.ledger,
            lists=lists,
            projects=world.registry.projects,
            keys=lists,
            clock=world.clock,
        )
        traces = ReadTrace(
            ledger=world.ledger, payloads=world.ledger, shelf=world.ledger, clock=world.clock
        )
        stats = ReadStats(
            stats=TableStats(world.table), projects=world.registry.projects, clock=world.clock
        )
        fixes = SuggestFixes(world.registry.projects)
        self.wired = SimpleNamespace(traces=traces, lists=records, stats=stats, fixes=fixes)
        self._handler = make_handler(
            declare(lambda: cast("Any", self.wired)),
            authenticate=lambda _: ApiKeyIdentity("key_1", world.project.id, frozenset({"read"})),
            room="query",
            max_body_bytes=1024,
            log=self._log,
        )

    def _log(self, line: Mapping[str, object]) -> None:
        self.lines.append(dict(line))

    def raw(self, path: str, query: str) -> Answer:
        """A call with the query string as it stands on the wire."""
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": {},
            "requestContext": {
                "stage": "$default",
                "requestId": "r",
                "http": {"method": "GET", "path": path, "sourceIp": "192.0.2.1"},
            },
            "isBase64Encoded": False,
        }
        answer = self._handler(event, None)
        return Answer(cast("int", answer["statusCode"]), json.loads(cast("str", answer["body"])))

    def get(self, path: str, params: Params = ()) -> Answer:
        """A call with these parameters."""
        return self.raw(path, urlencode(params if isinstance(params, Mapping) else list(params)))

    def pages(self, path: str, params: Mapping[str, object]) -> Iterator[Answer]:
        """All pages of a list. A walk that does not end fails."""
        cursor: str | None = None
        for _ in range(5_000):
            more = {"cursor": cursor} if cursor is not None else {}
            answer = self.get(path, {**params, **more})
            assert answer.status == 200, answer.json
            yield answer
            cursor = answer.cursor
            if cursor is None:
                return
        raise AssertionError("the walk never ended")

    def walk(self, path: str, **params: object) -> list[str]:
        """The ids of all pages."""
        return [identifier for page in self.pages(path, params) for identifier in page.ids]
