"""All rooms behind the API as they are wired, on the shipped fakes: every route, in memory.

Each room's `wiring` module is loaded anew and its adapters are replaced by the fakes of a `World`,
so a route that a room declares is answered here without anything being written for it. A wiring
that needs an adapter which is not in `WholeApi._fakes` meets `NoService`: add its fake there.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType, SimpleNamespace
from typing import Any

from functions.manage.desks import new_token
from hooktrace.adapters.memory.queue import MemoryQueue
from hooktrace.adapters.memory.trace_cache import MemoryTraceCache
from hooktrace.api.http import Authenticator, Route, make_handler
from hooktrace.domain.keys import Scope
from hooktrace.usecases.manage_projects import ProjectDesk, create_project
from tests.fakes import AtOnce
from tests.world import World
from tools.openapi import ROOMS

MAX_BODY_BYTES = 1 << 20


@dataclass(frozen=True)
class Answer:
    """What a caller sees."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def faults(self) -> set[tuple[str, str]]:
        """(pointer, code) of each fault of a problem."""
        return {(fault["pointer"], fault["code"]) for fault in self.json["errors"]}


class NoService:
    """What a wiring gets for a client of AWS: nothing may be asked of it."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{self._service}.{name} was called: tests/whole_api.py has no fake")


class WholeApi:
    """One handler over the routes of every room, on a world's stores."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.trace_cache = MemoryTraceCache(world.clock)
        self.queues = {
            "MATCH_QUEUE_URL": world.match_queue,
            "DELIVER_QUEUE_URL": world.deliver_queue,
            "OPERATE_QUEUE_URL": world.operate_queue,
        }
        self.lines: list[Mapping[str, object]] = []
        self.routes: tuple[Route, ...] = ()
        self.wire()

    def wire(self) -> None:
        """Wires the rooms anew, with nothing cached, as new instances would be."""
        self.routes = tuple(
            route
            for room in ROOMS
            for route in import_module(f"functions.{room}.routes").declare(self._wiring(room).wired)
        )
        keys = Authenticator(
            self.world.registry.keys.load_key, lambda: self.world.clock.now_ms() / 1000
        )
        self._handler = make_handler(
            self.routes,
            authenticate=keys,
            room="all",
            max_body_bytes=MAX_BODY_BYTES,
            log=self.lines.append,
        )

    def _wiring(self, room: str) -> ModuleType:
        name = f"functions.{room}.wiring"
        import_module(name)
        spec = find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        for fake, stand_in in self._fakes().items():
            if hasattr(module, fake):
                setattr(module, fake, stand_in)
        module.os = SimpleNamespace(environ=_environment(module.Settings))  # type: ignore[attr-defined] # its own copy
        return module

    def _fakes(self) -> dict[str, Any]:
        world = self.world
        return {
            "client": NoService,
            "DynamoTable": lambda *_: world.table,
            "DynamoRegistryTable": lambda *_: world.registry_table,
            "S3Blobs": lambda *_: world.blobs,
            "SqsQueue": lambda _, url: self.queues.setdefault(url, MemoryQueue(world.clock)),
            "KmsKeys": lambda *_: world.keys,
            "SystemClock": lambda: world.clock,
            "SystemChance": lambda: world.chance,
            "ThreadPoolExecutor": lambda *_, **__: AtOnce(),
            "NoTraceCache": lambda: self.trace_cache,
        }

    def project(self, name: str) -> tuple[str, dict[Scope, str]]:
        """A new project: its id, and a token for each scope."""
        scopes: tuple[Scope, ...] = ("admin", "write", "read")
        registry, world = self.world.registry, self.world
        desk = ProjectDesk(
            registry.projects,
            registry.keys,
            registry.endpoints,
            world.clock,
            world.chance.random.randbytes,
            new_token,
        )
        project, made = create_project(
            {"name": name, "allow_http": True}, {scope: [scope] for scope in scopes}, desk=desk
        )
        return project.id, {scope: new.token for scope, new in zip(scopes, made, strict=True)}

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, as API Gateway hands it over."""
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": {"authorization": f"Bearer {token}", **(headers or {})},
            "requestContext": {
                "requestId": "r",
                "stage": "$default",
                "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
            },
            "isBase64Encoded": False,
        }
        if body is not None:
            event["body"] = body if isinstance(body, str) else json.dumps(body)
        answer = self.handle(event)
        return Answer(answer["statusCode"], answer["headers"], answer.get("body") or "")

    def handle(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """An event of API Gateway (payload 2.0) and its answer."""
        return self._handler(event, None)

    def instances(self, count: int) -> list[Callable[[str, str, str], Answer]]:
        """Further instances of the rooms, each with caches of its own: method, path, token."""
        return [WholeApi(self.world).plain_call for _ in range(count)]

    def plain_call(self, method: str, path: str, token: str) -> Answer:
        """A request without a body."""
        return self.call(method, path, token=token)

    # -- what is stored -------------------------------------------------------------------

    def _stores(self) -> list[tuple[Any, tuple[str, ...]]]:
        world = self.world
        return [
            (world.table, ("_items", "_order", "_index", "stream")),
            (world.registry_table, ("_partitions", "_order")),
            (world.blobs, ("objects",)),
            *((queue, ("messages", "dead")) for queue in self.queues.values()),
            (self.trace_cache, ("values",)),
            (world.clock, ("ms",)),
            (world.chance, ("random",)),
        ]

    def remember(self) -> bytes:
        """All that is stored, for `restore`."""
        return pickle.dumps([getattr(s, name) for s, names in self._stores() for name in names])

    def restore(self, state: bytes) -> None:
        """Stores hold again what they held; what rooms had cached is forgotten."""
        values = iter(pickle.loads(state))
        for store, names in self._stores():
            for name in names:
                setattr(store, name, next(values, type(getattr(store, name))()))
        self.wire()

    def rows(self) -> dict[str, str]:
        """Everything stored or queued, by a name that holds its key: for comparing."""
        world = self.world
        rows = {f"ledger {key}": repr(sorted(i.items())) for key, i in world.table._items.items()}
        for partition, items in world.registry_table._partitions.items():
            rows |= {
                f"registry {partition} {sort}": repr(sorted(item.items()))
                for sort, item in items.items()
            }
        rows |= {f"blob {name}": repr(blob) for name, blob in world.blobs.objects.items()}
        for url, queue in self.queues.items():
            rows |= {f"{url} {m.id} {m.body}": repr(m.visible_ms) for m in queue.messages}
        return rows


def _environment(settings: Any) -> dict[str, str]:
    """Every variable without a default is its own name; endpoints may be on this machine."""
    names = {
        str(field.validation_alias or name): field.is_required()
        for name, field in settings.model_fields.items()
    }
    required = {name: name for name, needed in names.items() if needed}
    return required | ({"ALLOW_LOOPBACK": "true"} if "ALLOW_LOOPBACK" in names else {})
