"""Environment → adapters → use case, once, at the first call."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

from functions.query.settings import Settings
from hooktrace.adapters.aws import client
from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.lists import TableLists
from hooktrace.adapters.registry.registry import registry_on
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.adapters.stats import TableStats
from hooktrace.adapters.system import SystemChance, SystemClock
from hooktrace.adapters.trace_cache.none import NoTraceCache
from hooktrace.adapters.waiters import TableWaiters
from hooktrace.api.auth import Authenticator
from hooktrace.reading_ports import TraceCache
from hooktrace.usecases.await_outcome import AwaitOutcome
from hooktrace.usecases.cached_projects import CachedProjects
from hooktrace.usecases.cached_traces import CachedTraces
from hooktrace.usecases.list_records import ListRecords
from hooktrace.usecases.read_stats import ReadStats
from hooktrace.usecases.read_trace import ReadTrace
from hooktrace.usecases.suggest_fixes import SuggestFixes

READERS = 8  # Queries of one page that run side by side


@dataclass(frozen=True, slots=True)
class Wired:
    """The room on its adapters."""

    authenticate: Authenticator
    traces: CachedTraces
    cache: TraceCache
    waiting: AwaitOutcome
    fixes: SuggestFixes
    lists: ListRecords
    stats: ReadStats | None


@cache
def wired() -> Wired:
    """The room on the real adapters."""
    names, clock = Settings.model_validate(dict(os.environ)), SystemClock()
    blobs = S3Blobs(lambda: client("s3"), names.blobs_bucket)
    table = DynamoRegistryTable(client("dynamodb"), names.registry_table)
    registry = registry_on(table, blobs, clock.now_ms)
    ledger_table = DynamoTable(client("dynamodb"), names.ledger_table)
    ledger = TableLedger(ledger_table, blobs)
    lists = TableLists(ledger_table, ThreadPoolExecutor(READERS, thread_name_prefix="list"))
    reader = ReadTrace(ledger=ledger, payloads=ledger, shelf=ledger, clock=clock)
    cache = _trace_cache(names.trace_cache_url)
    return Wired(
        authenticate=Authenticator(registry.keys.load_key, lambda: clock.now_ms() / 1000),
        traces=CachedTraces(reader, cache, clock),
        cache=cache,
        waiting=AwaitOutcome(
            ledger, TableWaiters(ledger_table, SystemChance(), names.max_waiters), clock
        ),
        fixes=SuggestFixes(CachedProjects(registry.projects, clock)),
        lists=ListRecords(
            ledger=ledger,
            payloads=ledger,
            lists=lists,
            projects=registry.projects,
            keys=lists,
            clock=clock,
        ),
        stats=ReadStats(stats=TableStats(ledger_table), projects=registry.projects, clock=clock)
        if names.statistics
        else None,
    )


def _trace_cache(url: str | None) -> TraceCache:
    """The redis package makes a cold start longer, so it is imported only with a cache."""
    if url is None:
        return NoTraceCache()
    from hooktrace.adapters.trace_cache.valkey import ValkeyTraceCache, connect

    return ValkeyTraceCache(connect(url))
