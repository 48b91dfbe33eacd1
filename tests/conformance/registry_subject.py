"""A registry under test: on DynamoDB (the emulator's) or on the shipped fake."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import pytest

from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
from hooktrace.adapters.memory.registry import MemoryBlobs, MemoryRegistryTable
from hooktrace.adapters.registry.items import change_key
from hooktrace.adapters.registry.registry import Registry, registry_on
from hooktrace.adapters.registry.table import Delete, RegistryTable
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.domain.ids import ulid
from hooktrace.domain.keys import StoredKey
from hooktrace.domain.registry import (
    Changes,
    Endpoint,
    Project,
    SigningSecret,
    Subscription,
)
from tests.emulator_fixtures import EmulatorTables

NOW_MS = 1_800_000_000_000


@dataclass
class Subject:
    """A registry under test, with a project of its own in it."""

    registry: Registry
    table: RegistryTable
    project: str

    def endpoint(self, **fields: Any) -> Endpoint:
        made = Endpoint(
            id=new_id("ep"),
            project_id=self.project,
            url="https://hooks.example.com/in",
            created_ms=NOW_MS,
            updated_ms=NOW_MS,
            secrets=(SigningSecret("whsec_AAAA"),),
            **fields,
        )
        self.registry.endpoints.create_endpoint(made)
        return made

    def subscription(self, endpoint: Endpoint, **fields: Any) -> Subscription:
        made = self.unsaved_subscription(endpoint, **fields)
        self.registry.subscriptions.create_subscription(made)
        return made

    def unsaved_subscription(self, endpoint: Endpoint, **fields: Any) -> Subscription:
        return Subscription(
            id=new_id("sub"),
            project_id=self.project,
            endpoint_id=endpoint.id,
            created_ms=NOW_MS,
            updated_ms=NOW_MS,
            **fields,
        )

    def changes(self, version: int) -> Changes:
        found = self.registry.matching.changes_since(self.project, version)
        assert found is not None
        return found

    def forget_change(self, version: int) -> None:
        """What the table's expiry does to the change log."""
        assert self.table.transact([Delete(change_key(self.project, version))]) is None


_numbers = iter(range(10**9))


def new_id(prefix: str) -> str:
    return f"{prefix}_{ulid(NOW_MS + next(_numbers), os.urandom(10))}"


def new_key(project_id: str) -> StoredKey:
    return StoredKey(
        key_id=new_id("key"),
        project_id=project_id,
        secret_sha256="0" * 64,
        scopes=frozenset({"read", "write"}),
        name="n",
        expires_at=NOW_MS + 1,
    )


def emulated(emulator: EmulatorTables) -> tuple[RegistryTable, Any]:
    s3 = emulator.client("s3")
    table = DynamoRegistryTable(emulator.client("dynamodb"), emulator.registry_table)
    return table, S3Blobs(lambda: s3, emulator.blobs_bucket)


@pytest.fixture(params=["memory", pytest.param("emulator", marks=pytest.mark.emulator)])
def subject(request: pytest.FixtureRequest) -> Subject:
    table: RegistryTable = MemoryRegistryTable()
    blobs: Any = MemoryBlobs()
    if request.param == "emulator":
        table, blobs = emulated(request.getfixturevalue("emulator"))
    registry = registry_on(table, blobs, lambda: NOW_MS)
    project = Project(id=new_id("prj"), name="conformance", created_ms=NOW_MS)
    registry.projects.create_project(project, [])
    return Subject(registry, table, project.id)
