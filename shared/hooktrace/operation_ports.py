"""What bulk operations need stored. `adapters/operations.py` has it on the ledger's table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hooktrace.domain.ids import OperationId, ProjectId
from hooktrace.domain.operations import Operation, OperationPage


class OperationStore(Protocol):
    """Operations: how far each is. A write that loses answers with what stands instead."""

    def create(self, operation: Operation) -> Operation:
        """Stores a new one; answers with the one that stands under its id."""
        ...

    def get(self, project: ProjectId, operation: OperationId) -> Operation | None:
        """The operation, strongly consistent, or None."""
        ...

    def newest(self, project: ProjectId, *, before: str | None, limit: int) -> list[Operation]:
        """Those with an id below `before` (None: all), newest first."""
        ...

    def replace(self, after: Operation, *, before: Operation) -> Operation | None:
        """Stores `after` if the version of `before` stands; answers with what stands now."""
        ...


class OperationPages(Protocol):
    """The pages of operations. Whoever writes a page first decides what is on it."""

    def put(self, page: OperationPage) -> OperationPage:
        """Stores a new page; answers with the one that stands under its number."""
        ...

    def finish(self, page: OperationPage, *, before: OperationPage) -> OperationPage:
        """Stores the page with its results; answers with the one that stands."""
        ...

    def pages(
        self, project: ProjectId, operation: OperationId, numbers: Sequence[int]
    ) -> list[OperationPage]:
        """Those of the pages that exist, in the order of their numbers."""
        ...
