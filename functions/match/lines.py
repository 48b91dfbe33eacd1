"""What the match room logs: its wide line, which also holds its metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hooktrace.adapters.records import outcomes
from hooktrace.api.metrics import with_metrics
from hooktrace.domain.ids import EventId
from hooktrace.usecases.match_events import Matched


def match_lines(
    done: Sequence[tuple[EventId, Matched]], back: Iterable[str]
) -> list[dict[str, object]]:
    """One line for the invocation, and one for each further reason why events were discarded.

    A metric's dimension has one value in a line, hence the further ones. `Accepted` is counted
    here, where events come in batches, and not in ingest, where each would have a line for it.
    """
    reasons: dict[str, list[str]] = {}
    for event_id, matched in done:
        if matched.decided and matched.why is not None:
            reasons.setdefault(matched.why, []).append(event_id)
    main = {
        "room": "match",
        "done": outcomes((event_id, matched.status) for event_id, matched in done) or None,
        "back": list(back) or None,
    }
    counts = {"Accepted": sum(matched.decided for _, matched in done)}
    lines: list[dict[str, object]] = []
    for reason, ids in reasons.items():
        line = main if not lines else {"room": "match", "ids": _joined(ids)}
        counts["Discarded"] = len(ids)
        lines.append(with_metrics(line | {"reason": reason}, counts))
        counts = {}
    return lines or [with_metrics(main, counts)]


def _joined(ids: Iterable[str]) -> str:
    return " ".join(one.partition("_")[2] for one in ids)
