"""What the routes of this room work with; made by `wiring`."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hooktrace.api.auth import SECRET_BYTES, hash_secret, make_token
from hooktrace.reading_ports import TraceForgetter
from hooktrace.usecases.expunge_event import ExpungeEvent
from hooktrace.usecases.keep_audit import AuditDesk
from hooktrace.usecases.manage_endpoints import EndpointDesk
from hooktrace.usecases.manage_operations import OperationDesk
from hooktrace.usecases.manage_projects import ProjectDesk
from hooktrace.usecases.manage_subscriptions import SubscriptionDesk
from hooktrace.usecases.steer_delivery import SteerDelivery
from hooktrace.usecases.try_subscription import StoredEvents

if TYPE_CHECKING:
    from hooktrace.usecases.replay_event import ReplayEvent


@dataclass(frozen=True, slots=True)
class Desks:
    """The collaborators of the use cases, by what they manage."""

    projects: ProjectDesk
    endpoints: EndpointDesk
    subscriptions: SubscriptionDesk
    events: StoredEvents
    deliveries: SteerDelivery
    expunge: ExpungeEvent
    operations: OperationDesk
    replays: Callable[[], ReplayEvent]
    audit: AuditDesk
    traces: TraceForgetter


Wired = Callable[[], Desks]
"""Gives the desks; called when a request comes, not when routes are declared."""


def new_token(key_ulid: str) -> tuple[str, str]:
    """A fresh token of the key `key_<key_ulid>`, and the SHA-256 of its secret."""
    token = make_token(key_ulid, secrets.token_bytes(SECRET_BYTES))
    return token, hash_secret(token.split("_", 2)[2])
