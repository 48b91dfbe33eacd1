"""Starts the emulator with one thing put right: PartiQL writes reach the table's stream.

On AWS every write to a table is in its stream; the emulator leaves out those made by
`BatchExecuteStatement`, which is how the ledger is written. Run by the emulator's own Python,
never by ours: `.local/emulator/bin/python tools/ministack_main.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ministack.app import main  # type: ignore[import-not-found] # in the emulator's venv alone
from ministack.services import dynamodb  # type: ignore[import-not-found] # as above

Write = Callable[..., Any]


def streamed(write: Write, key_of: Callable[[Any, Any], tuple[Any, Any]]) -> Write:
    """`write`, and the stream record of what it changed."""

    def wrapper(table: Any, parsed: Any, *more: Any) -> Any:
        partition, sort = key_of(table, parsed)
        old = copy.deepcopy(table["items"].get(partition, {}).get(sort))
        answer = write(table, parsed, *more)
        if answer[0] == 200:
            new = table["items"][partition][sort]
            kind = "INSERT" if old is None else "MODIFY"
            dynamodb._emit_stream_event(table["TableName"], kind, old, copy.deepcopy(new))
        return answer

    return wrapper


def inserted_key(table: Any, parsed: Any) -> tuple[Any, Any]:
    """The key of an INSERT's item."""
    item = parsed.get("item", {})
    if isinstance(item, dict) and set(item) == {"M"}:
        item = item["M"]
    value = dynamodb._extract_key_val
    sort = value(item.get(table["sk_name"])) if table["sk_name"] else "__no_sort__"
    return value(item.get(table["pk_name"])), sort


def updated_key(table: Any, parsed: Any) -> tuple[Any, Any]:
    """The key that an UPDATE's WHERE names."""
    partition, sort, _, _ = dynamodb._partiql_key_target(table, parsed)
    return partition, sort


if __name__ == "__main__":
    dynamodb._partiql_insert = streamed(dynamodb._partiql_insert, inserted_key)
    dynamodb._partiql_update = streamed(dynamodb._partiql_update, updated_key)
    main()
