"""What was stored or queued before there was a brake still reads."""

from __future__ import annotations

import json

from hooktrace.adapters.registry.endpoint_items import endpoint_item, endpoint_of
from hooktrace.domain.messages import DeliverTaskV1, decode, encode
from hooktrace.domain.registry import RateLimit
from tests.world import World


def test_an_endpoint_with_a_rate_per_second_has_that_limit() -> None:
    item = endpoint_item(World().endpoint())
    assert endpoint_of(item).rate_limit is None
    item["rate_limit_per_second"] = {"N": "25"}
    assert endpoint_of(item).rate_limit == RateLimit(25, 1)


def test_a_limit_comes_back() -> None:
    endpoint = World().endpoint(rate_limit=RateLimit(3, 60), concurrency=2)
    assert endpoint_of(endpoint_item(endpoint)) == endpoint


def test_a_message_without_waits_has_none_and_a_wait_is_kept() -> None:
    world = World()
    world.subscription(world.endpoint())
    world.ingest()
    world.match_once()
    (message,) = world.deliver_queue.messages
    assert "waits" not in json.loads(message.body)
    task = decode(message.body)
    assert isinstance(task, DeliverTaskV1)
    assert task.waits == 0
    again = decode(json.dumps(json.loads(encode(task)) | {"waits": 3}))
    assert isinstance(again, DeliverTaskV1)
    assert again.waits == 3
    assert decode(encode(again)) == again
