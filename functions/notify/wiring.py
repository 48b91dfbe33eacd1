"""Environment → adapters → use case, once, at the first call."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from functions.notify.settings import Settings
from hooktrace.adapters.aws import client
from hooktrace.adapters.bus import EventBus
from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.adapters.stats import TableStats, happenings
from hooktrace.adapters.system import SystemChance, SystemClock
from hooktrace.usecases.keep_stats import KeepStats
from hooktrace.usecases.roll_up_events import RollUpEvents


@cache
def _settings() -> Settings:
    return Settings.model_validate(dict(os.environ))


@cache
def event_bus() -> EventBus:
    """Where notifications go."""
    return EventBus(client("events"), _settings().bus_name)


@cache
def roll_up_events() -> RollUpEvents:
    """The use case on the real adapters."""
    settings = _settings()
    blobs = S3Blobs(lambda: client("s3"), settings.blobs_bucket)
    ledger = TableLedger(DynamoTable(client("dynamodb"), settings.ledger_table), blobs)
    return RollUpEvents(ledger=ledger, payloads=ledger, clock=SystemClock(), chance=SystemChance())


@cache
def _stats() -> KeepStats:
    return KeepStats(stats=TableStats(DynamoTable(client("dynamodb"), _settings().ledger_table)))


def keep_stats(event: Mapping[str, Any]) -> None:
    """Counts what a stream batch tells, unless the deployment keeps no statistics."""
    if _settings().statistics:
        _stats().run(happenings(event))
