"""Environment → adapters → use case, once, at the first call."""

from __future__ import annotations

import os
from functools import cache

from functions.match.settings import Settings
from hooktrace.adapters.aws import client, impatient_client
from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.registry.registry import registry_on
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.adapters.sqs import SqsQueue, SqsReturns
from hooktrace.adapters.system import SystemChance, SystemClock
from hooktrace.usecases.cached_projects import CachedProjects
from hooktrace.usecases.match_events import MatchEvents
from hooktrace.usecases.matching_sets import MatchingSets


@cache
def _settings() -> Settings:
    return Settings.model_validate(dict(os.environ))


@cache
def returns() -> SqsReturns:
    """How messages of the room's queue come back."""
    return SqsReturns(impatient_client("sqs"), _settings().match_queue_url)


@cache
def match_events() -> MatchEvents:
    """The use case on the real adapters."""
    settings = _settings()
    blobs = S3Blobs(lambda: client("s3"), settings.blobs_bucket)
    ledger = TableLedger(DynamoTable(client("dynamodb"), settings.ledger_table), blobs)
    clock = SystemClock()
    table = DynamoRegistryTable(client("dynamodb"), settings.registry_table)
    registry = registry_on(table, blobs, clock.now_ms)
    return MatchEvents(
        sets=MatchingSets(registry.matching),
        projects=CachedProjects(registry.projects, clock),
        ledger=ledger,
        payloads=ledger,
        queue=SqsQueue(client("sqs"), settings.deliver_queue_url),
        clock=clock,
        chance=SystemChance(),
    )
