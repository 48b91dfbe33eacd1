"""`emulator`: tables on an emulator of one's own. `stack`: all of Hooktrace, deployed on one.
`enforcing_stack`: the same on an emulator that lets functions do what their roles allow.

All are made once a session, on free ports, and take nothing from the caller's environment.
Tests keep apart by fresh project ids, not by emptying anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from infra.tables import LEDGER, REGISTRY
from tools.emulator import REGION, Emulator, free_port
from tools.local_stack import LocalStack, State


def client_settings(endpoint_url: str) -> dict[str, str]:
    """Keyword arguments of `boto3.client` that reach an emulator and nothing else."""
    return {
        "endpoint_url": endpoint_url,
        "region_name": REGION,
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }


@dataclass(frozen=True, slots=True)
class EmulatorTables:
    """The two tables (of the template's shape) and a bucket on an emulator."""

    endpoint_url: str
    ledger_table: str = "ledger"
    registry_table: str = "registry"
    blobs_bucket: str = "blobs"

    def client(self, service: str) -> Any:
        """A new boto3 client of a service."""
        return boto3.client(service, **client_settings(self.endpoint_url))  # type: ignore[call-overload] # any service


@pytest.fixture(scope="session")
def emulator() -> Iterator[EmulatorTables]:
    process = Emulator(free_port())
    process.start()
    try:
        tables = EmulatorTables(process.url)
        dynamodb = tables.client("dynamodb")
        dynamodb.create_table(**LEDGER.create_table_request(tables.ledger_table))
        dynamodb.create_table(**REGISTRY.create_table_request(tables.registry_table))
        tables.client("s3").create_bucket(Bucket=tables.blobs_bucket)
        yield tables
    finally:
        process.stop()


@pytest.fixture(scope="session")
def stack() -> Iterator[State]:
    """What `.hooktrace/local.json` holds, and as `aws` the arguments for `boto3.client`."""
    yield from _deployed(LocalStack(free_port()))


@pytest.fixture(scope="session")
def enforcing_stack() -> Iterator[State]:
    """Like `stack`, with roles enforced."""
    yield from _deployed(LocalStack(free_port(), enforce_roles=True))


def _deployed(deployed: LocalStack) -> Iterator[State]:
    state = deployed.up()
    try:
        yield {**state, "aws": client_settings(state["endpoint_url"])}
    finally:
        deployed.down()
