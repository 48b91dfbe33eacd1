"""SQS batch in, batch item failures out."""

from __future__ import annotations

from typing import Any

from functions.operate.wiring import operate, returns
from hooktrace.adapters.records import decode_batch, failures, outcomes
from hooktrace.api.log import print_line
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.messages import OperateTaskV1


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the operations of a batch further; messages that must come back are reported."""
    batch = decode_batch(event, OperateTaskV1)
    done, back = [], {}
    for message_id, task in batch.tasks:
        try:
            ran = operate().run(task)
        except Unavailable as error:
            back[message_id] = f"{task.operation_id}: {error}"
            continue
        counts = ran.operation.counts if ran.operation else None
        so_far = f"{ran.why}:{counts.done}/{counts.total}" if counts else ran.why
        done.append((ran.operation_id, so_far))
    returns().hasten(event, back.keys())
    back |= batch.unreadable
    print_line(
        {
            "room": "operate",
            "done": outcomes(done) or None,
            "back": list(back.values()) or None,
        }
    )
    return failures(back)
