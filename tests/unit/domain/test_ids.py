"""Ids sort by time, lead to their shard, and are made again the same."""

from __future__ import annotations

import random

import pytest

from hooktrace.domain import ids


def entropy(seed: int) -> bytes:
    return random.Random(seed).randbytes(ids.ENTROPY_BYTES)


def test_ulids_sort_by_time_and_give_it_back() -> None:
    early, late = ids.ulid(1_790_000_000_000, entropy(1)), ids.ulid(1_790_000_000_001, entropy(2))
    assert early < late
    assert len(early) == 26
    assert ids.ulid_ms(early) == 1_790_000_000_000
    assert ids.lowest_ulid(1_790_000_000_001) <= late
    assert early < ids.lowest_ulid(1_790_000_000_001)


@pytest.mark.parametrize("shards", [1, 2, 4, 8, 1024])
def test_an_event_id_says_its_shard_and_how_many_there_were(shards: int) -> None:
    seen = set()
    for seed in range(500):
        event = ids.new_event_id(1_790_000_000_000, entropy(seed), shards)
        ulid = ids.bare(event)
        assert ids.parse_event_id(event) == event
        assert ids.event_shards(ulid) == shards
        assert 0 <= ids.event_shard(ulid) < shards
        assert ids.ulid_ms(event) == 1_790_000_000_000
        seen.add(ids.event_shard(ulid))
    assert len(seen) == min(shards, len(seen))
    assert shards > 8 or seen == set(range(shards))


@pytest.mark.parametrize("shards", [0, 3, 2048, -4])
def test_a_wrong_number_of_shards_is_refused(shards: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        ids.new_event_id(0, entropy(1), shards)


def test_deliveries_of_one_event_spread_over_its_shards() -> None:
    event = ids.bare(ids.new_event_id(1_790_000_000_000, entropy(3), 4))
    counts = dict.fromkeys(range(4), 0)
    for seed in range(1_000):
        delivery = ids.delivery_id(event, ids.ulid(1, entropy(seed)), 0)
        counts[ids.delivery_shard(delivery, event)] += 1
    assert min(counts.values()) > 150


def test_a_delivery_id_is_the_same_when_made_twice_and_splits_into_its_parts() -> None:
    event, endpoint = ids.ulid(5, entropy(1)), ids.ulid(6, entropy(2))
    made = ids.delivery_id(event, endpoint, 3)
    assert made == ids.delivery_id(event, endpoint, 3)
    assert ids.split_delivery_id(made) == (event, endpoint, 3)


@pytest.mark.parametrize(
    "text", ["", "evt_", "evt_x", "evt_" + "U" * 26, "evt_" + "0" * 27, "dlv_" + "0" * 26, "\n"]
)
def test_what_is_no_id_is_told_apart_without_an_exception(text: str) -> None:
    assert ids.parse_event_id(text) is None
    assert ids.split_delivery_id(text) is None
    assert not ids.is_id(text, "ep")
    assert not ids.is_id("evt_" + "0" * 26 + "\n", "evt")
