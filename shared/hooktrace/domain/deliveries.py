"""One event's delivery to one endpoint, as its record says it. Decisions: `delivery_steps`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hooktrace.domain.attempts import AttemptOutcome, Phase
from hooktrace.domain.ids import (
    DeliveryId,
    EndpointId,
    EventId,
    OperationId,
    ProjectId,
    SubscriptionId,
    bare,
    delivery_id,
)
from hooktrace.domain.states import DeliveryStatus, Trigger


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP request of a delivery. `outcome` is None while it is in flight.

    `phase` is `token` when it ended at the token endpoint, before its request.
    """

    number: int
    trigger: Trigger
    started_ms: int
    requested_by: str | None = None
    outcome: AttemptOutcome | None = None
    duration_ms: int | None = None
    parts_ms: Mapping[str, int] = field(default_factory=dict)
    status: int | None = None
    reason: str = ""
    url: str | None = None
    address: str | None = None
    response_headers: tuple[tuple[str, str], ...] = ()
    response_body: str = ""
    response_bytes: int = 0
    response_truncated: bool = False
    lease_until_ms: int | None = None
    next_attempt_ms: int | None = None
    operation_id: OperationId | None = None
    phase: Phase = "request"

    def without_answer(self) -> Attempt:
        """This attempt without what the endpoint said, which may quote the event's data."""
        is_quoted = self.outcome is AttemptOutcome.PROTOCOL_ERROR
        reason = "What came is not HTTP." if is_quoted else self.reason
        return replace(self, response_body="", response_headers=(), reason=reason)


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery in the ledger. Times are Unix milliseconds.

    `attempts` are the latest ones (older ones are kept beside the record); `step` counts the
    retries of the schedule already used; `due_ms` is when sweep must look, if nobody did before;
    `by_hand` names the key id of a manual attempt that is asked for and not yet begun;
    `promised_ms` is when the schedule goes on if the attempt that was asked for by hand fails;
    `forced`: also to an endpoint that is disabled. `requested_by` is the key id that cancelled.
    `waiting_for` names what of our own brake holds it until `next_attempt_ms`.
    `cancel_reason` is set while the last attempt is in flight and none may follow it.
    `expunged`: its event's data is gone, so answers are recorded without what they said.
    `operation_id` names the bulk operation that planned this delivery or last asked for an attempt.
    """

    project_id: ProjectId
    event_id: EventId
    endpoint_id: EndpointId
    replay: int
    status: DeliveryStatus
    version: int
    matched_by: tuple[SubscriptionId, ...]
    updated_ms: int
    attempts: tuple[Attempt, ...] = ()
    attempts_total: int = 0
    step: int = 0
    next_attempt_ms: int | None = None
    due_ms: int | None = None
    lease_until_ms: int | None = None
    by_hand: str | None = None
    promised_ms: int | None = None
    forced: bool = False
    requested_by: str | None = None
    cancel_reason: str | None = None
    reason: str | None = None
    waiting_for: str | None = None
    expires_s: int | None = None
    expunged: bool = False
    operation_id: OperationId | None = None
    write_token: str = ""

    @property
    def id(self) -> DeliveryId:
        return delivery_id(bare(self.event_id), bare(self.endpoint_id), self.replay)

    def written(self, *, now_ms: int, token: str) -> DeliveryRecord:
        """This record as the next version, marked with the token of its write."""
        return replace(self, version=self.version + 1, updated_ms=now_ms, write_token=token)

    @property
    def attention(self) -> str | None:
        """The status under which the `attention` index lists this delivery, if any.

        `waiting`: one that was never begun and waits for its turn under a rate limit, which may
        be hours away; it is found there when its endpoint is disabled or deleted.
        """
        if self.status is DeliveryStatus.PENDING:
            return "waiting" if self.waiting_for == "rate_limit" else None
        if self.status in {DeliveryStatus.FAILED, DeliveryStatus.CANCELLED}:
            return self.status
        manual = any(attempt.trigger is Trigger.MANUAL for attempt in self.attempts)
        if self.status is DeliveryStatus.RETRYING:
            return DeliveryStatus.RETRYING
        if self.status is DeliveryStatus.DELIVERING:
            again = self.attempts_total > 1 or self.step or manual
            return DeliveryStatus.RETRYING if again else None
        return f"{self.status}_manually" if manual else None


def born(
    *,
    project_id: ProjectId,
    event_id: EventId,
    endpoint_id: EndpointId,
    replay: int,
    matched_by: tuple[SubscriptionId, ...],
    expires_s: int | None,
    operation_id: OperationId | None = None,
    by_hand: str | None = None,
) -> DeliveryRecord:
    """The delivery as it is before anything happened to it: pending, version 0, not stored.

    `by_hand` is the key id that asked for it: its first attempt is a manual one.
    """
    return DeliveryRecord(
        project_id=project_id,
        event_id=event_id,
        endpoint_id=endpoint_id,
        replay=replay,
        status=DeliveryStatus.PENDING,
        version=0,
        matched_by=matched_by,
        updated_ms=0,
        expires_s=expires_s,
        operation_id=operation_id,
        by_hand=by_hand,
    )


def next_number(record: DeliveryRecord) -> int:
    """The attempt that a message sent now should ask for."""
    return record.attempts_total + 1


def is_asked_by(record: DeliveryRecord, operation: OperationId) -> bool:
    """Whether this operation has asked for an attempt already, as far as the record shows."""
    if record.operation_id == operation:
        return True
    return any(attempt.operation_id == operation for attempt in record.attempts)
