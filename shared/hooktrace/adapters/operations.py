"""Operations and their pages on the ledger's table."""

from __future__ import annotations

from collections.abc import Sequence

from hooktrace.adapters.operation_items import (
    operation_item,
    operation_key,
    operation_record,
    page_item,
    page_key,
    page_record,
)
from hooktrace.adapters.tables import Change, Put, Table, write_one
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import OperationId, ProjectId, bare
from hooktrace.domain.operations import Operation, OperationPage

LAST = "~"  # sorts behind every id


class TableOperations:
    """Fulfils `OperationStore` and `OperationPages`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, operation: Operation) -> Operation:
        refused = write_one(self._table, Put(operation_item(operation)))
        if refused is None:
            return operation
        if refused.current is None:
            raise Unavailable("the new operation was taken away; try again")
        return operation_record(refused.current)

    def get(self, project: ProjectId, operation: OperationId) -> Operation | None:
        key = operation_key(project, operation)
        item = self._table.get([key]).get(key)
        return operation_record(item) if item else None

    def newest(self, project: ProjectId, *, before: str | None, limit: int) -> list[Operation]:
        partition, low = operation_key(project, "")
        high = f"{low}{bare(before) if before else LAST}"
        page = self._table.range(partition, low, high, limit=limit, descending=True)
        return [operation_record(item) for item in page.items]

    def replace(self, after: Operation, *, before: Operation) -> Operation | None:
        change = Change(operation_item(before), operation_item(after))
        refused = write_one(self._table, change)
        if refused is None:
            return after
        return operation_record(refused.current) if refused.current else None

    def put(self, page: OperationPage) -> OperationPage:
        refused = write_one(self._table, Put(page_item(page)))
        if refused is None:
            return page
        if refused.current is None:
            raise Unavailable("a page was taken away while it was written")
        return page_record(refused.current)

    def finish(self, page: OperationPage, *, before: OperationPage) -> OperationPage:
        refused = write_one(self._table, Change(page_item(before), page_item(page)))
        if refused is None:
            return page
        if refused.current is None:
            raise Unavailable("a page expired while it was worked on")
        return page_record(refused.current)

    def pages(
        self, project: ProjectId, operation: OperationId, numbers: Sequence[int]
    ) -> list[OperationPage]:
        keys = [page_key(project, operation, number) for number in numbers]
        found = self._table.get(keys) if keys else {}
        return [page_record(found[key]) for key in keys if key in found]
