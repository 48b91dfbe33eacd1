"""Environment → adapters → use case, once, at the first call."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from functions.operate.settings import Settings
from hooktrace.adapters.aws import client, impatient_client
from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.lists import TableLists
from hooktrace.adapters.operations import TableOperations
from hooktrace.adapters.registry.registry import registry_on
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.adapters.sqs import SqsQueue, SqsReturns
from hooktrace.adapters.system import SystemChance, SystemClock
from hooktrace.usecases.cached_projects import CachedProjects
from hooktrace.usecases.matching_sets import MatchingSets
from hooktrace.usecases.operate import Operate
from hooktrace.usecases.operate_replay import ReplayItems
from hooktrace.usecases.operate_retry import RetryItems
from hooktrace.usecases.operate_select import SelectItems
from hooktrace.usecases.read_trace import ReadTrace
from hooktrace.usecases.replay_event import ReplayEvent
from hooktrace.usecases.select_records import SelectRecords
from hooktrace.usecases.try_on_history import TryOnHistory

READERS = 8  # Queries of one walk that run side by side


@cache
def _settings() -> Settings:
    return Settings.model_validate(dict(os.environ))


@cache
def returns() -> SqsReturns:
    """How messages of the room's queue come back."""
    return SqsReturns(impatient_client("sqs"), _settings().operate_queue_url)


@cache
def operate() -> Operate:
    """The use case on the real adapters."""
    settings = _settings()
    blobs = S3Blobs(lambda: client("s3"), settings.blobs_bucket)
    clock, chance = SystemClock(), SystemChance()
    ledger_table = DynamoTable(client("dynamodb"), settings.ledger_table)
    ledger, operations = TableLedger(ledger_table, blobs), TableOperations(ledger_table)
    registry_table = DynamoRegistryTable(client("dynamodb"), settings.registry_table)
    registry = registry_on(registry_table, blobs, clock.now_ms)
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="walk")
    deliver_queue = SqsQueue(client("sqs"), settings.deliver_queue_url)
    records = SelectRecords(
        ledger=ledger,
        payloads=ledger,
        lists=TableLists(ledger_table, pool),
        projects=registry.projects,
        clock=clock,
    )
    retry = RetryItems(
        ledger=ledger,
        shelf=ledger,
        endpoints=registry.endpoints,
        projects=CachedProjects(registry.projects, clock),
        queue=deliver_queue,
        clock=clock,
        chance=chance,
    )
    replay = ReplayItems(
        replays=ReplayEvent(
            traces=ReadTrace(ledger=ledger, payloads=ledger, shelf=ledger, clock=clock),
            sets=MatchingSets(registry.matching),
            projects=CachedProjects(registry.projects, clock),
            ledger=ledger,
            payloads=ledger,
            queue=deliver_queue,
            clock=clock,
            chance=chance,
        ),
        ledger=ledger,
        payloads=ledger,
        clock=clock,
    )
    return Operate(
        store=operations,
        pages=operations,
        select=SelectItems(
            records=records,
            pages=operations,
            history=TryOnHistory(records=records, payloads=ledger),
        ),
        acts={"retry": retry, "replay": replay, "rematch": replay},
        queue=SqsQueue(client("sqs"), settings.operate_queue_url),
        clock=clock,
        chance=chance,
        items_per_second=settings.items_per_second,
    )
