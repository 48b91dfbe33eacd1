"""The compiled filter and how it is made."""

from __future__ import annotations

from dataclasses import dataclass, field

from hooktrace.domain.filters.clause import Clause
from hooktrace.domain.filters.entries import limit_clause
from hooktrace.domain.filters.event import FilterEvent
from hooktrace.domain.filters.eventbridge import convert
from hooktrace.domain.filters.explain import explain_tree
from hooktrace.domain.filters.nodes import Node
from hooktrace.domain.filters.parse import parse_tree
from hooktrace.domain.filters.refusals import Faults
from hooktrace.domain.filters.run import LimitReached, Run
from hooktrace.domain.filters.text import read_json
from hooktrace.domain.filters.values import compact_json


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that has been checked. No event can make it raise.

    `source_text` is its compact JSON in the order written: what is stored and shown, and what the
    pointers of explanations lead into.
    """

    source_text: str
    _tree: Node = field(repr=False, compare=False)

    def matches(self, event: FilterEvent) -> bool:
        """Whether the event satisfies every clause; False when a run-time guard stops it."""
        try:
            return self._tree.holds(event, Run())
        except LimitReached:
            return False

    def explain(self, event: FilterEvent) -> list[Clause]:
        """The clauses that say no, in the order written; empty when the filter matches."""
        try:
            if self._tree.holds(event, Run()):
                return []
        except LimitReached as reached:
            return [limit_clause(reached.limit)]
        return explain_tree(self._tree, event)


def parse_filter(source: object, *, pointer: str = "/filter") -> Filter:
    """Checks and compiles a filter: a string is JSON text, anything else the parsed value.

    Raises InvalidInput (`invalid_filter`) with up to ten faults in the order written; their
    pointers begin with `pointer`. None and `{}` take every event.
    """
    faults = Faults(pointer)
    value = read_json(source, faults) if isinstance(source, str) else source
    return _compiled(value, faults)


def parse_event_pattern(source: object, *, pointer: str = "/event_pattern") -> Filter:
    """Converts an EventBridge pattern, once, to a filter; its `source_text` is what to store.

    Takes and raises what `parse_filter` does; the pointers lead into the pattern.
    """
    faults = Faults(pointer)
    pattern = read_json(source, faults) if isinstance(source, str) else source
    if faults.found:
        raise faults.refusal()
    converted = convert(pattern, faults)
    if faults.found:
        raise faults.refusal()
    inside = Faults("")
    tree = parse_tree(converted.filter, inside)
    for fault in inside.found:
        faults.add(converted.origin_of(fault.pointer), fault.code, fault.message)
    if faults.found:
        raise faults.refusal()
    return Filter(compact_json(converted.filter), tree)


def _compiled(value: object, faults: Faults) -> Filter:
    tree = parse_tree(value, faults) if not faults.found else None
    if faults.found or tree is None:
        raise faults.refusal()
    return Filter("{}" if value is None else compact_json(value), tree)
