"""Environment → adapters → use case, once, at the first call."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache

from functions.sweep.settings import Settings
from hooktrace.adapters.aws import client
from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.endpoint_healths import TableHealths
from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.lists import TableLists
from hooktrace.adapters.operations import TableOperations
from hooktrace.adapters.registry.registry import Registry, registry_on
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.adapters.sqs import SqsDeadLetters, SqsQueue
from hooktrace.adapters.system import SystemChance, SystemClock
from hooktrace.usecases.cached_projects import AllProjects
from hooktrace.usecases.endpoint_life import EndpointLife
from hooktrace.usecases.keep_registry import keep_registry as keep
from hooktrace.usecases.matching_sets import Snapshots
from hooktrace.usecases.roll_up_events import RollUpEvents
from hooktrace.usecases.stop_deliveries import StopDeliveries
from hooktrace.usecases.sweep import Ages, Sweep
from hooktrace.usecases.watch_operations import WatchOperations


@cache
def _settings() -> Settings:
    return Settings.model_validate(dict(os.environ))


@cache
def _blobs() -> S3Blobs:
    return S3Blobs(lambda: client("s3"), _settings().blobs_bucket)


@cache
def _registry() -> Registry:
    table = DynamoRegistryTable(client("dynamodb"), _settings().registry_table)
    return registry_on(table, _blobs(), SystemClock().now_ms)


@cache
def sweep() -> Sweep:
    """The use case on the real adapters."""
    settings = _settings()
    table = DynamoTable(client("dynamodb"), settings.ledger_table)
    ledger = TableLedger(table, _blobs())
    sqs, clock, chance = client("sqs"), SystemClock(), SystemChance()
    projects = AllProjects(_registry().projects, clock)
    return Sweep(
        projects=projects,
        ledger=ledger,
        payloads=ledger,
        scan=ledger,
        marks=ledger,
        match_queue=SqsQueue(sqs, settings.match_queue_url),
        deliver_queue=SqsQueue(sqs, settings.deliver_queue_url),
        dead_letters=[
            SqsDeadLetters(sqs, url)
            for url in (
                settings.match_dlq_url,
                settings.deliver_dlq_url,
                settings.slow_dlq_url,
                settings.operate_dlq_url,
            )
        ],
        roll_up=RollUpEvents(
            ledger=ledger,
            payloads=ledger,
            projects=projects,
            clock=clock,
            chance=chance,
        ),
        operations=WatchOperations(
            store=TableOperations(table),
            queue=SqsQueue(sqs, settings.operate_queue_url),
            clock=clock,
            chance=chance,
        ),
        ages=Ages(settings.audit_first_seconds, settings.audit_second_seconds),
        clock=clock,
        chance=chance,
    )


@cache
def stop_deliveries() -> StopDeliveries:
    """What is left pending for endpoints that were disabled or deleted."""
    table = DynamoTable(client("dynamodb"), _settings().ledger_table)
    registry, clock, chance = _registry(), SystemClock(), SystemChance()
    return StopDeliveries(
        stops=registry.endpoints,
        endpoints=registry.endpoints,
        projects=registry.projects,
        life=EndpointLife(
            endpoints=registry.endpoints,
            healths=TableHealths(table),
            clock=clock,
            chance=chance,
        ),
        ledger=TableLedger(table, _blobs()),
        lists=TableLists(table),
        clock=clock,
        chance=chance,
    )


@cache
def _snapshots() -> Snapshots:
    return Snapshots(_registry().matching)


def keep_registry() -> Counter[str]:
    """Snapshots for cold matchers, and the subscriptions that deleted endpoints left behind."""
    registry = _registry()
    return keep(registry.projects, registry.endpoints, _snapshots())
