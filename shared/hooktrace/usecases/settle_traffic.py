"""After requests: permits go back, and what their endpoints are like is noted."""

from __future__ import annotations

from collections.abc import Iterable

from hooktrace.domain.admission import Go
from hooktrace.domain.attempts import AttemptOutcome, SendResult
from hooktrace.domain.traffic import FAST_MS, SLOW_AFTER_MS
from hooktrace.endpoint_ports import EndpointKey
from hooktrace.usecases.brake import Over
from hooktrace.usecases.delivery_jobs import Job
from hooktrace.usecases.open_batches import Batch


def settle_landed(batch: Batch, landed: Iterable[tuple[Job, SendResult]]) -> None:
    """One write for an endpoint that has limits, hung, or is slow; none for any other."""
    by_endpoint: dict[EndpointKey, list[tuple[Job, SendResult]]] = {}
    for job, result in landed:
        by_endpoint.setdefault(job.key, []).append((job, result))
    for key, group in by_endpoint.items():
        plans = [job.plan for job, _ in group if isinstance(job.plan, Go)]
        over = Over(
            tokens=tuple(plan.permit for plan in plans if plan.permit is not None),
            hung=any(_hung(result) for _, result in group),
            fast_begun_ms=tuple(
                plan.start_ms
                for job, result in group
                if isinstance(plan := job.plan, Go) and result.duration_ms < FAST_MS
            ),
        )
        if over.tokens or over.hung or batch.brake.is_slow(key):
            batch.brake.settle(key, over)


def _hung(result: SendResult) -> bool:
    return result.outcome is AttemptOutcome.TIMEOUT or result.duration_ms >= SLOW_AFTER_MS


def settle_hanging(batch: Batch, keys: Iterable[EndpointKey]) -> None:
    """Marks endpoints while their requests still hang, so that other workers learn of it soon."""
    for key in keys:
        batch.brake.settle(key, Over(hung=True))
