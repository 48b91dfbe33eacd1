"""Environment → adapters → use case, once, at the first call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from functions.notify.settings import Settings
from hooktrace.adapters.aws import client, impatient_client
from hooktrace.adapters.bus import EventBus
from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.large_payloads import BucketLargePayloads, large_payloads_left
from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.records import record_place
from hooktrace.adapters.registry.registry import registry_on
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.adapters.sqs import SqsDeadLetters, SqsQueue
from hooktrace.adapters.stats import TableStats, happenings
from hooktrace.adapters.system import SystemChance, SystemClock
from hooktrace.adapters.trace_cache.none import NoTraceCache
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.reading_ports import TraceForgetter
from hooktrace.usecases.cached_projects import CachedProjects
from hooktrace.usecases.forget_large import ForgetLargePayloads
from hooktrace.usecases.keep_stats import KeepStats
from hooktrace.usecases.roll_up_events import RollUpEvents
from hooktrace.usecases.tell_status import TellStatus


@cache
def _settings() -> Settings:
    return Settings.model_validate(dict(os.environ))


@cache
def _blobs() -> S3Blobs:
    return S3Blobs(lambda: client("s3"), _settings().blobs_bucket)


@cache
def _ledger() -> TableLedger:
    return TableLedger(DynamoTable(client("dynamodb"), _settings().ledger_table), _blobs())


@cache
def _projects() -> CachedProjects:
    clock = SystemClock()
    table = DynamoRegistryTable(client("dynamodb"), _settings().registry_table)
    return CachedProjects(registry_on(table, _blobs(), clock.now_ms).projects, clock)


@cache
def roll_up_events() -> RollUpEvents:
    """The use case on the real adapters."""
    ledger = _ledger()
    return RollUpEvents(
        ledger=ledger,
        payloads=ledger,
        projects=_projects(),
        clock=SystemClock(),
        chance=SystemChance(),
    )


@cache
def tell_status() -> TellStatus:
    """The use case on the real adapters."""
    settings, clock = _settings(), SystemClock()
    return TellStatus(
        projects=_projects(),
        bus=EventBus(client("events"), settings.bus_name),
        ledger=_ledger(),
        queue=SqsQueue(client("sqs"), settings.deliver_queue_url),
        clock=clock,
        chance=SystemChance(),
    )


@cache
def _forgetter() -> TraceForgetter:
    function = _settings().forget_function
    if function is None:
        return NoTraceCache()
    from hooktrace.adapters.forget_by_call import ForgetByCall

    return ForgetByCall(impatient_client("lambda"), function)


def forget_traces(refs: Sequence[tuple[ProjectId, EventId]]) -> bool:
    """Whether nothing older of these events is shown any more; what is kept expires anyway."""
    try:
        _forgetter().forget(refs)
    except Unavailable:
        return False
    return True


@cache
def _stats() -> KeepStats:
    return KeepStats(stats=TableStats(DynamoTable(client("dynamodb"), _settings().ledger_table)))


@cache
def _forget_large() -> ForgetLargePayloads:
    return ForgetLargePayloads(payloads=BucketLargePayloads(_blobs()))


def set_aside(records: Sequence[Mapping[str, Any]]) -> None:
    """Names these stream records in the dead-letter queue, for the alarm and for `tools.redrive`.

    Raises Unavailable.
    """
    url = _settings().notify_dlq_url
    for record in records if url else ():
        SqsDeadLetters(client("sqs"), url or "").put(record_place(record))


def check_settings() -> None:
    """Raises pydantic.ValidationError when the environment lacks something."""
    _settings()


def forget_bodies(event: Mapping[str, Any]) -> int:
    """Deletes the large bodies of what a stream batch says has expired, unless the archive does."""
    return _forget_large().run(large_payloads_left(event)) if _settings().deletes_bodies else 0


def keep_stats(event: Mapping[str, Any]) -> None:
    """Counts what a stream batch tells, unless the deployment keeps no statistics."""
    if _settings().statistics:
        _stats().run(happenings(event))
