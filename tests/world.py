"""The whole pipeline in memory and in fake time: real use cases, real records, shipped fakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from hooktrace.adapters.endpoint_healths import TableHealths
from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.lists import TableLists
from hooktrace.adapters.memory.keys import MemoryKeys
from hooktrace.adapters.memory.queue import MemoryQueue, Message
from hooktrace.adapters.memory.registry import MemoryRegistryTable
from hooktrace.adapters.memory.table import MemoryBlobs, MemoryTable
from hooktrace.adapters.operations import TableOperations
from hooktrace.adapters.records import (
    decode_batch,
    events_to_roll_up,
    health_changes,
    status_changes,
)
from hooktrace.adapters.registry.registry import registry_on
from hooktrace.adapters.stats import TableStats, happenings
from hooktrace.adapters.traffic import TableTraffic
from hooktrace.adapters.vault import EnvelopeVault
from hooktrace.domain.attempts import OutgoingRequest, SendResult
from hooktrace.domain.endpoint_health import LifeTimes
from hooktrace.domain.events import EventRecord, Payload
from hooktrace.domain.ids import ProjectId, ulid
from hooktrace.domain.messages import DeliverTaskV1, MatchTaskV1, OperateTaskV1
from hooktrace.domain.new_event import NewEvent
from hooktrace.domain.notifications import Notification, health_notification, notification_of
from hooktrace.domain.registry import Endpoint, Project, SigningSecret, Subscription
from hooktrace.domain.signing import new_secret
from hooktrace.usecases.authorize_requests import AuthorizedSender
from hooktrace.usecases.cached_projects import CachedProjects
from hooktrace.usecases.claim_attempts import ClaimAttempts
from hooktrace.usecases.deliver_attempts import DeliverAttempts
from hooktrace.usecases.delivery_jobs import Done, PutBack
from hooktrace.usecases.endpoint_life import EndpointLife
from hooktrace.usecases.expunge_event import ExpungeEvent
from hooktrace.usecases.guard_endpoints import opened_endpoint, sealed_endpoint
from hooktrace.usecases.ingest_events import Accepted, IngestEvents
from hooktrace.usecases.keep_stats import KeepStats
from hooktrace.usecases.look_after_failures import LookAfterFailures
from hooktrace.usecases.manage_endpoints import EndpointDesk
from hooktrace.usecases.manage_operations import OperationDesk
from hooktrace.usecases.match_events import MatchEvents, NotNow
from hooktrace.usecases.matching_sets import MatchingSets
from hooktrace.usecases.open_batches import OpenBatches
from hooktrace.usecases.operate import Operate
from hooktrace.usecases.operate_replay import ReplayItems
from hooktrace.usecases.operate_retry import RetryItems
from hooktrace.usecases.operate_select import SelectItems
from hooktrace.usecases.prepare_requests import PrepareRequests
from hooktrace.usecases.read_brake import ReadBrake
from hooktrace.usecases.read_health import ReadHealth
from hooktrace.usecases.read_trace import ReadTrace, Trace
from hooktrace.usecases.replay_event import ReplayEvent
from hooktrace.usecases.return_turns import ReturnTurns
from hooktrace.usecases.roll_up_events import RollUpEvents
from hooktrace.usecases.select_records import SelectRecords
from hooktrace.usecases.steer_delivery import SteerDelivery
from hooktrace.usecases.stop_deliveries import StopDeliveries
from hooktrace.usecases.sweep import Ages, Sweep
from hooktrace.usecases.tell_status import TellStatus
from hooktrace.usecases.try_on_history import TryOnHistory
from hooktrace.usecases.watch_operations import WatchOperations
from tests.fakes import (
    AtOnce,
    FakeChance,
    FakeClock,
    ScriptedFetcher,
    ScriptedSender,
)


class AnySender:
    """Whatever sender the world has at the time."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, request: OutgoingRequest) -> SendResult:
        result: SendResult = self._world.sender.send(request)
        return result


