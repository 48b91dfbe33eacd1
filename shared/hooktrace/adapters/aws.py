"""boto3 clients, made lazily, one session to an environment.

Retries of the SDK are few and quick: the callers repeat what is worth repeating. Time-outs are
short, so that a hanging call becomes Unavailable before the room's own time is over.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=25,
    parameter_validation=False,
    user_agent_extra="hooktrace",
)


# For what is worth little when it is late: one try.
IMPATIENT = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1})


@cache
def session() -> boto3.Session:
    return boto3.Session()


@cache
def client(service: str) -> Any:
    """The environment's client of a service."""
    return session().client(service, config=CONFIG)  # type: ignore[call-overload] # any service


@cache
def impatient_client(service: str) -> Any:
    """As `client`, but it gives up after one try of at most 4 seconds."""
    return session().client(service, config=CONFIG.merge(IMPATIENT))  # type: ignore[call-overload] # any service
