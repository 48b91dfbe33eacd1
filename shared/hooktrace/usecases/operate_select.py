"""What a bulk operation works on: the next page of what its filter takes."""

from __future__ import annotations

from hooktrace.domain.errors import Unavailable
from hooktrace.domain.operations import Operation, OperationItem, OperationPage
from hooktrace.operation_ports import OperationPages
from hooktrace.usecases.operate_pages import PAGE_ITEMS, page_of, rest_of
from hooktrace.usecases.select_records import SelectRecords
from hooktrace.usecases.try_on_history import TryOnHistory

WALKS = 5
"""A page is made of so many walks at most, however few records they find."""


class SelectItems:
    """Fulfils `Select` of the operate room: by filter, by a test, or from another operation."""

    def __init__(
        self, *, records: SelectRecords, pages: OperationPages, history: TryOnHistory
    ) -> None:
        self._records = records
        self._pages = pages
        self._history = history

    def next_page(self, operation: Operation) -> OperationPage:
        """The page that follows on what is selected already, not stored. Raises Unavailable."""
        if operation.from_operation is not None:
            return self._copied(operation)
        if operation.action == "test":
            return self._history.next_page(operation, rest_of(operation))
        found: list[OperationItem] = []
        stretch = rest_of(operation)
        for _ in range(WALKS):
            got = self._records.take(
                operation.project_id, operation.filters, stretch, PAGE_ITEMS - len(found)
            )
            found += [OperationItem(record.id) for record in got.records]
            if got.edge is None:
                return page_of(operation, "", found)
            stretch = stretch.beyond(got.edge)
            if len(found) == PAGE_ITEMS:
                break
        return page_of(operation, stretch.edge, found)

    def _copied(self, operation: Operation) -> OperationPage:
        """What a dry run selected, or what a test found to be gained; page by page as there."""
        assert operation.from_operation is not None
        number = operation.pages
        pages = self._pages.pages(
            operation.project_id, operation.from_operation, [number, number + 1]
        )
        if not pages or pages[0].number != number:
            raise Unavailable(f"page {number} of {operation.from_operation} is not there")
        taken = [
            OperationItem(item.id)
            for item in pages[0].items
            if item.result in {"pending", "gained"}
        ]
        return page_of(operation, str(number + 1) if len(pages) > 1 else "", taken)
