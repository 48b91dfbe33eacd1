"""An event as ingest writes it, whose message is never sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.memory.queue import MemoryQueue
from hooktrace.adapters.memory.table import MemoryBlobs
from hooktrace.adapters.system import SystemChance, SystemClock
from hooktrace.domain.events import Payload
from hooktrace.domain.new_event import NewEvent
from hooktrace.domain.registry import Project
from hooktrace.ports import Clock
from hooktrace.usecases.ingest_events import Accepted, IngestEvents
from tests.e2e.client import ApiProject


def event_without_message(
    project: ApiProject,
    clients: Callable[[str], Any],
    outputs: Mapping[str, str],
    event_type: str,
    clock: Clock | None = None,
) -> str:
    """The id of an event that only the audit of sweep can find."""
    clock = clock or SystemClock()
    table = DynamoTable(clients("dynamodb"), outputs["LedgerTable"])
    ledger = TableLedger(table, MemoryBlobs())
    ingester = IngestEvents(
        ledger=ledger,
        payloads=ledger,
        keys=ledger,
        queue=MemoryQueue(clock),
        clock=clock,
        chance=SystemChance(),
    )
    new = NewEvent(event_type, Payload(b"{}"))
    (accepted,) = ingester.run([new], Project(project.id, "x", 0, shards=4))
    assert isinstance(accepted, Accepted)
    return accepted.record.id
