"""SQS batch in, batch item failures out."""

from __future__ import annotations

from typing import Any

from functions.deliver.lines import deliver_lines
from functions.deliver.wiring import deliver_attempts, is_slow_lane, returns
from hooktrace.adapters.records import decode_batch, failures
from hooktrace.api.log import print_line
from hooktrace.domain.messages import DeliverTaskV1
from hooktrace.usecases.brake import LaneName
from hooktrace.usecases.delivery_jobs import Attempted, PutBack


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Makes the attempts of a batch; messages that must come back are reported."""
    batch = decode_batch(event, DeliverTaskV1)
    tasks = [task for _, task in batch.tasks]
    slow = is_slow_lane(event)
    lane: LaneName = "slow" if slow else "fast"
    answers = deliver_attempts().run(tasks, context.get_remaining_time_in_millis, lane)
    done, over, back = [], 0, {}
    for (message_id, _), answer in zip(batch.tasks, answers, strict=True):
        if isinstance(answer, Attempted):
            done.append(answer)
        elif isinstance(answer, PutBack):
            back[message_id] = f"{answer.delivery_id}: {answer.why}"
        else:
            over += 1
    returns(slow=slow).hasten(event, back.keys())
    back |= batch.unreadable
    for line in deliver_lines(done, over=over, back=back.values(), slow=slow):
        print_line(line)
    return failures(back)
