"""Every decision about a delivery, pure: from the record as it was read to that to be written.

Each write is conditional on `version`; who loses reads again and decides again. The claim comes
before the request (a lease), the result after it.
"""

from __future__ import annotations

from dataclasses import replace

from hooktrace.domain.attempts import AttemptOutcome, SendResult
from hooktrace.domain.deliveries import Attempt, DeliveryRecord
from hooktrace.domain.ids import OperationId, ulid_ms
from hooktrace.domain.retry import QUEUE_DELAY_MAX_SECONDS, RetryPolicy, throttled_seconds
from hooktrace.domain.states import DELIVERY_ENDS, DeliveryStatus, Trigger, check_delivery

DUE_GRACE_MS = 120_000
"""A queued retry that is also listed in `due` (old events) is looked for this much later."""
BY_HAND_GRACE_MS = 60_000
"""An attempt asked for by hand is looked for by sweep so much later, if nobody began it."""
SCHEDULE_OVER = 1_000_000
"""The step of a delivery that had ended: after a retry by hand nothing follows by itself."""
DEAD_LETTER = "dead_letter_deliver"
"""The reason of a delivery whose message ended in a dead-letter queue."""
RETENTION_OVER = "retention_over"
"""The reason of a delivery whose next attempt would come after its event is gone."""
FAILING = frozenset({DEAD_LETTER, RETENTION_OVER})
"""Reasons that end a delivery as failed; any other cancels it."""
AUDITED_AGE_MS = 25 * 60_000
"""Until this age the audit looks after an event's deliveries; later retries need `due`."""


def close_lost(record: DeliveryRecord) -> DeliveryRecord:
    """The open attempt of an expired lease, closed as `worker_lost`."""
    open_attempt = record.attempts[-1]
    lost = replace(
        open_attempt,
        outcome=AttemptOutcome.WORKER_LOST,
        duration_ms=(record.lease_until_ms or 0) - open_attempt.started_ms,
        reason="The worker died before it could record the answer; its lease ran out.",
    )
    return replace(record, attempts=(*record.attempts[:-1], lost))


def conclude(
    record: DeliveryRecord,
    number: int,
    result: SendResult,
    *,
    now_ms: int,
    policy: RetryPolicy,
    chance: float,
    token: str,
    over_ms: int,
    stop_reason: str | None = None,
) -> DeliveryRecord | None:
    """The record with the result of attempt `number`; None when it holds that result already.

    When the lease was lost and the story went on, a late result fills in its own attempt only,
    and a late success ends a delivery that is not at its end. An attempt that is in flight then
    keeps its lease, so that it is closed when its worker dies. After a failure with a
    `stop_reason` (the endpoint was deleted or disabled meanwhile) nothing follows, and no attempt
    is planned from `over_ms` on, when its event is gone.
    """
    position = next((i for i, a in enumerate(record.attempts) if a.number == number), None)
    if position is None:
        return None
    attempt = record.attempts[position]
    if attempt.outcome not in {None, AttemptOutcome.WORKER_LOST}:
        return None
    finished = _finish(attempt, result)
    if record.expunged:
        finished = finished.without_answer()
    base = replace(
        record,
        version=record.version + 1,
        updated_ms=now_ms,
        attempts=(*record.attempts[:position], finished, *record.attempts[position + 1 :]),
        write_token=token,
    )
    succeeded = result.outcome is AttemptOutcome.SUCCESS
    holds_lease = attempt.outcome is None and number == record.attempts_total
    if succeeded and record.status not in DELIVERY_ENDS:
        lease_ms = None if holds_lease else record.lease_until_ms
        return replace(_ended(base, DeliveryStatus.SUCCEEDED, None), lease_until_ms=lease_ms)
    if not holds_lease:
        return base
    if record.status in DELIVERY_ENDS:
        return replace(base, lease_until_ms=None)
    stop = stop_reason or record.cancel_reason
    if stop is not None:
        return _ended(base, _stopped(stop), stop)
    after = _after_failure(base, attempt, result, now_ms=now_ms, policy=policy, chance=chance)
    if after.next_attempt_ms is not None and after.next_attempt_ms >= over_ms:
        return _ended(base, DeliveryStatus.FAILED, RETENTION_OVER)
    return after


def _finish(attempt: Attempt, result: SendResult) -> Attempt:
    return replace(
        attempt,
        outcome=result.outcome,
        duration_ms=result.duration_ms,
        parts_ms=dict(result.parts_ms),
        status=result.status,
        reason=result.reason,
        address=result.address,
        response_headers=result.response_headers,
        response_body=result.response_body,
        response_bytes=result.response_body_bytes,
        response_truncated=result.response_truncated,
        phase=result.phase,
    )


def _ended(record: DeliveryRecord, status: DeliveryStatus, reason: str | None) -> DeliveryRecord:
    return replace(
        record,
        status=check_delivery(record.status, status),
        reason=reason,
        next_attempt_ms=None,
        promised_ms=None,
        due_ms=None,
        lease_until_ms=None,
        cancel_reason=None,
        forced=False,
        waiting_for=None,
    )


