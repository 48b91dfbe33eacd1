"""Operations and their pages as items of the ledger, and back.

| item | PK | SK | attributes |
|---|---|---|---|
| operation | `project#operations` | `O#ulid` | v version, s state, t action, u updated, b rest |
| page | `project#op_ulid` | `P#number` | v version, e edge, b items, n looked at, m matched |

Shared with the ledger's other items: w write token, x expiry, dk/da index `due`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, cast

from hooktrace.adapters.items import Item, Key, hash_shard, pack_rows, unpack_rows
from hooktrace.domain.ids import OperationId, ProjectId, bare
from hooktrace.domain.listing import Filters
from hooktrace.domain.operations import (
    Candidate,
    Counts,
    Operation,
    OperationItem,
    OperationPage,
    OperationState,
)

_APART = {
    "id",
    "project_id",
    "action",
    "state",
    "version",
    "updated_ms",
    "due_ms",
    "expires_s",
    "write_token",
}


def operation_key(project: ProjectId, operation: str) -> Key:
    """Where an operation is stored."""
    return f"{project}#operations", f"O#{bare(operation)}"


def operation_ref(key: Key) -> tuple[ProjectId, OperationId]:
    """The inverse of `operation_key`."""
    return ProjectId(key[0].rsplit("#", 1)[0]), OperationId(f"op_{key[1][2:]}")


def page_key(project: ProjectId, operation: OperationId, number: int) -> Key:
    """Where a page is stored: each operation has a partition of its own."""
    return f"{project}#{operation}", f"P#{number:08d}"


def operation_item(operation: Operation) -> Item:
    """The item of an operation."""
    key = operation_key(operation.project_id, operation.id)
    rest = {
        field.name: _plain(getattr(operation, field.name))
        for field in fields(operation)
        if field.name not in _APART
    }
    item: Item = {
        "PK": {"S": key[0]},
        "SK": {"S": key[1]},
        "v": {"N": str(operation.version)},
        "s": {"S": operation.state},
        "t": {"S": operation.action},
        "u": {"N": str(operation.updated_ms)},
        "w": {"S": operation.write_token},
        "b": {"B": pack_rows({name: value for name, value in rest.items() if value is not None})},
    }
    if operation.expires_s is not None:
        item["x"] = {"N": str(operation.expires_s)}
    if operation.due_ms is not None:
        item["dk"] = {"S": f"due#{hash_shard(operation.id)}"}
        item["da"] = {"N": str(operation.due_ms)}
    return item


def _plain(value: Any) -> Any:
    match value:
        case Filters():
            names = (field.name for field in fields(value))
            return {name: _listed(getattr(value, name)) for name in names if getattr(value, name)}
        case Candidate() | Counts():
            return asdict(value)
        case _:
            return value


def _listed(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


def operation_record(item: Item) -> Operation:
    """The operation of an item. What later versions add and older items lack has its default."""
    project, identifier = operation_ref((item["PK"]["S"], item["SK"]["S"]))
    rest: dict[str, Any] = unpack_rows(bytes(item["b"]["B"]))
    filters: dict[str, Any] = {
        name: value if name == "kind" else frozenset(value)
        for name, value in rest.pop("filters").items()
    }
    candidate = rest.pop("candidate", None)
    examples = {kind: tuple(ids) for kind, ids in rest.pop("examples", {}).items()}
    return Operation(
        id=identifier,
        project_id=project,
        action=cast("Any", item["t"]["S"]),
        state=OperationState(item["s"]["S"]),
        version=int(item["v"]["N"]),
        updated_ms=int(item["u"]["N"]),
        due_ms=int(item["da"]["N"]) if "da" in item else None,
        expires_s=int(item["x"]["N"]) if "x" in item else None,
        write_token=item["w"]["S"],
        filters=Filters(**filters),
        candidate=None if candidate is None else _candidate(candidate),
        counts=Counts(**rest.pop("counts")),
        examples=examples,
        **rest,
    )


def _candidate(given: Mapping[str, Any]) -> Candidate:
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    return Candidate(**known)


def page_item(page: OperationPage) -> Item:
    """The item of a page."""
    key = page_key(page.project_id, page.operation_id, page.number)
    rows = [[item.id, item.result, item.reason] for item in page.items]
    item: Item = {
        "PK": {"S": key[0]},
        "SK": {"S": key[1]},
        "v": {"N": str(page.version)},
        "e": {"S": page.edge},
        "b": {"B": pack_rows(rows)},
        "n": {"N": str(page.considered)},
        "m": {"N": str(page.matched)},
    }
    return item if page.expires_s is None else item | {"x": {"N": str(page.expires_s)}}


def page_record(item: Item) -> OperationPage:
    """The page of an item."""
    project, operation = item["PK"]["S"].split("#")
    rows = unpack_rows(bytes(item["b"]["B"]))
    return OperationPage(
        project_id=ProjectId(project),
        operation_id=OperationId(operation),
        number=int(item["SK"]["S"][2:]),
        edge=item["e"]["S"],
        items=tuple(
            OperationItem(identifier, result, reason) for identifier, result, reason in rows
        ),
        considered=int(item["n"]["N"]),
        matched=int(item["m"]["N"]),
        version=int(item["v"]["N"]),
        expires_s=int(item["x"]["N"]) if "x" in item else None,
    )
