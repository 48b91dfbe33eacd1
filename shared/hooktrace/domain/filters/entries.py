"""The entries of an explanation while it is made, and how far it may go."""

from __future__ import annotations

from typing import NamedTuple

from hooktrace.domain.filters.clause import Clause
from hooktrace.domain.filters.nodes import Node
from hooktrace.domain.filters.operators import could_ever_hold
from hooktrace.domain.filters.run import LimitReached, Run
from hooktrace.domain.filters.values import MISSING, Reason, shorten

WALK_LIMIT = 100_000
"""Elements looked at and entries made by one explanation; beyond, the elements of an array that
were looked at by then (always the first) stand for all of them."""


class Entry(NamedTuple):
    """A clause that says no, before its values are cut for show."""

    path: str
    operator: str
    expected: object
    actual: object
    pointer: str
    reason: Reason
    reference: object = None

    def shown(self) -> Clause:
        """The entry with its values cut to what is shown."""
        expected, expected_cut = shorten(self.expected)
        actual, actual_cut = (
            (self.actual, False) if self.actual is MISSING else shorten(self.actual)
        )
        cut = expected_cut or actual_cut
        return Clause(
            self.path,
            self.operator,
            expected,
            actual,
            self.pointer,
            self.reason,
            cut,
            self.reference,
        )


class Walk:
    """The state of an explanation. `probe` evaluates parts, with guards of its own."""

    __slots__ = ("left", "probe")

    def __init__(self) -> None:
        self.probe = Run()
        self.left = WALK_LIMIT

    def says_no(self, node: Node, value: object) -> bool:
        """Whether the part does not hold; a part that costs too much counts as one that says no."""
        depth = len(self.probe.indexes)
        try:
            return not node.holds(value, self.probe)
        except LimitReached:
            del self.probe.indexes[depth:]
            return True


def limit_clause(limit: int) -> Clause:
    """The one reason of an evaluation that was stopped."""
    return Clause("", "$limit", limit, MISSING, "", "value")


def reason_of(operator: str, operand: object, value: object) -> Reason:
    """Why an operator says no to a value."""
    if value is MISSING:
        return "missing"
    return "value" if could_ever_hold(operator, operand, value) else "type"
