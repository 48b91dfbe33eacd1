"""A round of the sweep has little time: what it cannot finish, the next ones do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from hooktrace.adapters.items import DUE_SHARDS, delivery_record, hash_shard
from hooktrace.adapters.memory.queue import MemoryQueue
from hooktrace.domain.errors import IllegalTransition
from hooktrace.domain.events import EventRecord
from hooktrace.domain.messages import Task
from hooktrace.domain.states import DeliveryStatus
from hooktrace.usecases.roll_up_events import RollUpEvents
from hooktrace.usecases.send_due import DUE_BATCH
from hooktrace.usecases.sweep import ROUND_MS, SHARES
from tests.world import World

HOUR = 3_600


@pytest.fixture
def world() -> World:
    return World()


class SlowQueue(MemoryQueue):
    """Each call takes a while; remembers how many tasks each had."""

    def __init__(self, world: World, seconds: float) -> None:
        super().__init__(world.clock)
        self._world = world
        self._seconds = seconds
        self.calls: list[int] = []

    def send(self, tasks: Sequence[tuple[Task, int]]) -> None:
        super().send(tasks)
        if tasks:
            self.calls.append(len(tasks))
            self._world.clock.advance(self._seconds)


def failing(world: World, count: int) -> None:
    """Deliveries that failed once and are tried again in an hour."""
    endpoint = world.endpoint(retry_schedule=(HOUR, HOUR))
    world.sender.script[endpoint.url] = [500]
    world.subscription(endpoint)
    for _ in range(count):
        world.ingest()
    world.run()
    world.clock.advance(HOUR * 1.2)


def asked(queue: MemoryQueue) -> Counter[str]:
    return Counter(message.body for message in queue.messages)


def test_a_round_sends_all_that_is_due_however_much_it_is(world: World) -> None:
    failing(world, DUE_BATCH * 2 + 100)
    counts = world.sweep()
    assert counts["due_sent"] == DUE_BATCH * 2 + 100
    assert len(asked(world.deliver_queue)) == DUE_BATCH * 2 + 100
    assert counts["due_cut_off"] == 0
    assert world.sweep()["due_sent"] == 0  # they are looked for again in 15 minutes


def test_what_is_due_beyond_the_time_of_a_round_is_sent_by_the_next(world: World) -> None:
    failing(world, DUE_BATCH * 2)
    world.deliver_queue = SlowQueue(world, ROUND_MS / 1000 * SHARES["due"])
    rounds = [world.sweep() for _ in range(4)]
    assert (rounds[0]["due_sent"], rounds[0]["due_cut_off"]) == (DUE_BATCH, 1)
    assert sum(one["due_sent"] for one in rounds) == DUE_BATCH * 2
    assert set(asked(world.deliver_queue).values()) == {1}


def test_a_crowded_shard_of_due_entries_lets_the_others_through(world: World) -> None:
    failing(world, 200)
    listed = world.ledger.due(world.clock.ms, limit=40)
    shards = Counter(hash_shard(identifier) for _, identifier in listed.deliveries)
    assert shards == dict.fromkeys(range(DUE_SHARDS), 10)


def test_an_entry_that_does_not_move_is_met_once_a_round(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(world, 3)
    monkeypatch.setattr(world.ledger, "deliveries", lambda _: {})  # as an index that lags shows
    assert world.sweep()["due_sent"] == 0


def test_what_is_due_of_an_event_that_expired_ends_and_is_told_like_fc_64(world: World) -> None:
    """Sweep was away for so long that the event's days were over."""
    endpoint = world.endpoint(retry_schedule=(HOUR, HOUR))
    world.sender.script[endpoint.url] = [500]
    world.subscription(endpoint)
    event = world.ingest()
    world.run()
    world.clock.advance(40 * 24 * HOUR)
    world.sweep()
    items = [dict(one) for key, one in world.table._items.items() if key[1].startswith("D#")]
    (delivery,) = map(delivery_record, items)
    assert delivery.event_id == event.id
    assert (delivery.status, delivery.reason) == (DeliveryStatus.FAILED, "retention_over")
    assert delivery.due_ms is None
    world.notify()
    assert "delivery.failed" in [one.kind for one in world.bus]
    assert world.sweep()["due_sent"] == 0


