"""Where expired records go, and where large payloads still are when their event goes."""

from __future__ import annotations

from typing import Protocol

from hooktrace.domain.ids import EventId, ProjectId


class Archive(Protocol):
    """Keeps objects by name; the same name again replaces the object. Raises Unavailable."""

    def put(self, name: str, content: bytes) -> None: ...


class LargePayloads(Protocol):
    """Payloads that are too large for the ledger. Raises Unavailable."""

    def large_payload(self, project: ProjectId, event: EventId) -> bytes | None:
        """The packed payload; None when it is gone."""
        ...

    def forget_large(self, project: ProjectId, event: EventId) -> None:
        """Deletes it, every version; harmless when it is gone."""
        ...
