"""Match times at 100 000 subscriptions, against the budgets of the design.

    python bench/matching.py

What it takes of memory is measured by `bench/matching_memory.py`.

Prints the time of a match with equality clauses (3 matches), of one where filters have range
clauses only, and of a cold load from a snapshot. Times are the best of several rounds of process
CPU time, so that other work on the machine counts little.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT / "shared") not in sys.path:
    sys.path.insert(0, str(ROOT / "shared"))

from hooktrace.domain.filters import FilterEvent  # noqa: E402 - after the path is set
from hooktrace.domain.matching import MatchRow, SubscriptionIndex  # noqa: E402 - as above

COUNT = 100_000
TYPES = [f"order.kind{number}" for number in range(40)]
BUDGETS_MS = {"equality, 3 matches": 0.1, "range clauses only": 10.0, "cold load": 150.0}


def equality_rows(count: int, first: int = 0) -> list[MatchRow]:
    """Subscriptions on a tenant's id, half of them with a second clause."""
    rows = []
    for number in range(first, count):
        wanted: dict[str, object] = {"tenant": f"tenant-{number // 120}"}
        if number % 2:
            wanted["total"] = {"$gte": number % 500}
        text = json.dumps({"data": wanted}, separators=(",", ":"))
        rows.append(_row(number, TYPES[number % len(TYPES)], text))
    return rows


def range_rows(count: int) -> list[MatchRow]:
    """Subscriptions of one type, each with two ranges over two fields."""
    chance = random.Random(7)
    rows = []
    for number in range(count):
        low, high = chance.random() * 1000, chance.random() * 1000
        ranges = {
            "total": {"$gte": round(low, 3), "$lt": round(low + 1, 3)},
            "weight": {"$lte": round(high, 3)},
        }
        text = json.dumps({"data": ranges}, separators=(",", ":"))
        rows.append(_row(number, "order.paid", text))
    return rows


def _row(number: int, event_type: str, text: str) -> MatchRow:
    return MatchRow(f"sub_{number:026d}", f"ep_{number % 5_000:026d}", (event_type,), text, True)


def best_ms(action: Callable[[], object], rounds: int, calls: int) -> float:
    """The best round's mean CPU milliseconds of a call."""
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time_ns()
        for _ in range(calls):
            action()
        best = min(best, (time.process_time_ns() - started) / calls)
    return best / 1e6


def main(count: int = COUNT) -> dict[str, float]:
    """Runs the three measurements, prints them, and returns milliseconds by name."""
    results: dict[str, float] = {}
    snapshot = _measure_equality(count, results)
    gc.collect()
    results["cold load"] = best_ms(lambda: SubscriptionIndex.loads(snapshot), 5, 1)
    _show("cold load", results, f"{len(snapshot)} bytes")
    gc.collect()
    _measure_ranges(count, results)
    return results


def _measure_equality(count: int, results: dict[str, float]) -> bytes:
    rows = equality_rows(count)
    started = time.process_time()
    index = SubscriptionIndex.build(rows, ())
    built_ms = (time.process_time() - started) * 1e3
    data = {"tenant": "tenant-7", "total": 700, "items": [{"sku": "A"}]}
    event = FilterEvent(TYPES[1], {"x-source": "bench"}, data)
    name = "equality, 3 matches"
    results[name] = best_ms(lambda: index.match(event), 7, 200)
    _show(name, results, f"{_matches(index, event)}; built from rows in {built_ms:.0f} ms")
    return index.dumps()


def _measure_ranges(count: int, results: dict[str, float]) -> None:
    index = SubscriptionIndex.build(range_rows(count), ())
    event = FilterEvent("order.paid", {}, {"total": 500.0, "weight": 20})
    results["range clauses only"] = best_ms(lambda: index.match(event), 5, 10)
    _show("range clauses only", results, _matches(index, event))


def _matches(index: SubscriptionIndex, event: FilterEvent) -> str:
    matched = sum(len(subscriptions) for _, subscriptions in index.match(event).matched)
    return f"{matched} matched of {len(index)}"


def _show(name: str, results: dict[str, float], counts: str) -> None:
    verdict = "within" if results[name] <= BUDGETS_MS[name] else "OVER"
    print(f"{name:22} {results[name]:9.3f} ms  {verdict} {BUDGETS_MS[name]} ms  ({counts})")


if __name__ == "__main__":
    main()
