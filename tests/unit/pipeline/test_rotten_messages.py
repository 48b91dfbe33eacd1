"""Messages that are JSON and yet not ours: each spoils itself alone (siblings of FC-60)."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest

from hooktrace.domain.states import EventStatus
from tests.world import World


def _packed(text: bytes) -> str:
    return base64.b64encode(zlib.compress(text)).decode()


ROTTEN: dict[str, dict[str, Any]] = {
    "a project that is no text": {"project": None},
    "an event that is no text": {"event": 5},
    "a kind that is no text": {"kind": ["match.v1"]},
    "an infinite number": {"size": float("inf"), "attempt": float("inf")},
    "a number below zero": {"size": -1, "replay": -1},
    "a number that is a text": {"size": "9", "attempt": "1"},
    "half of a surrogate pair": {"type": "\ud800"},
    "a type that is no text": {"type": {}},
    "a trace context that is no text": {"traceparent": 5},
    "a body that is no text": {"body": None},
    "a payload without a head": {"body": _packed(b"x")},
    "a payload with a list for its head": {"body": _packed(b"[]\n{}")},
    "headers that are a list": {"body": _packed(b'{"headers":[1]}\n{}')},
    "headers that are numbers": {"body": _packed(b'{"headers":{"a":1}}\n{}')},
    "a time that is a number": {"body": _packed(b'{"time":0}\n{}')},
}
ROTTEN_DELIVERIES: dict[str, dict[str, Any]] = {
    "an endpoint that is no text": {"endpoint": 5},
    "subscriptions that are numbers": {"matched_by": [1]},
    "subscriptions that are a text": {"matched_by": "sub_"},
    "an operation that is no id": {"operation": {}},
    "a key that is a list": {"requested_by": [1]},
    "more replays than an id has room for": {"replay": 10**6},
}


@pytest.mark.parametrize("members", ROTTEN.values(), ids=ROTTEN.keys())
def test_a_rotten_match_message_spoils_itself_alone_like_fc_60(members: dict[str, Any]) -> None:
    world = World()
    world.subscription(world.endpoint())
    events = [world.ingest() for _ in range(3)]
    body = json.loads(world.match_queue.messages[0].body)
    world.match_queue.put(json.dumps(body | {"idempotency_key": "k"} | members))
    world.run_for(900, step=61)
    assert world.match_queue.messages == []
    assert {world.trace(event).event.status for event in events} == {EventStatus.SUCCEEDED}
    assert len(world.sender.requests) == 3


@pytest.mark.parametrize(
    "members", (ROTTEN | ROTTEN_DELIVERIES).values(), ids=(ROTTEN | ROTTEN_DELIVERIES).keys()
)
def test_a_rotten_deliver_message_spoils_itself_alone_like_fc_60(members: dict[str, Any]) -> None:
    world = World()
    world.subscription(world.endpoint())
    event, lost = world.ingest(), world.ingest()
    world.match_once()
    last = world.deliver_queue.messages.pop()
    world.deliver_queue.put(json.dumps(json.loads(last.body) | members))
    world.run_for(900, step=61)
    assert world.deliver_queue.messages == []
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    assert world.trace(lost).event.status is EventStatus.SUCCEEDED  # the audit sent it again
    assert len(world.sender.requests) == 2


def test_a_trace_context_that_cannot_be_passed_on_is_left_out() -> None:
    world = World()
    world.subscription(world.endpoint())
    event = world.ingest()
    (message,) = world.match_queue.messages
    body = json.loads(message.body) | {"traceparent": "x\r\ny: z", "tracestate": "\r\n"}
    message.body = json.dumps(body)
    world.run()
    assert world.trace(event).event.status is EventStatus.SUCCEEDED
    (request,) = world.sender.requests
    assert "traceparent" not in dict(request.headers)