def _after_failure(
    base: DeliveryRecord,
    attempt: Attempt,
    result: SendResult,
    *,
    now_ms: int,
    policy: RetryPolicy,
    chance: float,
) -> DeliveryRecord:
    if policy.ends(result.status):
        return _ended(base, DeliveryStatus.FAILED, f"permanent_status_{result.status}")
    if base.promised_ms is not None:
        wait = throttled_seconds(result.status, result.retry_after, now_ms=now_ms)
        at = max(base.promised_ms, now_ms + round(wait * 1000))
        return _retrying(base, at, now_ms, step=base.step)
    by_hand = attempt.trigger is Trigger.MANUAL  # of one that had ended, or was stored long ago
    delay = policy.delay_seconds(
        base.step,
        status=result.status,
        retry_after=result.retry_after,
        now_ms=now_ms,
        chance=chance,
    )
    if delay is None:
        why = "manual_attempt_failed" if base.step == SCHEDULE_OVER else "attempts_exhausted"
        return _ended(base, DeliveryStatus.FAILED, why)
    at = now_ms + round(delay * 1000)
    takes_step = attempt.number == 1 or not by_hand  # the first attempt of a replay does
    return _retrying(base, at, now_ms, step=base.step + 1 if takes_step else base.step)


def _retrying(base: DeliveryRecord, at: int, now_ms: int, *, step: int) -> DeliveryRecord:
    last = replace(base.attempts[-1], next_attempt_ms=at)
    return replace(
        base,
        status=check_delivery(base.status, DeliveryStatus.RETRYING),
        attempts=(*base.attempts[:-1], last),
        step=step,
        next_attempt_ms=at,
        promised_ms=None,
        due_ms=due_ms(base, at, now_ms),
        lease_until_ms=None,
    )


def due_ms(record: DeliveryRecord, at_ms: int, now_ms: int) -> int | None:
    """When sweep must look: at the time itself beyond what a queue can wait, else as a net."""
    if at_ms - now_ms > QUEUE_DELAY_MAX_SECONDS * 1000:
        return at_ms
    old = at_ms - ulid_ms(record.event_id) > AUDITED_AGE_MS
    return at_ms + DUE_GRACE_MS if old else None


def _stopped(reason: str) -> DeliveryStatus:
    """What a reason to stop makes of a delivery: a few make it failed, the rest cancelled.

    The reason alone decides, so that an attempt in flight does not change how its delivery ends.
    """
    return DeliveryStatus.FAILED if reason in FAILING else DeliveryStatus.CANCELLED


def end_without_attempt(
    current: DeliveryRecord, reason: str, *, now_ms: int, token: str
) -> DeliveryRecord | None:
    """The delivery with no further request; None when it is at its end and all attempts are over.

    An attempt in flight goes on: it records its result, and nothing follows it. One that was in
    flight when a late success ended the delivery is closed once its lease has run out.
    """
    if current.status in DELIVERY_ENDS:
        if current.lease_until_ms is None or current.lease_until_ms > now_ms:
            return None
        closed = replace(close_lost(current), lease_until_ms=None)
        return closed.written(now_ms=now_ms, token=token)
    if current.lease_until_ms is None:
        after = _ended(current, _stopped(reason), reason)
    elif current.lease_until_ms <= now_ms:
        after = _ended(close_lost(current), _stopped(reason), reason)
    else:
        after = replace(current, cancel_reason=reason)
    return after.written(now_ms=now_ms, token=token)


def retry_by_hand(
    current: DeliveryRecord,
    key_id: str,
    *,
    forced: bool,
    now_ms: int,
    token: str,
    expires_s: int,
    operation: OperationId | None = None,
) -> DeliveryRecord | None:
    """The delivery with one attempt asked for by hand; None while an attempt is under way.

    It takes a number, but no step. Of a delivery that retries, the attempt that was promised
    comes at its time after a failure, at once if that is past; one that had ended gets this
    attempt and no more. One that our own brake holds keeps its turn. Sweep finds it if the message
    is lost. `expires_s` is when what is under way expires, so that it does not go as what had
    ended. `operation` is the bulk operation that asks on behalf of the key.
    """
    if current.status in {DeliveryStatus.PENDING, DeliveryStatus.DELIVERING}:
        return None
    ended = current.status in DELIVERY_ENDS
    has_turn = current.waiting_for == "rate_limit"
    lease_ms = current.lease_until_ms
    if lease_ms is not None and lease_ms > now_ms:
        return None
    asked = replace(
        current if lease_ms is None else close_lost(current),
        lease_until_ms=None,
        status=check_delivery(current.status, DeliveryStatus.DELIVERING),
        step=SCHEDULE_OVER if ended else current.step,
        next_attempt_ms=current.next_attempt_ms if has_turn else None,
        promised_ms=None if ended else _promise(current, now_ms),
        due_ms=now_ms + BY_HAND_GRACE_MS,
        by_hand=key_id,
        forced=forced,
        reason=None,
        requested_by=None,
        waiting_for=current.waiting_for if has_turn else None,
        operation_id=operation,
        expires_s=max(current.expires_s or 0, expires_s),
    )
    return asked.written(now_ms=now_ms, token=token)


def _promise(current: DeliveryRecord, now_ms: int) -> int | None:
    """When the schedule goes on: what was promised before, else when its next attempt is due.

    Of one that our own brake holds it is due already.
    """
    if current.by_hand is not None:
        return current.promised_ms
    if current.waiting_for is not None or current.next_attempt_ms is None:
        return now_ms
    return current.next_attempt_ms


def cancel_by_hand(
    current: DeliveryRecord, key_id: str, *, now_ms: int, token: str
) -> DeliveryRecord | None:
    """The delivery with no further attempt; None when it is at its end already.

    An attempt in flight ends and is recorded; only then the delivery is cancelled.
    """
    if current.status in DELIVERY_ENDS:
        return None
    after = end_without_attempt(current, "cancelled_by_hand", now_ms=now_ms, token=token)
    return None if after is None else replace(after, requested_by=key_id, by_hand=None)