def accepted_and_lost(world: World, count: int) -> set[str]:
    """Events whose message to match was lost."""
    events = {world.ingest().id for _ in range(count)}
    world.match_queue.messages.clear()
    return {str(event) for event in events}


def test_after_an_outage_lost_messages_are_sent_in_batches(world: World) -> None:
    world.sweep()
    accepted_and_lost(world, 1_000)
    world.clock.advance(200)
    world.match_queue = queue = SlowQueue(world, 0)
    counts = world.sweep()
    assert counts["match_sent_again"] == counts["audited"] == 1_000
    assert len(queue.calls) <= 14  # a hundred a call, and the rest of each shard


def test_an_audit_that_runs_out_of_time_goes_on_where_it_was(world: World) -> None:
    world.sweep()
    events = accepted_and_lost(world, 900)
    world.project = world.new_project("other")
    world.clock.advance(1)
    events |= accepted_and_lost(world, 900)
    mark = world.ledger.mark("first")
    world.clock.advance(200)
    world.match_queue = queue = SlowQueue(world, ROUND_MS / 1000 / 3)
    rounds = []
    while len(asked(queue)) < len(events):
        rounds.append(world.sweep())
        if len(rounds) == 1:
            assert world.ledger.mark("first") == mark
            assert world.ledger.place("first")
        assert len(rounds) < 20
    assert len(rounds) > 3
    assert all(one["audits_cut_off"] for one in rounds[:-1])
    assert set(asked(queue).values()) == {1}
    world.sweep()
    assert world.ledger.place("first") == ""
    assert (world.ledger.mark("first") or 0) > (mark or 0)


def test_the_second_look_comes_though_the_first_never_gets_done(world: World) -> None:
    world.sweep()
    accepted_and_lost(world, 50)
    world.clock.advance(1_700)
    world.sweep()
    accepted_and_lost(world, 500)
    world.clock.advance(200)
    world.match_queue = SlowQueue(world, ROUND_MS / 1000 * 0.5)
    world.sweep()
    assert world.ledger.place("first")
    # Half a round was left to the second look, and all 50 events lie in four shards of one call.
    assert world.ledger.place("second") or world.ledger.mark("second")


def test_an_event_that_cannot_be_repaired_takes_no_other_along(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sweep()
    world.subscription(world.endpoint())
    events = [world.ingest().id for _ in range(40)]
    world.match_once()
    world.match_queue.messages.clear()
    world.deliver_queue.messages.clear()
    run = RollUpEvents.run

    def broken(self: RollUpEvents, refs: Any) -> list[EventRecord]:
        refs = list(refs)
        if any(event == events[0] for _, event in refs):
            raise IllegalTransition("succeeded -> accepted")
        return run(self, refs)

    monkeypatch.setattr(RollUpEvents, "run", broken)
    world.clock.advance(200)
    counts = world.sweep()
    assert counts["unrepairable"] == 1
    sent = {message.body for message in world.deliver_queue.messages}
    waiting = {message.body for message in world.match_queue.messages}
    assert len(sent) + len(waiting) == 40


def test_a_letter_of_an_attempt_that_is_over_does_not_end_its_delivery_like_fc_60(
    world: World,
) -> None:
    """The audit sent a second message, which made the attempt; then the first one died."""
    endpoint = world.endpoint(retry_schedule=(HOUR,))
    world.sender.script[endpoint.url] = [500, 200]
    world.subscription(endpoint)
    event = world.ingest()
    world.match_once()
    (first,) = world.deliver_queue.messages
    world.deliver_once()
    assert world.trace(event).deliveries[0].status is DeliveryStatus.RETRYING
    world.deliver_queue.dead.append(first)
    assert world.sweep()["dead_written_back"] == 1
    assert world.deliver_queue.dead == []
    assert world.trace(event).deliveries[0].status is DeliveryStatus.RETRYING
    world.run_for(HOUR * 1.2, step=60)
    assert world.trace(event).deliveries[0].status is DeliveryStatus.SUCCEEDED
