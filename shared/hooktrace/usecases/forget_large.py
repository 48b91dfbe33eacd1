"""A large payload goes with its event, where no archive keeps it first."""

from __future__ import annotations

from collections.abc import Iterable

from hooktrace.archive_ports import LargePayloads
from hooktrace.domain.ids import EventId, ProjectId


class ForgetLargePayloads:
    """The use case of the notify room; see `run`."""

    def __init__(self, *, payloads: LargePayloads) -> None:
        self._payloads = payloads

    def run(self, refs: Iterable[tuple[ProjectId, EventId]]) -> int:
        """Deletes the payloads of events that have expired; answers with how many.

        Harmless when repeated. What a crash, or more than a day without the stream, leaves
        behind goes by the bucket's lifecycle rule. Raises Unavailable: the batch must come again.
        """
        count = 0
        for project, event in refs:
            self._payloads.forget_large(project, event)
            count += 1
        return count
