"""`redact_actual` works from then on: what was written before stays as it is."""

from __future__ import annotations

from typing import Any

from tests.unit.operations.test_routes import Caller


def actuals(caller: Caller, event: str) -> list[Any]:
    """What the event's report says that the event had, for each clause that said no."""
    trace = caller.call("GET", f"/v1/events/{event}").json
    clauses = [clause for miss in trace["match"]["near_misses"] for clause in miss["clauses"]]
    return [clause.get("actual", "left out") for clause in clauses]


def discarded(caller: Caller) -> str:
    event: str = caller.made("/v1/events", {"type": "a", "data": {"total": 7}})["id"]
    caller.world.run()
    return event


def redact(caller: Caller, value: bool) -> None:
    answer = caller.call("PATCH", f"/v1/projects/{caller.project}", {"redact_actual": value})
    assert answer.status == 200
    caller.world.clock.advance(31)


def test_a_report_made_before_keeps_its_values_until_it_is_made_anew_or_expunged() -> None:
    caller = Caller()
    endpoint = caller.made("/v1/endpoints", {"url": "http://127.0.0.1:9999/a"})["id"]
    body = {"endpoint_id": endpoint, "filter": {"data.total": 8}}
    caller.made("/v1/subscriptions", body)
    replayed, expunged, kept = (discarded(caller) for _ in range(3))
    redact(caller, True)
    late = discarded(caller)
    assert actuals(caller, late) == ["left out"]
    assert [actuals(caller, one) for one in (replayed, expunged, kept)] == [[7]] * 3
    caller.call("POST", f"/v1/events/{replayed}/replay")
    assert caller.call("DELETE", f"/v1/events/{expunged}/data").status in {200, 202, 204}
    caller.world.run()
    assert actuals(caller, replayed) == ["left out"]
    assert actuals(caller, expunged) == ["left out"]
    redact(caller, False)
    assert actuals(caller, kept) == [7]
    assert actuals(caller, late) == ["left out"]