class World:
    """One project, its stores and its rooms. `run` moves messages until nothing is visible.

    With `statistics` notify counts, which costs writes of its own.
    """

    def __init__(
        self, seed: int = 1, *, ages: Ages | None = None, statistics: bool = False
    ) -> None:
        self.clock = FakeClock()
        self.chance = FakeChance(seed)
        self.table = MemoryTable()
        self.blobs = MemoryBlobs()
        self.ledger = TableLedger(self.table, self.blobs)
        self.registry_table = MemoryRegistryTable()
        self.registry = registry_on(self.registry_table, self.blobs, self.clock.now_ms)
        self.match_queue = MemoryQueue(self.clock)
        self.deliver_queue = MemoryQueue(self.clock)
        self.slow_queue = MemoryQueue(self.clock)
        self.traffic = TableTraffic(self.table)
        self.pause: Callable[[float], None] = self.clock.advance
        self.keys = MemoryKeys()
        self.vault = EnvelopeVault(self.keys, self.registry.data_keys, monotonic=self.seconds)
        self.sender: Any = ScriptedSender()
        self.fetcher = ScriptedFetcher()
        self.authorized = AuthorizedSender(
            AnySender(self), self.fetcher, clock=self.clock, monotonic=self.seconds
        )
        self.pool: Executor = AtOnce()
        self.operate_queue = MemoryQueue(self.clock)
        self.operations = TableOperations(self.table)
        self.ages = ages or Ages()
        self.statistics = statistics
        self.bus: list[Notification] = []
        self.healths = TableHealths(self.table)
        self.lists = TableLists(self.table)
        self.times = LifeTimes()
        self.project = self.new_project("main")

    def seconds(self) -> float:
        return self.clock.now_ms() / 1000

    # -- what exists ----------------------------------------------------------------------

    def id(self, prefix: str) -> str:
        return f"{prefix}_{ulid(self.clock.now_ms(), self.chance.entropy())}"

    def new_project(self, name: str, **more: Any) -> Project:
        fields = {"allow_http": True} | more
        project = Project(id=self.id("prj"), name=name, created_ms=self.clock.now_ms(), **fields)
        self.registry.projects.create_project(project, [])
        return project

    def endpoint(self, url: str = "http://127.0.0.1:9/hook", **more: Any) -> Endpoint:
        now = self.clock.now_ms()
        fields: dict[str, Any] = {
            "id": self.id("ep"),
            "project_id": self.project.id,
            "url": url,
            "created_ms": now,
            "updated_ms": now,
            "secrets": (SigningSecret(new_secret(self.chance.random.randbytes(24))),),
        }
        endpoint = Endpoint(**(fields | more))
        self.registry.endpoints.create_endpoint(sealed_endpoint(endpoint, self.vault))
        return endpoint

    def subscription(self, endpoint: Endpoint, **more: Any) -> Subscription:
        now = self.clock.now_ms()
        fields: dict[str, Any] = {
            "id": self.id("sub"),
            "project_id": endpoint.project_id,
            "endpoint_id": endpoint.id,
            "created_ms": now,
            "updated_ms": now,
        }
        subscription = Subscription(**(fields | more))
        self.registry.subscriptions.create_subscription(subscription)
        return subscription

    def change(self, endpoint: Endpoint, **more: Any) -> Endpoint:
        """A new state of an endpoint."""
        after = sealed_endpoint(replace(endpoint, **more), self.vault)
        stored = self.registry.endpoints.replace_endpoint(after, before=endpoint)
        return opened_endpoint(stored, self.vault)

    # -- the rooms ------------------------------------------------------------------------

    def ingest(
        self, data: bytes = b'{"a":1}', event_type: str = "order.created", **more: Any
    ) -> EventRecord:
        headers = more.pop("headers", {})
        (answer,) = self.ingester().run(
            [NewEvent(event_type, Payload(data, headers=headers), **more)], self.project
        )
        if isinstance(answer, Accepted):
            return answer.record
        raise answer

    def ingester(self) -> IngestEvents:
        return IngestEvents(
            ledger=self.ledger,
            payloads=self.ledger,
            keys=self.ledger,
            queue=self.match_queue,
            clock=self.clock,
            chance=self.chance,
        )

    def matcher(self) -> MatchEvents:
        """A match worker with nothing cached."""
        return MatchEvents(
            sets=MatchingSets(self.registry.matching),
            projects=CachedProjects(self.registry.projects, self.clock),
            ledger=self.ledger,
            payloads=self.ledger,
            queue=self.deliver_queue,
            clock=self.clock,
            chance=self.chance,
        )

    def deliverer(self) -> DeliverAttempts:
        """A deliver worker with nothing cached."""
        projects = CachedProjects(self.registry.projects, self.clock)
        claims = ClaimAttempts(
            batches=OpenBatches(
                ledger=self.ledger,
                endpoints=self.registry.endpoints,
                projects=projects,
                traffic=self.traffic,
                clock=self.clock,
                chance=self.chance,
                pause=self.pause,
            ),
            requests=PrepareRequests(
                ledger=self.ledger,
                payloads=self.ledger,
                projects=projects,
                vault=self.vault,
                chance=self.chance,
            ),
            ledger=self.ledger,
            shelf=self.ledger,
            queue=self.deliver_queue,
            slow_queue=self.slow_queue,
            clock=self.clock,
            chance=self.chance,
        )
        return DeliverAttempts(
            claims=claims,
            ledger=self.ledger,
            failures=LookAfterFailures(endpoints=self.registry.endpoints, life=self.life()),
            life=self.life(),
            queue=self.deliver_queue,
            sender=self.authorized,
            pool=self.pool,
            clock=self.clock,
            chance=self.chance,
            pause=self.pause,
        )

    def life(self) -> EndpointLife:
        """What keeps the health of endpoints, with nothing cached."""
        return EndpointLife(
            endpoints=self.registry.endpoints,
            healths=self.healths,
            clock=self.clock,
            chance=self.chance,
            times=self.times,
        )

    def stopping(self, **more: Any) -> StopDeliveries:
        fields: dict[str, Any] = {"endpoints": self.registry.endpoints} | more
        return StopDeliveries(
            stops=self.registry.endpoints,
            projects=self.registry.projects,
            life=self.life(),
            ledger=self.ledger,
            lists=self.lists,
            clock=self.clock,
            chance=self.chance,
            **fields,
        )

    def endpoint_desk(self) -> EndpointDesk:
        """What the manage room manages endpoints with."""
        return EndpointDesk(
            self.registry.projects,
            self.registry.endpoints,
            self.registry.endpoints,
            self.vault,
            self.clock,
            self.chance.random.randbytes,
            allow_loopback=True,
            life=self.life(),
            stopping=self.stopping(),
            health=ReadHealth(
                healths=self.healths, ledger=self.ledger, lists=self.lists, clock=self.clock
            ),
            brake=ReadBrake(traffic=self.traffic, clock=self.clock),
        )

    def roll_up(self) -> RollUpEvents:
        return RollUpEvents(
            ledger=self.ledger,
            payloads=self.ledger,
            projects=CachedProjects(self.registry.projects, self.clock),
            clock=self.clock,
            chance=self.chance,
        )

    def teller(self, **instead: Any) -> TellStatus:
        """A notify worker with nothing cached; `instead` replaces collaborators."""
        parts: dict[str, Any] = {
            "projects": CachedProjects(self.registry.projects, self.clock),
            "bus": self,
            "ledger": self.ledger,
            "queue": self.deliver_queue,
            "clock": self.clock,
            "chance": self.chance,
        }
        return TellStatus(**(parts | instead))

    def publish(self, notifications: Sequence[Notification]) -> None:
        """The bus: remembers what it was told."""
        self.bus += notifications

    @property
    def told_of_endpoints(self) -> list[Notification]:
        """What the bus was told about endpoints."""
        return [one for one in self.bus if one.kind.startswith("endpoint.")]

    def sweep(self) -> Any:
        """One round of the sweep."""
        self.stopping().finish()
        return Sweep(
            projects=self.registry.projects,
            ledger=self.ledger,
            payloads=self.ledger,
            scan=self.ledger,
            marks=self.ledger,
            match_queue=self.match_queue,
            deliver_queue=self.deliver_queue,
            dead_letters=[
                self.match_queue,
                self.deliver_queue,
                self.slow_queue,
                self.operate_queue,
            ],
            roll_up=self.roll_up(),
            operations=WatchOperations(
                store=self.operations,
                queue=self.operate_queue,
                clock=self.clock,
                chance=self.chance,
            ),
            ages=self.ages,
            clock=self.clock,
            chance=self.chance,
        ).run()

    def operator(self, items_per_second: int = 100) -> Operate:
        """An operate worker with nothing cached."""
        replay = ReplayItems(
            replays=self.replaying(), ledger=self.ledger, payloads=self.ledger, clock=self.clock
        )
        return Operate(
            store=self.operations,
            pages=self.operations,
            select=SelectItems(
                records=self.selecting(),
                pages=self.operations,
                history=TryOnHistory(records=self.selecting(), payloads=self.ledger),
            ),
            acts={
                "retry": RetryItems(
                    ledger=self.ledger,
                    shelf=self.ledger,
                    endpoints=self.registry.endpoints,
                    projects=self.registry.projects,
                    queue=self.deliver_queue,
                    clock=self.clock,
                    chance=self.chance,
                ),
                "replay": replay,
                "rematch": replay,
            },
            queue=self.operate_queue,
            clock=self.clock,
            chance=self.chance,
            items_per_second=items_per_second,
        )

    def replaying(self) -> ReplayEvent:
        return ReplayEvent(
            traces=self.reader(),
            sets=MatchingSets(self.registry.matching),
            projects=self.registry.projects,
            ledger=self.ledger,
            payloads=self.ledger,
            queue=self.deliver_queue,
            clock=self.clock,
            chance=self.chance,
        )

    def selecting(self) -> SelectRecords:
        return SelectRecords(
            ledger=self.ledger,
            payloads=self.ledger,
            lists=TableLists(self.table),
            projects=self.registry.projects,
            clock=self.clock,
        )

    def desk(self) -> OperationDesk:
        return OperationDesk(
            store=self.operations,
            pages=self.operations,
            keys=self.ledger,
            projects=self.registry.projects,
            queue=self.operate_queue,
            clock=self.clock,
            chance=self.chance,
        )

    # -- moving messages ------------------------------------------------------------------

    def match_once(self, messages: list[Message] | None = None) -> list[Any]:
        """Matches one batch of what is visible."""
        return self._work(self.match_queue, messages, MatchTaskV1, self.matcher().run, NotNow)

    def deliver_once(self, messages: list[Message] | None = None) -> list[Done]:
        """Delivers one batch of what is visible."""

        def run(tasks: list[DeliverTaskV1]) -> list[Done]:
            return self.deliverer().run(tasks, lambda: 60_000)

        return self._work(self.deliver_queue, messages, DeliverTaskV1, run, PutBack)

    def deliver_slowly_once(self) -> list[Done]:
        """Delivers one batch of what is visible on the slow lane."""

        def run(tasks: list[DeliverTaskV1]) -> list[Done]:
            return self.deliverer().run(tasks, lambda: 60_000, "slow")

        return self._work(self.slow_queue, self.slow_queue.take(100), DeliverTaskV1, run, PutBack)

    def operate_once(self, messages: list[Message] | None = None) -> list[Any]:
        """Takes operations further by what is visible, a message at a time."""
        taken = self.operate_queue.take(1) if messages is None else messages

        def run(tasks: list[OperateTaskV1]) -> list[Any]:
            return [self.operator().run(task) for task in tasks]

        return self._work(self.operate_queue, taken, OperateTaskV1, run, NotNow)

    def _work(
        self, queue: MemoryQueue, messages: Any, kind: Any, run: Any, back: type
    ) -> list[Any]:
        taken = queue.take() if messages is None else messages
        records = [{"messageId": m.id, "body": m.body} for m in taken]
        batch = decode_batch({"Records": records}, kind)
        answers = run([task for _, task in batch.tasks])
        by_id = {m.id: m for m in taken}
        for (message_id, _), one in zip(batch.tasks, answers, strict=True):
            if isinstance(one, back):
                queue.put_back(by_id[message_id])
            else:
                queue.done(by_id[message_id])
        return list(answers)

    def notify(self) -> None:
        """Hands the stream's records to notify, all at once."""
        records, self.table.stream = self.table.stream, []
        refs = dict.fromkeys(events_to_roll_up(status_changes({"Records": records})))
        if refs:
            self.roll_up().run(refs)
        changes = status_changes({"Records": records})
        healths = health_changes({"Records": records})
        notable = [*map(notification_of, changes), *map(health_notification, healths)]
        self.teller().run([one for one in notable if one is not None])
        if self.statistics:
            KeepStats(stats=TableStats(self.table)).run(happenings({"Records": records}))

    def run(self, rounds: int = 1_000) -> None:
        """Works until no message is visible."""
        for _ in range(rounds):
            now = self.clock.now_ms()
            if any(m.visible_ms <= now for m in self.match_queue.messages):
                self.match_once()
            elif any(m.visible_ms <= now for m in self.deliver_queue.messages):
                self.deliver_once()
            elif any(m.visible_ms <= now for m in self.slow_queue.messages):
                self.deliver_slowly_once()
            elif any(m.visible_ms <= now for m in self.operate_queue.messages):
                self.operate_once()
            else:
                self.notify()
                if any(m.visible_ms <= now for m in self.deliver_queue.messages):
                    continue  # operational webhooks
                return
        raise AssertionError("the queues never came to rest")

    def run_for(self, seconds: float, step: float = 1.0) -> None:
        """Works and lets time pass; sweep runs every minute."""
        end = self.clock.ms + round(seconds * 1000)
        self.run()
        while self.clock.ms < end:
            before = self.clock.ms
            self.clock.advance(step)
            if before // 60_000 != self.clock.ms // 60_000:
                self.sweep()
            self.run()

    def reader(self) -> ReadTrace:
        return ReadTrace(
            ledger=self.ledger, payloads=self.ledger, shelf=self.ledger, clock=self.clock
        )

    def steering(self) -> SteerDelivery:
        return SteerDelivery(
            traces=self.reader(),
            turns=ReturnTurns(traffic=self.traffic, clock=self.clock, chance=self.chance),
            ledger=self.ledger,
            endpoints=self.registry.endpoints,
            projects=self.registry.projects,
            queue=self.deliver_queue,
            clock=self.clock,
            chance=self.chance,
        )

    def expunging(self) -> ExpungeEvent:
        return ExpungeEvent(
            ledger=self.ledger,
            payloads=self.ledger,
            eraser=self.ledger,
            shelf=self.ledger,
            clock=self.clock,
            chance=self.chance,
        )

    def trace(self, event: EventRecord) -> Trace:
        found = self.reader().event(ProjectId(event.project_id), event.id)
        assert found is not None
        return found
