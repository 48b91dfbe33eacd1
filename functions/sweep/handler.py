"""A schedule's tick in; one round of the sweep."""

from __future__ import annotations

from typing import Any

from functions.sweep.lines import sweep_line
from functions.sweep.wiring import keep_registry, stop_deliveries, sweep
from hooktrace.api.log import print_line


def handle(_event: dict[str, Any], _context: object) -> dict[str, int]:
    """Runs one round; raises Unavailable when a store does not answer (the next tick repeats)."""
    counts = dict(sweep().run() + stop_deliveries().finish() + keep_registry())
    print_line(sweep_line(counts))
    return counts
