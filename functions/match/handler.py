"""SQS batch in, batch item failures out."""

from __future__ import annotations

from typing import Any

from functions.match.lines import match_lines
from functions.match.wiring import match_events, returns
from hooktrace.adapters.records import decode_batch, failures
from hooktrace.api.log import print_line
from hooktrace.domain.messages import MatchTaskV1
from hooktrace.usecases.match_events import Matched


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Matches the events of a batch; messages that must come back are reported."""
    batch = decode_batch(event, MatchTaskV1)
    answers = match_events().run([task for _, task in batch.tasks])
    done, back = [], {}
    for (message_id, task), answer in zip(batch.tasks, answers, strict=True):
        if isinstance(answer, Matched):
            done.append((task.event_id, answer))
        else:
            back[message_id] = f"{task.event_id}: {answer.reason}"
    returns().hasten(event, back.keys())
    back |= batch.unreadable
    for line in match_lines(done, back.values()):
        print_line(line)
    return failures(back)
