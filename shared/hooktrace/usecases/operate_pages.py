"""How an operation is cut into pages."""

from __future__ import annotations

from hooktrace.domain.listing import Stretch, stretch_of
from hooktrace.domain.operations import Operation, OperationItem, OperationPage

PAGE_ITEMS = 100


def rest_of(operation: Operation) -> Stretch:
    """What is still to be looked at, from the oldest to the newest."""
    whole = stretch_of(operation.low_ms, operation.high_ms, descending=False)
    return whole.beyond(operation.edge) if operation.edge else whole


def page_of(
    operation: Operation,
    edge: str,
    items: list[OperationItem],
    *,
    considered: int = 0,
    matched: int = 0,
) -> OperationPage:
    """The operation's next page."""
    return OperationPage(
        project_id=operation.project_id,
        operation_id=operation.id,
        number=operation.pages,
        edge=edge,
        items=tuple(items),
        considered=considered,
        matched=matched,
        expires_s=operation.expires_s,
    )
