"""What the sweep room logs: its wide line, which also holds its metrics."""

from __future__ import annotations

from collections.abc import Mapping

from hooktrace.api.metrics import with_metrics

REPAIRS = ("match_sent_again", "deliver_sent_again", "rolled_up", "dead_written_back")
"""What a round that finds all well has none of."""


def sweep_line(counts: Mapping[str, int]) -> dict[str, object]:
    """The line of one round, without what it found none of."""
    fields: dict[str, object] = {"room": "sweep"} | {name: n for name, n in counts.items() if n}
    values = {
        "SweepRepairs": sum(counts.get(name, 0) for name in REPAIRS),
        "OldestWaiting": counts.get("oldest_waiting_s", 0),
    }
    return with_metrics(fields, values)
