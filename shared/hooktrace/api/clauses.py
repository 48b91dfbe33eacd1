"""Clauses that said no, as the traces and the trying of a filter show them."""

from __future__ import annotations

from typing import Any, Literal

from hooktrace.api.exchange import Shape


class Suggestion(Shape):
    """The smallest change that would have made a clause hold, or a hint. `replace` puts `value`
    where `clause` leads (under the name `operator` if that is given), `add` appends `value` to
    the list there, `remove` takes the clause away; `did_you_mean` names a field the event has."""

    kind: Literal["replace", "add", "remove", "did_you_mean"]
    text: str
    clause: str | None = None
    """JSON pointer into the filter as written."""
    operator: str | None = None
    value: Any = None
    path: str | None = None


class Clause(Shape):
    """One clause of a filter that said no. `actual` is absent when the field is missing."""

    path: str
    operator: str
    expected: Any
    actual: Any = None
    clause: str
    """JSON pointer into the filter as written."""
    reason: Literal["missing", "type", "ref_missing", "value"]
    truncated: bool | None = None
    reference: Any = None
    """The operand as written, when `expected` is the value that its `$ref` led to."""
    suggestion: Suggestion | None = None
    """In traces only; not in lists, and not where the project has `redact_actual`."""
