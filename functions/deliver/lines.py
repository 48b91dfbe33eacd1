"""What the deliver room logs: its wide line, which also holds its metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hooktrace.api.metrics import Value, with_metrics
from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.ids import split_delivery_id
from hooktrace.domain.states import DeliveryStatus
from hooktrace.usecases.delivery_jobs import Attempted


def deliver_lines(
    attempts: Iterable[Attempted], *, over: int, back: Iterable[str], slow: bool
) -> list[dict[str, object]]:
    """One line for the invocation, and one for each further kind of outcome among its attempts.

    A kind is an outcome with its HTTP status: each line holds one, so that logs can be counted
    by it, and metrics have it as their dimension. `slow`: the batch came from the slow lane.
    `slowest` is the endpoint that took longest in the line, and `slowest_ms` how long.
    """
    kinds: dict[tuple[str, int | None], list[Attempted]] = {}
    lost = 0
    for one in attempts:
        ok = one.outcome is AttemptOutcome.SUCCESS
        kinds.setdefault((one.outcome, None if ok else one.facts.http_status), []).append(one)
        lost += one.facts.after_lost
    main: dict[str, object] = {"room": "deliver", "over": over or None, "back": list(back) or None}
    lines: list[dict[str, object]] = []
    for (outcome, http), group in kinds.items():
        fields = _fields(outcome, http, group)
        line = main | fields if not lines else {"room": "deliver"} | fields
        lines.append(with_metrics(line, _counts(group, slow=slow)))
    if lost:
        fields = {"room": "deliver", "outcome": AttemptOutcome.WORKER_LOST.value}
        lines.append(with_metrics(fields, {"Attempts": lost}))
    return lines or [main]


def _fields(outcome: str, http: int | None, group: Sequence[Attempted]) -> dict[str, object]:
    slowest = max(group, key=lambda one: one.facts.duration_ms)
    parts = split_delivery_id(slowest.delivery_id)
    return {
        "outcome": str(outcome),
        "http": http,
        "ids": " ".join(map(_short, group)),
        "slowest": parts[1] if parts else None,
        "slowest_ms": slowest.facts.duration_ms,
    }


def _short(one: Attempted) -> str:
    """The event alone when its first attempt went well (the trace has the rest), else all."""
    parts = split_delivery_id(one.delivery_id)
    if parts and one.number == 1 and one.outcome is AttemptOutcome.SUCCESS:
        return parts[0]
    return f"{one.delivery_id.partition('_')[2]}:{one.number}"


def _counts(group: Sequence[Attempted], *, slow: bool) -> dict[str, Value | None]:
    facts = [one.facts for one in group]
    return {
        "Attempts": len(group),
        "Delivered": sum(
            one.outcome is AttemptOutcome.SUCCESS and one.status is DeliveryStatus.SUCCEEDED
            for one in group
        ),
        "Retries": sum(one.number > 1 for one in group),
        "SlowAttempts": len(group) if slow else 0,
        "TimeToFirstAttempt": [f.until_first_ms for f in facts if f.until_first_ms is not None],
        "TimeToTerminal": [f.until_end_ms for f in facts if f.until_end_ms is not None],
    }
