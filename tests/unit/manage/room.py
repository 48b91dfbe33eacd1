"""The manage room on the shipped fakes, called as API Gateway calls it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from functions.manage.desks import new_token
from functions.manage.routes import declare
from hooktrace.adapters.endpoint_healths import TableHealths
from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.lists import TableLists
from hooktrace.adapters.memory.keys import MemoryKeys
from hooktrace.adapters.memory.queue import MemoryQueue
from hooktrace.adapters.memory.registry import MemoryBlobs, MemoryRegistryTable
from hooktrace.adapters.memory.table import MemoryTable
from hooktrace.adapters.registry.registry import Registry, registry_on
from hooktrace.adapters.system import SystemChance
from hooktrace.adapters.trace_cache.none import NoTraceCache
from hooktrace.adapters.traffic import TableTraffic
from hooktrace.adapters.vault import EnvelopeVault
from hooktrace.api.http import Authenticator, make_handler
from hooktrace.domain.filters import FilterEvent
from hooktrace.domain.keys import Scope
from hooktrace.domain.registry import Endpoint
from hooktrace.usecases.endpoint_life import EndpointLife
from hooktrace.usecases.guard_endpoints import opened_endpoint
from hooktrace.usecases.keep_audit import AuditDesk
from hooktrace.usecases.manage_endpoints import EndpointDesk
from hooktrace.usecases.manage_projects import ProjectDesk, create_project
from hooktrace.usecases.manage_subscriptions import SubscriptionDesk
from hooktrace.usecases.read_brake import ReadBrake
from hooktrace.usecases.read_health import ReadHealth
from hooktrace.usecases.read_trace import ReadTrace
from hooktrace.usecases.replay_event import ReplayEvent
from hooktrace.usecases.return_turns import ReturnTurns
from hooktrace.usecases.steer_delivery import SteerDelivery
from hooktrace.usecases.stop_deliveries import StopDeliveries

if TYPE_CHECKING:
    from functions.manage.desks import Desks

START_MS = 1_800_000_000_000
URL = "https://hooks.example.com/in"


class FakeClock:
    """A clock that goes on by one millisecond with each look, so that ids have an order."""

    def __init__(self) -> None:
        self.ms = START_MS

    def now_ms(self) -> int:
        self.ms += 1
        return self.ms


class FakeEvents:
    """Fulfils `StoredEvents` with a dictionary."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], FilterEvent] = {}

    def get(self, project_id: str, event_id: str) -> FilterEvent | None:
        return self.stored.get((project_id, event_id))


@dataclass(frozen=True)
class Answer:
    """An answer of the room."""

    status: int
    headers: Mapping[str, str]
    text: str | None

    @property
    def json(self) -> Any:
        assert self.text is not None
        return json.loads(self.text)

    @property
    def faults(self) -> set[tuple[str, str]]:
        """(pointer, code) of each fault of a problem."""
        return {(fault["pointer"], fault["code"]) for fault in self.json["errors"]}


@dataclass
class Room:
    """The room with projects P and Q, and the keys that callers use."""

    registry: Registry
    table: MemoryRegistryTable
    vault: EnvelopeVault
    clock: FakeClock
    events: FakeEvents
    desks: Desks
    log: list[Mapping[str, object]] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    projects: dict[str, str] = field(default_factory=dict)
    handle: Callable[[Mapping[str, Any], Any], dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        authenticator = Authenticator(self.registry.keys.load_key, lambda: self.clock.ms / 1000)
        self.handle = make_handler(
            declare(lambda: self.desks),
            authenticate=authenticator,
            room="manage",
            max_body_bytes=1_100_000,
            log=self.log.append,
        )

    def add_project(self, name: str, **fields: Any) -> None:
        keys: dict[str, list[Scope]] = {"admin": ["admin"], "write": ["write"], "read": ["read"]}
        project, made = create_project({"name": name, **fields}, keys, desk=self.desks.projects)
        self.projects[name] = project.id
        self.keys |= {f"{name}:{new.key.name}": new.token for new in made}

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "P:admin",
        raw: str | None = None,
        **headers: str,
    ) -> Answer:
        """One request; `raw` is sent as it stands, header names are written with underscores."""
        path, _, query = path.partition("?")
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["authorization"] = f"Bearer {self.keys[key]}"
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": sent,
            "requestContext": {
                "requestId": "r",
                "stage": "$default",
                "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
            },
            "isBase64Encoded": False,
        }
        if raw is not None or body is not None:
            event["body"] = json.dumps(body) if raw is None else raw
        answer = self.handle(event, None)
        return Answer(answer["statusCode"], answer["headers"], answer.get("body"))

    def stored(self, endpoint_id: str, project: str = "P") -> Endpoint:
        """An endpoint as it is stored, opened."""
        found = self.registry.endpoints.get_endpoint(self.projects[project], endpoint_id)
        assert found is not None
        return opened_endpoint(found, self.vault)

    def endpoint(self, key: str = "P:admin", **fields: Any) -> dict[str, Any]:
        made = self.call("POST", "/v1/endpoints", {"url": URL} | fields, key=key)
        assert made.status == 201, made.text
        return made.json  # type: ignore[no-any-return] # decoded JSON

    def subscription(self, endpoint_id: str, key: str = "P:admin", **fields: Any) -> dict[str, Any]:
        body = {"endpoint_id": endpoint_id} | fields
        made = self.call("POST", "/v1/subscriptions", body, key=key)
        assert made.status == 201, made.text
        return made.json  # type: ignore[no-any-return] # decoded JSON


