"""Environment → adapters → use case, once, at the first call."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from functions.deliver.settings import Settings
from hooktrace.adapters.aws import client, impatient_client
from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.endpoint_healths import TableHealths
from hooktrace.adapters.http import HttpSender
from hooktrace.adapters.kms import KmsKeys
from hooktrace.adapters.ledger import TableLedger
from hooktrace.adapters.records import is_from_queue
from hooktrace.adapters.registry.registry import registry_on
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.adapters.sqs import SqsQueue, SqsReturns
from hooktrace.adapters.system import SystemChance, SystemClock
from hooktrace.adapters.traffic import TableTraffic
from hooktrace.adapters.vault import EnvelopeVault
from hooktrace.usecases.authorize_requests import AuthorizedSender
from hooktrace.usecases.cached_projects import CachedProjects
from hooktrace.usecases.claim_attempts import ClaimAttempts
from hooktrace.usecases.deliver_attempts import DeliverAttempts
from hooktrace.usecases.endpoint_life import EndpointLife
from hooktrace.usecases.look_after_failures import LookAfterFailures
from hooktrace.usecases.open_batches import OpenBatches
from hooktrace.usecases.prepare_requests import PrepareRequests

THREADS = 100
"""One for each message of the largest batch, so that no request waits for another to end."""


@cache
def _settings() -> Settings:
    return Settings.model_validate(dict(os.environ))


def is_slow_lane(event: Mapping[str, Any]) -> bool:
    """Whether a batch comes from the queue of endpoints that hang."""
    return is_from_queue(event, _settings().slow_queue_url)


@cache
def returns(*, slow: bool) -> SqsReturns:
    """How messages of the lane's queue come back."""
    settings = _settings()
    url = settings.slow_queue_url if slow else settings.deliver_queue_url
    return SqsReturns(impatient_client("sqs"), url)


@cache
def deliver_attempts() -> DeliverAttempts:
    """The use case on the real adapters. The threads live as long as the environment; one is
    made only when there are more requests at once than ever before."""
    settings = _settings()
    blobs = S3Blobs(lambda: client("s3"), settings.blobs_bucket)
    ledger_table = DynamoTable(client("dynamodb"), settings.ledger_table)
    ledger = TableLedger(ledger_table, blobs)
    clock = SystemClock()
    table = DynamoRegistryTable(client("dynamodb"), settings.registry_table)
    registry = registry_on(table, blobs, clock.now_ms)
    queue, chance = SqsQueue(client("sqs"), settings.deliver_queue_url), SystemChance()
    projects = CachedProjects(registry.projects, clock)
    claims = ClaimAttempts(
        batches=OpenBatches(
            ledger=ledger,
            endpoints=registry.endpoints,
            projects=projects,
            traffic=TableTraffic(ledger_table),
            clock=clock,
            chance=chance,
            pause=time.sleep,
        ),
        requests=PrepareRequests(
            ledger=ledger,
            payloads=ledger,
            projects=projects,
            vault=EnvelopeVault(
                KmsKeys(lambda: client("kms"), settings.secrets_key_arn),
                registry.data_keys,
                monotonic=time.monotonic,
            ),
            chance=chance,
        ),
        ledger=ledger,
        shelf=ledger,
        queue=queue,
        slow_queue=SqsQueue(client("sqs"), settings.slow_queue_url),
        clock=clock,
        chance=chance,
    )
    http = HttpSender(allow_loopback=settings.allow_loopback, extra_ca_file=settings.extra_ca_file)
    life = EndpointLife(
        endpoints=registry.endpoints, healths=TableHealths(ledger_table), clock=clock, chance=chance
    )
    return DeliverAttempts(
        claims=claims,
        ledger=ledger,
        failures=LookAfterFailures(endpoints=registry.endpoints, life=life),
        life=life,
        queue=queue,
        sender=AuthorizedSender(http, http, clock=clock, monotonic=time.monotonic),
        pool=ThreadPoolExecutor(THREADS, thread_name_prefix="attempt"),
        clock=clock,
        chance=chance,
        pause=time.sleep,
    )
