"""SQS batch in, batch item failures out."""

from __future__ import annotations

from typing import Any

from functions.deliver.wiring import deliver_attempts
from hooktrace.adapters.records import decode_batch, failures, outcomes
from hooktrace.api.log import print_line
from hooktrace.domain.messages import DeliverTaskV1
from hooktrace.usecases.delivery_jobs import Attempted, PutBack


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Makes the attempts of a batch; messages that must come back are reported."""
    batch = decode_batch(event, DeliverTaskV1)
    tasks = [task for _, task in batch.tasks]
    answers = deliver_attempts().run(tasks, context.get_remaining_time_in_millis)
    done, over, back = [], 0, dict(batch.unreadable)
    for (message_id, _), answer in zip(batch.tasks, answers, strict=True):
        if isinstance(answer, Attempted):
            done.append((answer.delivery_id, f"{answer.number}:{answer.outcome}"))
        elif isinstance(answer, PutBack):
            back[message_id] = f"{answer.delivery_id}: {answer.why}"
        else:
            over += 1
    print_line(
        {
            "room": "deliver",
            "done": outcomes(done) or None,
            "over": over or None,
            "back": list(back.values()) or None,
        }
    )
    return failures(back)