def _no_replays() -> ReplayEvent:
    raise AssertionError("replay has its own tests")


def _steering(registry: Registry, clock: Any) -> SteerDelivery:
    table = MemoryTable()
    ledger = TableLedger(table, MemoryBlobs())
    return SteerDelivery(
        traces=ReadTrace(ledger=ledger, payloads=ledger, shelf=ledger, clock=clock),
        turns=ReturnTurns(traffic=TableTraffic(table), clock=clock, chance=SystemChance()),
        ledger=ledger,
        endpoints=registry.endpoints,
        projects=registry.projects,
        queue=MemoryQueue(clock),
        clock=clock,
        chance=SystemChance(),
    )


def endpoint_desk(
    registry: Registry,
    clock: Any,
    *,
    allow_loopback: bool,
    table: MemoryTable | None = None,
    vault: EnvelopeVault | None = None,
) -> EndpointDesk:
    """The desk of endpoints, on a ledger of its own unless `table` is one."""
    vault = vault or EnvelopeVault(MemoryKeys(), registry.data_keys, monotonic=lambda: 0.0)
    table, chance = table or MemoryTable(), SystemChance()
    ledger, lists, healths = (
        TableLedger(table, MemoryBlobs()),
        TableLists(table),
        TableHealths(table),
    )
    life = EndpointLife(endpoints=registry.endpoints, healths=healths, clock=clock, chance=chance)
    return EndpointDesk(
        registry.projects,
        registry.endpoints,
        registry.endpoints,
        vault,
        clock,
        os.urandom,
        allow_loopback=allow_loopback,
        life=life,
        stopping=StopDeliveries(
            stops=registry.endpoints,
            endpoints=registry.endpoints,
            projects=registry.projects,
            life=life,
            ledger=ledger,
            lists=lists,
            clock=clock,
            chance=chance,
        ),
        health=ReadHealth(healths=healths, ledger=ledger, lists=lists, clock=clock),
        brake=ReadBrake(traffic=TableTraffic(table), clock=clock),
    )


def make_room(*, allow_loopback: bool) -> Room:
    clock, events, table = FakeClock(), FakeEvents(), MemoryRegistryTable()
    registry = registry_on(table, MemoryBlobs(), clock.now_ms)
    vault = EnvelopeVault(MemoryKeys(), registry.data_keys, monotonic=lambda: 0.0)
    parts = SimpleNamespace(
        projects=ProjectDesk(
            registry.projects, registry.keys, registry.endpoints, clock, os.urandom, new_token
        ),
        endpoints=endpoint_desk(registry, clock, allow_loopback=allow_loopback, vault=vault),
        subscriptions=SubscriptionDesk(
            registry.endpoints, registry.subscriptions, clock, os.urandom
        ),
        events=events,
        deliveries=_steering(registry, clock),
        replays=_no_replays,
        traces=NoTraceCache(),
        audit=AuditDesk(registry.audit, clock, os.urandom),
    )
    desks = cast("Desks", parts)  # the desks of deliveries and operations are tested elsewhere
    room = Room(registry, table, vault, clock, events, desks)
    room.add_project("P")
    room.add_project("Q")
    return room
