"""Status changes told on the bus: which, in what order, and what happens when some are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hooktrace.adapters.bus import EventBus
from hooktrace.adapters.records import status_changes
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.notification_kinds import FAILURE_KINDS
from hooktrace.domain.notifications import Notification, notification_of
from tests.world import World


class Bus:
    """Takes entries as EventBridge does, and refuses those that are asked for, once."""

    def __init__(self, refuse: set[int] | None = None, *, always: bool = False) -> None:
        self.refuse = refuse or set()
        self.always = always
        self.taken: list[dict[str, Any]] = []
        self.calls: list[int] = []
        self.seen = 0

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's
        self.calls.append(len(Entries))
        results = []
        for entry in Entries:
            self.seen += 1
            if self.always or self.seen in self.refuse:
                results.append({"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"})
            else:
                self.taken.append(entry)
                results.append({"EventId": str(self.seen)})
        return {"FailedEntryCount": sum("ErrorCode" in r for r in results), "Entries": results}


def bus_on(client: Any) -> EventBus:
    return EventBus(client, "bus", pause=lambda _: None)


def told(world: World) -> list[Notification]:
    records = [r for r in world.table.stream if r["dynamodb"]["Keys"]["SK"]["S"][0] in "ED"]
    changes = status_changes({"Records": records})
    notable = [one for one in map(notification_of, changes) if one is not None]
    return [one for one in notable if one.kind in FAILURE_KINDS]


def test_what_needs_attention_is_told_and_successes_are_not() -> None:
    world = World()
    good, bad, shaky = (
        world.endpoint(f"http://127.0.0.1:9/{name}", retry_schedule=schedule)
        for name, schedule in (("good", None), ("bad", ()), ("shaky", (1,)))
    )
    world.sender.script |= {bad.url: [500], shaky.url: [500, 200]}
    world.subscription(good, event_types=("a.good",))
    world.subscription(bad, event_types=("a.bad",))
    world.subscription(shaky, event_types=("a.shaky",))
    for kind in ("a.good", "a.bad", "a.shaky", "nobody"):
        world.ingest(event_type=kind)
    stream: list[Any] = []
    for _ in range(5):
        while any(m.visible_ms <= world.clock.ms for m in world.match_queue.messages):
            world.match_once()
        while any(m.visible_ms <= world.clock.ms for m in world.deliver_queue.messages):
            world.deliver_once()
        stream += world.table.stream
        world.notify()
        world.clock.advance(2)
    stream += world.table.stream
    world.table.stream = stream
    kinds = sorted(one.kind for one in told(world))
    assert kinds == ["delivery.failed", "delivery.recovered", "event.discarded", "event.failed"]
    failed = next(one for one in told(world) if one.kind == "delivery.failed")
    assert failed.detail["endpoint_id"] == bad.id
    assert failed.detail["reason"] == "attempts_exhausted"
    assert (failed.detail["outcome"], failed.detail["response_status"]) == ("http_error", 500)
    recovered = next(one for one in told(world) if one.kind == "delivery.recovered")
    assert (recovered.detail["outcome"], recovered.detail["response_status"]) == ("success", 200)
    text = json.dumps([one.detail for one in told(world)])
    assert "whsec_" not in text
    assert '"a": 1' not in text
    assert len({one.id for one in told(world)}) == 4


def notifications(count: int, events: int) -> list[Notification]:
    return [
        Notification(f"n{n}", "event.failed", f"evt_{n % events}", 1_790_000_000_000, {"n": n})  # type: ignore[arg-type] # any text is an id here
        for n in range(count)
    ]


@pytest.mark.parametrize("events", [25, 7, 1])
def test_fc_61_ten_at_a_time_and_some_are_refused(events: int) -> None:
    client = Bus(refuse={3, 17})
    bus_on(client).publish(notifications(25, events))
    numbers = [json.loads(entry["Detail"])["n"] for entry in client.taken]
    assert sorted(numbers) == list(range(25))
    assert max(client.calls) <= 10
    for event in range(events):
        mine = [n for n in numbers if n % events == event]
        assert mine == sorted(mine)
    assert {entry["EventBusName"] for entry in client.taken} == {"bus"}


def test_a_bus_that_refuses_for_good_is_unavailable_and_not_silent() -> None:
    client = Bus(always=True)
    with pytest.raises(Unavailable):
        bus_on(client).publish(notifications(3, 3))
    assert len(client.calls) == 5


def test_a_delivery_that_came_to_no_attempt_is_told_without_an_outcome() -> None:
    world = World()
    world.subscription(world.endpoint())
    world.ingest()
    world.match_once()
    world.clock.advance(31 * 86_400)
    world.deliver_once()
    (failed,) = [one for one in told(world) if one.kind == "delivery.failed"]
    assert failed.detail["reason"] == "retention_over"
    assert {"outcome", "response_status", "attempts"} & set(failed.detail) == set()
