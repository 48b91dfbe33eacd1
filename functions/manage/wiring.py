"""Environment → adapters → use cases, once, at the first call."""

from __future__ import annotations

import os
import secrets
import time
from functools import cache
from typing import TYPE_CHECKING

from functions.manage.desks import Desks, new_token
from functions.manage.settings import Settings
from hooktrace.adapters.aws import client, impatient_client
from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.endpoint_healths import TableHealths
from hooktrace.adapters.kms import KmsKeys
from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.lists import TableLists
from hooktrace.adapters.operations import TableOperations
from hooktrace.adapters.registry.registry import Registry, registry_on
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.adapters.sqs import SqsQueue
from hooktrace.adapters.system import SystemChance, SystemClock
from hooktrace.adapters.trace_cache.none import NoTraceCache
from hooktrace.adapters.traffic import TableTraffic
from hooktrace.adapters.vault import EnvelopeVault
from hooktrace.api.auth import Authenticator
from hooktrace.reading_ports import TraceForgetter
from hooktrace.usecases.endpoint_life import EndpointLife
from hooktrace.usecases.expunge_event import ExpungeEvent
from hooktrace.usecases.keep_audit import AuditDesk
from hooktrace.usecases.manage_endpoints import EndpointDesk
from hooktrace.usecases.manage_operations import OperationDesk
from hooktrace.usecases.manage_projects import ProjectDesk
from hooktrace.usecases.manage_subscriptions import SubscriptionDesk
from hooktrace.usecases.read_brake import ReadBrake
from hooktrace.usecases.read_health import ReadHealth
from hooktrace.usecases.read_trace import ReadTrace
from hooktrace.usecases.return_turns import ReturnTurns
from hooktrace.usecases.steer_delivery import SteerDelivery
from hooktrace.usecases.stop_deliveries import StopDeliveries
from hooktrace.usecases.try_subscription import TracedEvents

if TYPE_CHECKING:
    from hooktrace.usecases.replay_event import ReplayEvent


@cache
def settings() -> Settings:
    return Settings.model_validate(dict(os.environ))


@cache
def _blobs() -> S3Blobs:
    return S3Blobs(lambda: client("s3"), settings().blobs_bucket)


@cache
def _registry() -> Registry:
    table = DynamoRegistryTable(client("dynamodb"), settings().registry_table)
    return registry_on(table, _blobs(), SystemClock().now_ms)


@cache
def authenticate() -> Authenticator:
    """Keys from the registry, cached for up to 30 seconds."""
    clock = SystemClock()
    return Authenticator(_registry().keys.load_key, lambda: clock.now_ms() / 1000)


@cache
def wired() -> Desks:
    """The desks on the real adapters."""
    registry, clock = _registry(), SystemClock()
    table = DynamoTable(client("dynamodb"), settings().ledger_table)
    ledger, operations = TableLedger(table, _blobs()), TableOperations(table)
    traces = ReadTrace(ledger=ledger, payloads=ledger, shelf=ledger, clock=clock)
    return Desks(
        projects=ProjectDesk(
            registry.projects,
            registry.keys,
            registry.endpoints,
            clock,
            secrets.token_bytes,
            new_token,
        ),
        endpoints=_endpoint_desk(),
        subscriptions=SubscriptionDesk(
            registry.endpoints, registry.subscriptions, clock, secrets.token_bytes
        ),
        events=TracedEvents(traces),
        deliveries=SteerDelivery(
            traces=traces,
            turns=ReturnTurns(traffic=TableTraffic(table), clock=clock, chance=SystemChance()),
            ledger=ledger,
            endpoints=registry.endpoints,
            projects=registry.projects,
            queue=SqsQueue(client("sqs"), settings().deliver_queue_url),
            clock=clock,
            chance=SystemChance(),
        ),
        expunge=ExpungeEvent(
            ledger=ledger,
            payloads=ledger,
            eraser=ledger,
            shelf=ledger,
            clock=clock,
            chance=SystemChance(),
        ),
        operations=OperationDesk(
            store=operations,
            pages=operations,
            keys=ledger,
            projects=registry.projects,
            queue=SqsQueue(client("sqs"), settings().operate_queue_url),
            clock=clock,
            chance=SystemChance(),
        ),
        replays=_replays,
        audit=AuditDesk(registry.audit, clock, secrets.token_bytes),
        traces=_forgetter(),
    )


def _endpoint_desk() -> EndpointDesk:
    registry, clock, chance = _registry(), SystemClock(), SystemChance()
    table = DynamoTable(client("dynamodb"), settings().ledger_table)
    ledger, lists, healths = TableLedger(table, _blobs()), TableLists(table), TableHealths(table)
    life = EndpointLife(endpoints=registry.endpoints, healths=healths, clock=clock, chance=chance)
    return EndpointDesk(
        registry.projects,
        registry.endpoints,
        registry.endpoints,
        EnvelopeVault(
            KmsKeys(lambda: client("kms"), settings().secrets_key_arn),
            registry.data_keys,
            monotonic=time.monotonic,
        ),
        clock,
        secrets.token_bytes,
        allow_loopback=settings().allow_loopback,
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


def _forgetter() -> TraceForgetter:
    function = settings().forget_function
    if function is None:
        return NoTraceCache()
    from hooktrace.adapters.forget_by_call import ForgetByCall

    return ForgetByCall(impatient_client("lambda"), function)


@cache
def _replays() -> ReplayEvent:
    """Apart, and only when asked for: replaying needs the whole matching machinery."""
    from hooktrace.usecases.matching_sets import MatchingSets
    from hooktrace.usecases.replay_event import ReplayEvent

    registry, clock = _registry(), SystemClock()
    ledger = TableLedger(DynamoTable(client("dynamodb"), settings().ledger_table), _blobs())
    return ReplayEvent(
        traces=ReadTrace(ledger=ledger, payloads=ledger, shelf=ledger, clock=clock),
        sets=MatchingSets(registry.matching),
        projects=registry.projects,
        ledger=ledger,
        payloads=ledger,
        queue=SqsQueue(client("sqs"), settings().deliver_queue_url),
        clock=clock,
        chance=SystemChance(),
    )
