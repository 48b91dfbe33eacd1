"""Environment → adapters → use case, once, at the first call."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from functions.ingest.settings import Settings
from hooktrace.adapters.aws import client
from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.registry.matching import RegistryMatching
from hooktrace.adapters.registry.registry import registry_on
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.adapters.sqs import SqsQueue
from hooktrace.adapters.system import SystemChance, SystemClock
from hooktrace.adapters.waiters import TableWaiters
from hooktrace.api.auth import Authenticator
from hooktrace.domain.errors import Conflict, InvalidInput, NotFound, Unavailable
from hooktrace.domain.events import EventRecord
from hooktrace.domain.new_event import NewEvent
from hooktrace.domain.registry import Project
from hooktrace.usecases.await_outcome import AwaitOutcome, Waited
from hooktrace.usecases.cached_projects import CachedProjects
from hooktrace.usecases.ingest_events import Accepted, IngestEvents

if TYPE_CHECKING:
    from hooktrace.usecases.matching_sets import MatchingSets


@dataclass(frozen=True, slots=True)
class Wired:
    """The room on its adapters."""

    authenticate: Authenticator
    projects: CachedProjects
    events: IngestEvents
    waiting: AwaitOutcome
    matching: RegistryMatching
    max_event_bytes: int

    def _project(self, project_id: str) -> Project:
        project = self.projects.get_project(project_id)
        if project is None:
            raise NotFound
        return project

    def ingest(
        self, news: Sequence[NewEvent], project_id: str
    ) -> list[Accepted | InvalidInput | Conflict | Unavailable]:
        """Accepts events for a project."""
        return self.events.run(news, self._project(project_id))

    def outcome(self, record: EventRecord, seconds: int) -> Waited:
        """The event's status after waiting up to so long for its outcome.

        The event is stored: when its state cannot be read, nobody waits, and it is no error.
        """
        try:
            return self.waiting.run(record.project_id, record.id, seconds)
        except Unavailable:
            return Waited(None, had_slot=False)

    def reject_unmatched(self, new: NewEvent, project_id: str) -> EventRecord | None:
        """The record of a rejected event, or None when some subscription wants it."""
        from hooktrace.usecases.reject_unmatched import reject_unmatched  # strict ingest alone

        project = self._project(project_id)
        return reject_unmatched(new, project, sets=_sets(self.matching), events=self.events)


@cache
def _sets(matching: RegistryMatching) -> MatchingSets:
    from hooktrace.usecases.matching_sets import MatchingSets

    return MatchingSets(matching)


@cache
def settings() -> Settings:
    return Settings.model_validate(dict(os.environ))


@cache
def wired() -> Wired:
    """The room on the real adapters."""
    names, clock = settings(), SystemClock()
    blobs = S3Blobs(lambda: client("s3"), names.blobs_bucket)
    table = DynamoRegistryTable(client("dynamodb"), names.registry_table)
    registry = registry_on(table, blobs, clock.now_ms)
    ledger_table = DynamoTable(client("dynamodb"), names.ledger_table)
    ledger = TableLedger(ledger_table, blobs)
    return Wired(
        authenticate=Authenticator(registry.keys.load_key, lambda: clock.now_ms() / 1000),
        projects=CachedProjects(registry.projects, clock),
        events=IngestEvents(
            ledger=ledger,
            payloads=ledger,
            keys=ledger,
            queue=SqsQueue(client("sqs"), names.match_queue_url),
            clock=clock,
            chance=SystemChance(),
        ),
        waiting=AwaitOutcome(
            ledger, TableWaiters(ledger_table, SystemChance(), names.max_waiters), clock
        ),
        matching=registry.matching,
        max_event_bytes=names.max_body_bytes,
    )
