"""Why a filter says no: a second, slower walk over the same tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from hooktrace.domain.filters.clause import Clause
from hooktrace.domain.filters.entries import Entry, Walk, reason_of
from hooktrace.domain.filters.nodes import (
    AllOf,
    AnyOf,
    Bare,
    EachOf,
    Field,
    Node,
    NotThat,
    ObjectOf,
    Operation,
    Referring,
    ScopeOf,
    SomeScalar,
    is_about_element,
)
from hooktrace.domain.filters.operators import can_use
from hooktrace.domain.filters.paths import Segment, Step, escape_name
from hooktrace.domain.filters.values import MISSING, Reason, is_scalar, kind_of, opened

if TYPE_CHECKING:
    from hooktrace.domain.filters.event import FilterEvent


def explain_tree(tree: Node, event: FilterEvent) -> list[Clause]:
    """The clauses that say no, in the order written."""
    return [entry.shown() for entry in _entries(tree, event, "", Walk())]


def _entries(node: Node, value: object, path: str, walk: Walk) -> list[Entry]:
    return _EXPLAINERS[type(node)](node, value, path, walk)


def _bare(node: Bare, value: object, path: str, walk: Walk) -> list[Entry]:
    if not walk.says_no(node, value):
        return []
    operator = "$contains" if type(value) is list else "$eq"
    reason = reason_of(operator, node.operand, value)
    return [Entry(path, operator, node.operand, value, node.pointer, reason)]


def _operation(node: Operation, value: object, path: str, walk: Walk) -> list[Entry]:
    if not walk.says_no(node, value):
        return []
    reason = reason_of(node.name, node.operand, value)
    return [Entry(path, node.name, node.operand, value, node.pointer, reason)]


def _referring(node: Referring, value: object, path: str, walk: Walk) -> list[Entry]:
    if not walk.says_no(node, value):
        return []
    led_to = node.ref.resolve(walk.probe.root, walk.probe.indexes)
    if value is MISSING or led_to is MISSING:
        reason: Reason = "missing" if value is MISSING else "ref_missing"
        return [Entry(path, node.name, node.operand, value, node.pointer, reason)]
    operator = node.name
    if operator == "$ref":
        operator = "$contains" if type(value) is list and is_scalar(led_to) else "$eq"
    usable = node.name == "$ref" or can_use(node.name, led_to)
    reason = reason_of(operator, led_to, value) if usable else "type"
    return [Entry(path, operator, led_to, value, node.pointer, reason, node.operand)]


def _each_of(node: EachOf, value: object, path: str, walk: Walk) -> list[Entry]:
    if type(value) is not list:
        reason: Reason = "missing" if value is MISSING else "type"
        return [Entry(path, "[]", node.source, value, node.pointer, reason)]
    found: list[Entry] = []
    for entry in node.entries:
        if not isinstance(entry, Bare):
            found += _nearest_one(entry, value, path, walk)
        elif walk.says_no(EachOf((entry,), None, ""), value):
            found.append(Entry(path, "$contains", entry.operand, value, entry.pointer, "value"))
    return found


def _nearest_one(entry: Node, array: list[object], path: str, walk: Walk) -> list[Entry]:
    """The entries of the element, nested arrays not opened, that comes nearest."""
    if not array:
        return _entries(entry, MISSING, path, walk)
    tried = (
        (element, f"{path}.{place}") for element, place in _elements(array, walk, nested=False)
    )
    return _nearest(tried, lambda element, place: _entries(entry, element, place, walk), walk)


def _all_of(node: AllOf, value: object, path: str, walk: Walk) -> list[Entry]:
    return [entry for branch in node.branches for entry in _entries(branch, value, path, walk)]


def _any_of(node: AnyOf, value: object, path: str, walk: Walk) -> list[Entry]:
    found: list[Entry] = []
    for branch in node.branches:
        entries = _entries(branch, value, path, walk)
        if not entries:
            return []
        found += entries
    return found


def _not_that(node: NotThat, value: object, path: str, walk: Walk) -> list[Entry]:
    if not walk.says_no(node, value):
        return []
    at_top = path == ""
    reason: Reason = "missing" if value is MISSING else "value"
    actual = MISSING if at_top else value
    return [Entry(path, "$not", node.source, actual, node.pointer, reason)]


def _some_scalar(node: SomeScalar, value: object, path: str, walk: Walk) -> list[Entry]:
    if not walk.says_no(node, value):
        return []
    reason: Reason = "missing" if value is MISSING else "value"
    if kind_of(value) == "o":
        reason = "type"
    return [Entry(path, "$any", node.source, value, node.pointer, reason)]


def _field(node: Field, value: object, path: str, walk: Walk) -> list[Entry]:
    if type(value) is dict and node.key.raw in value:
        member = value[node.key.raw]
        return _entries(node.inner, member, f"{path}.{escape_name(node.key.raw)}", walk)
    return _follow(node, value, 0, path, walk)


def _follow(node: Field, value: object, at: int, path: str, walk: Walk) -> list[Entry]:
    segments = node.key.segments
    if at == len(segments):
        return _entries(node.inner, value, path, walk)
    segment = segments[at]
    if type(value) is list:
        return _follow_array(node, value, at, path, walk)
    below = f"{path}.{segment.shown}"
    if type(value) is dict and segment.step is not Step.ANY:
        return _follow(node, value.get(segment.name, MISSING), at + 1, below, walk)
    return _follow(node, MISSING, at + 1, below, walk)


def _follow_array(node: Field, array: list[object], at: int, path: str, walk: Walk) -> list[Entry]:
    segment: Segment = node.key.segments[at]
    below = f"{path}.{segment.shown}"
    if segment.step is Step.INDEX:
        if segment.index >= len(array):
            return _follow(node, MISSING, at + 1, below, walk)
        walk.probe.indexes.append(segment.index)
        found = _follow(node, array[segment.index], at + 1, below, walk)
        walk.probe.indexes.pop()
        return found
    if not array:
        return _follow(node, MISSING, at + 1, below, walk)
    nested = segment.step is Step.NAME
    after = at if nested else at + 1
    tried = ((element, f"{path}.{place}") for element, place in _elements(array, walk, nested))
    return _nearest(tried, lambda element, place: _follow(node, element, after, place, walk), walk)


def _object_of(node: ObjectOf, value: object, path: str, walk: Walk) -> list[Entry]:
    if type(value) is not list or not node.names_fields:
        return [entry for part in node.parts for entry in _entries(part, value, path, walk)]
    found: list[Entry] = []
    told = False
    for part in node.parts:
        if not is_about_element(part):
            found += _entries(part, value, path, walk)
        elif not told:
            told = True
            found += _nearest_element(node, value, path, walk)
    return found


def _nearest_element(node: ObjectOf, array: list[object], path: str, walk: Walk) -> list[Entry]:
    def entries(element: object, place: str) -> list[Entry]:
        return [e for part in node.on_element for e in _entries(part, element, place, walk)]

    if not array:
        return entries(MISSING, path)
    tried = ((element, f"{path}.{place}") for element, place in _elements(array, walk, True))
    return _nearest(tried, entries, walk)


def _scope_of(node: ScopeOf, value: object, path: str, walk: Walk) -> list[Entry]:
    event: FilterEvent = value  # type: ignore[assignment] # scopes stand at the top only
    walk.probe.root = event.scope(node.scope)
    return _entries(node.inner, walk.probe.root, node.scope, walk)


def _elements(array: list[object], walk: Walk, nested: bool) -> Iterator[tuple[object, str]]:
    """The elements of a non-empty array with their places below it, each as `0` or `0.1`."""
    indexes = walk.probe.indexes
    base = len(indexes)
    if nested:
        for element, is_one_to_try in opened(array, indexes):
            walk.left -= 1
            if is_one_to_try:
                yield element, ".".join(map(str, indexes[base:]))
                if walk.left < 0:
                    break
    else:
        indexes.append(0)
        for place, element in enumerate(array):
            indexes[-1] = place
            walk.left -= 1
            yield element, str(place)
            if walk.left < 0:
                break
    del indexes[base:]


def _nearest(
    tried: Iterator[tuple[object, str]],
    entries_of: Callable[[object, str], list[Entry]],
    walk: Walk,
) -> list[Entry]:
    """The entries of the element that fails the fewest clauses, the first of equals."""
    best: list[Entry] | None = None
    for element, place in tried:
        entries = entries_of(element, place)
        walk.left -= len(entries)
        if best is None or len(entries) < len(best):
            best = entries
    assert best is not None, "an empty array has been dealt with"
    return best


_EXPLAINERS: dict[type, Callable[[Any, object, str, Walk], list[Entry]]] = {
    Bare: _bare,
    Operation: _operation,
    Referring: _referring,
    EachOf: _each_of,
    AllOf: _all_of,
    AnyOf: _any_of,
    NotThat: _not_that,
    SomeScalar: _some_scalar,
    Field: _field,
    ObjectOf: _object_of,
    ScopeOf: _scope_of,
}
