"""Each worker hastens what it puts back, and nothing that it did or could not read."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import DeliveryId, OperationId, bare
from hooktrace.domain.messages import OperateTaskV1, encode
from hooktrace.usecases.delivery_jobs import PutBack, Settled
from hooktrace.usecases.match_events import Matched, NotNow
from tests.world import World

CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)


class Hastened:
    """Notes which messages are hastened."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def hasten(self, _event: Mapping[str, Any], message_ids: Collection[str]) -> None:
        self.ids += message_ids


def test_each_worker_hastens_what_it_puts_back_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    world.subscription(world.endpoint())
    world.ingest()
    match = world.match_queue.messages[0].body
    world.match_once()
    deliver = world.deliver_queue.messages[0].body
    operation = OperationId(f"op_{bare(world.project.id)}")
    operate = encode(OperateTaskV1(world.project.id, operation, 1))
    delivery = DeliveryId("dlv_1")
    matched = Matched(world.trace(world.ingest()).event.status, decided=False)
    for room, body, answers in (
        ("match", match, [NotNow("throttled"), matched]),
        ("deliver", deliver, [PutBack(delivery, "lease"), Settled(delivery, "done")]),
        ("operate", operate, [Unavailable("throttled"), Unavailable("throttled")]),
    ):
        hastened = Hastened()
        module = importlib.import_module(f"functions.{room}.handler")

        def run(tasks: Any, *_: Any, _answers: list[Any] = answers) -> Any:
            if isinstance(tasks, list):
                return _answers
            raise _answers[0]

        use_case = {"match": "match_events", "deliver": "deliver_attempts"}.get(room, room)
        stub = SimpleNamespace(run=run)
        monkeypatch.setattr(module, use_case, lambda stub=stub: stub)
        monkeypatch.setattr(module, "returns", lambda hastened=hastened, **_: hastened)
        monkeypatch.setattr(module, "is_slow_lane", lambda _: False, raising=False)
        records = [{"messageId": f"m{n}", "body": body} for n in range(2)]
        answer = module.handle({"Records": [*records, {"messageId": "x", "body": "?"}]}, CONTEXT)

        back = ["m0", "m1"] if room == "operate" else ["m0"]
        assert hastened.ids == back
        assert [one["itemIdentifier"] for one in answer["batchItemFailures"]] == [*back, "x"]
