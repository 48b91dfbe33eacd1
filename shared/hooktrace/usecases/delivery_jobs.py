"""A deliver message on its way through the room, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hooktrace.domain.admission import Go, Wait
from hooktrace.domain.attempts import AttemptOutcome, OutgoingRequest
from hooktrace.domain.deliveries import DeliveryRecord, born, next_number
from hooktrace.domain.events import EventRecord, PlannedDelivery
from hooktrace.domain.ids import DeliveryId, ulid_ms
from hooktrace.domain.messages import DeliverTaskV1
from hooktrace.domain.registry import Endpoint
from hooktrace.domain.retention import Keeping, over_ms
from hooktrace.domain.retry import QUEUE_DELAY_MAX_SECONDS
from hooktrace.domain.states import DeliveryStatus
from hooktrace.endpoint_ports import EndpointKey
from hooktrace.ports import TaskQueue
from hooktrace.usecases.attempt_facts import AttemptFacts

QUEUED = frozenset({DeliveryStatus.PENDING, DeliveryStatus.RETRYING})
"""Of these a message is queued for `next_attempt_ms`, if they have one."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt was made and is on record."""

    delivery_id: DeliveryId
    number: int
    outcome: AttemptOutcome
    status: DeliveryStatus
    facts: AttemptFacts


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing had to be sent for this message; its work is done or queued anew."""

    delivery_id: DeliveryId
    why: str


@dataclass(frozen=True, slots=True)
class PutBack:
    """The message must come back: a live lease, or a store that did not answer."""

    delivery_id: DeliveryId
    why: str


Done = Attempted | Settled | PutBack


@dataclass(slots=True)
class Job:
    """A message on its way through: its record as last seen, and its request once claimed.

    `keeping` says how long its project keeps records, `plan` what the brake said (None: not
    asked yet). `may_have_moved`: the endpoint got another URL while the request was under way,
    or whether it did could not be found out.
    """

    task: DeliverTaskV1
    delivery_id: DeliveryId
    endpoint: Endpoint | None
    record: DeliveryRecord
    keeping: Keeping | None = None
    plan: Go | Wait | None = None
    request: OutgoingRequest | None = None
    may_have_moved: bool = False

    @property
    def body_bytes(self) -> int:
        """The size of the request's body, 0 without one."""
        return 0 if self.request is None else len(self.request.body)

    @property
    def key(self) -> EndpointKey:
        """The endpoint, with its project."""
        return self.task.project_id, self.task.endpoint_id

    @property
    def over_ms(self) -> int:
        """From when on no attempt is made: its event is gone."""
        accepted_ms = ulid_ms(self.task.event_id)
        return over_ms(accepted_ms, self.keeping, self.record.expires_s)


def queue_delay(record: DeliveryRecord, now_ms: int) -> int:
    """Whole seconds that the message of the next attempt waits in its queue.

    A slot of the rate limit is met early, by half a second to one and a half, and its worker
    waits for the rest: a message that comes late has lost its slot.
    """
    ahead_ms = max(0, (record.next_attempt_ms or now_ms) - now_ms)
    if record.waiting_for == "rate_limit":
        return max(0, ahead_ms - 500) // 1000
    return -(-ahead_ms // 1000)


def queue_next(
    pairs: Sequence[tuple[DeliverTaskV1, DeliveryRecord]], queue: TaskQueue, now_ms: int
) -> None:
    """Queues the next attempt of each that retries or waits; sweep finds those far ahead."""
    sends = []
    for task, record in pairs:
        if record.status not in QUEUED or record.next_attempt_ms is None:
            continue
        delay = queue_delay(record, now_ms)
        if delay <= QUEUE_DELAY_MAX_SECONDS:
            sends.append((replace(task, attempt=next_number(record), waits=0), delay))
    if sends:
        queue.send(sends)


def unborn_record(event: EventRecord, plan: PlannedDelivery) -> DeliveryRecord:
    """A planned delivery that no worker has begun: pending."""
    return born(
        project_id=event.project_id,
        event_id=event.id,
        endpoint_id=plan.endpoint_id,
        replay=plan.replay,
        matched_by=plan.matched_by,
        expires_s=event.expires_s,
        operation_id=plan.operation_id,
        by_hand=plan.requested_by,
    )


def stop_reason(endpoint: Endpoint | None) -> str | None:
    """Why nothing may be sent to this endpoint, if so."""
    if endpoint is None:
        return "endpoint_deleted"
    return "endpoint_disabled" if endpoint.state == "disabled" else None
