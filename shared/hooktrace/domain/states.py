"""The states of events and deliveries, and every change between them that exists.

One place decides what may follow what; `check_event` and `check_delivery` raise
`IllegalTransition` for anything else, so an illegal state cannot be written.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from hooktrace.domain.errors import IllegalTransition


class EventStatus(StrEnum):
    """What became of an event. `rejected` is the answer of strict ingest."""

    ACCEPTED = "accepted"
    DELIVERING = "delivering"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    DISCARDED = "discarded"
    REJECTED = "rejected"


class DeliveryStatus(StrEnum):
    """What became of one event's delivery to one endpoint."""

    PENDING = "pending"
    DELIVERING = "delivering"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Trigger(StrEnum):
    """Who caused an attempt: the schedule, or somebody by hand."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


E, D = EventStatus, DeliveryStatus

EVENT_ENDS = frozenset({E.SUCCEEDED, E.PARTIAL, E.FAILED, E.DISCARDED, E.REJECTED})
DELIVERY_ENDS = frozenset({D.SUCCEEDED, D.FAILED, D.CANCELLED})

_ROLLED_UP = frozenset({E.DELIVERING, E.SUCCEEDED, E.PARTIAL, E.FAILED})
EVENT_CHANGES: dict[EventStatus, frozenset[EventStatus]] = {
    E.ACCEPTED: frozenset({E.DELIVERING, E.DISCARDED, E.FAILED}),
    E.DELIVERING: _ROLLED_UP,
    E.SUCCEEDED: _ROLLED_UP,
    E.PARTIAL: _ROLLED_UP,
    E.FAILED: _ROLLED_UP,
    E.DISCARDED: frozenset({E.DELIVERING, E.DISCARDED}),
    E.REJECTED: frozenset(),
}
DELIVERY_CHANGES: dict[DeliveryStatus, frozenset[DeliveryStatus]] = {
    D.PENDING: frozenset({D.DELIVERING, D.CANCELLED, D.FAILED}),
    D.DELIVERING: frozenset(D),  # pending: asked for by hand, never begun, held by our own brake
    D.RETRYING: frozenset({D.DELIVERING, D.SUCCEEDED, D.FAILED, D.CANCELLED, D.RETRYING}),
    D.SUCCEEDED: frozenset({D.DELIVERING}),
    D.FAILED: frozenset({D.DELIVERING, D.SUCCEEDED}),
    D.CANCELLED: frozenset({D.DELIVERING, D.SUCCEEDED}),
}


def check_event(before: EventStatus, after: EventStatus) -> EventStatus:
    """`after`, when the change exists; raises IllegalTransition otherwise."""
    if after not in EVENT_CHANGES[before]:
        raise IllegalTransition(f"an event cannot go from {before} to {after}")
    return after


def check_delivery(before: DeliveryStatus, after: DeliveryStatus) -> DeliveryStatus:
    """`after`, when the change exists; raises IllegalTransition otherwise."""
    if after not in DELIVERY_CHANGES[before]:
        raise IllegalTransition(f"a delivery cannot go from {before} to {after}")
    return after


def roll_up(latest: Iterable[DeliveryStatus]) -> EventStatus:
    """An event's status from the latest delivery of each endpoint (at least one)."""
    seen = set(latest)
    if not seen:
        raise IllegalTransition("an event without deliveries has nothing to roll up")
    if seen - DELIVERY_ENDS:
        return E.DELIVERING
    if seen == {D.SUCCEEDED}:
        return E.SUCCEEDED
    return E.PARTIAL if D.SUCCEEDED in seen else E.FAILED
