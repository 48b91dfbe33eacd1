"""Environment → adapters → use case, once, at the first call."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from functions.ingest.settings import Settings
from hooktrace.adapters.aws import client
from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.registry.registry import registry_on
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.adapters.sqs import SqsQueue
from hooktrace.adapters.system import SystemChance, SystemClock
from hooktrace.api.auth import Authenticator
from hooktrace.domain.errors import NotFound
from hooktrace.domain.events import EventRecord
from hooktrace.domain.new_event import NewEvent
from hooktrace.usecases.cached_projects import CachedProjects
from hooktrace.usecases.ingest_event import ingest_event


@dataclass(frozen=True, slots=True)
class Wired:
    """The room on its adapters."""

    authenticate: Authenticator
    projects: CachedProjects
    ledger: TableLedger
    queue: SqsQueue
    clock: SystemClock
    chance: SystemChance

    def ingest(self, new: NewEvent, project_id: str) -> EventRecord:
        """Accepts an event for a project."""
        project = self.projects.get_project(project_id)
        if project is None:
            raise NotFound
        return ingest_event(
            new,
            project=project,
            ledger=self.ledger,
            payloads=self.ledger,
            queue=self.queue,
            clock=self.clock,
            chance=self.chance,
        )


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
    return Wired(
        authenticate=Authenticator(registry.keys.load_key, lambda: clock.now_ms() / 1000),
        projects=CachedProjects(registry.projects, clock),
        ledger=TableLedger(DynamoTable(client("dynamodb"), names.ledger_table), blobs),
        queue=SqsQueue(client("sqs"), names.match_queue_url),
        clock=clock,
        chance=SystemChance(),
    )
