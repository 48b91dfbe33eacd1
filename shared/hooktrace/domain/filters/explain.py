"""Why a filter says no: a second, slower walk over the same tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from hooktrace.domain.filters.clause import Clause
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
from hooktrace.domain.filters.operators import could_ever_hold
from hooktrace.domain.filters.paths import Segment, Step, escape_name
from hooktrace.domain.filters.run import LimitReached, Run
from hooktrace.domain.filters.values import MISSING, Reason, is_scalar, kind_of, opened, shorten

if TYPE_CHECKING:
    from hooktrace.domain.filters.event import FilterEvent

WALK_LIMIT = 50_000
"""Array elements an explanation looks at; beyond, the first element of an array stands for it."""


class _Walk:
    """The state of an explanation. `probe` evaluates parts, with guards of its own."""

    __slots__ = ("elements_left", "probe")

    def __init__(self) -> None:
        self.probe = Run()
        self.elements_left = WALK_LIMIT

    def says_no(self, node: Node, value: object) -> bool:
        """Whether the part does not hold; a part that costs too much counts as one that says no."""
        depth = len(self.probe.indexes)
        try:
            return not node.holds(value, self.probe)
        except LimitReached:
            del self.probe.indexes[depth:]
            return True


def explain_tree(tree: Node, event: FilterEvent) -> list[Clause]:
    """The clauses that say no, in the order written."""
    return _entries(tree, event, "", _Walk())


def limit_clause(limit: int) -> Clause:
    """The one reason of an evaluation that was stopped."""
    return Clause("", "$limit", limit, MISSING, "", "value")


def _entries(node: Node, value: object, path: str, walk: _Walk) -> list[Clause]:
    return _EXPLAINERS[type(node)](node, value, path, walk)


def _entry(
    path: str,
    operator: str,
    expected: object,
    actual: object,
    pointer: str,
    reason: Reason,
    reference: object = None,
) -> list[Clause]:
    wanted, expected_cut = shorten(expected)
    shown, actual_cut = (actual, False) if actual is MISSING else shorten(actual)
    cut = expected_cut or actual_cut
    return [Clause(path, operator, wanted, shown, pointer, reason, cut, reference)]


def _reason(operator: str, operand: object, value: object) -> Reason:
    if value is MISSING:
        return "missing"
    return "value" if could_ever_hold(operator, operand, value) else "type"


def _bare(node: Bare, value: object, path: str, walk: _Walk) -> list[Clause]:
    if not walk.says_no(node, value):
        return []
    operator = "$contains" if type(value) is list else "$eq"
    reason = _reason(operator, node.operand, value)
    return _entry(path, operator, node.operand, value, node.pointer, reason)


def _operation(node: Operation, value: object, path: str, walk: _Walk) -> list[Clause]:
    if not walk.says_no(node, value):
        return []
    reason = _reason(node.name, node.operand, value)
    return _entry(path, node.name, node.operand, value, node.pointer, reason)


def _referring(node: Referring, value: object, path: str, walk: _Walk) -> list[Clause]:
    if not walk.says_no(node, value):
        return []
    led_to = node.ref.resolve(walk.probe.root, walk.probe.indexes)
    if value is MISSING or led_to is MISSING:
        reason: Reason = "missing" if value is MISSING else "ref_missing"
        return _entry(path, node.name, node.operand, value, node.pointer, reason)
    operator = node.name
    if operator == "$ref":
        operator = "$contains" if type(value) is list and is_scalar(led_to) else "$eq"
    reason = _reason(operator, led_to, value)
    return _entry(path, operator, led_to, value, node.pointer, reason, node.operand)


def _each_of(node: EachOf, value: object, path: str, walk: _Walk) -> list[Clause]:
    if type(value) is not list:
        reason: Reason = "missing" if value is MISSING else "type"
        return _entry(path, "[]", node.source, value, node.pointer, reason)
    found: list[Clause] = []
    for entry in node.entries:
        if not isinstance(entry, Bare):
            found += _nearest_one(entry, value, path, walk)
        elif walk.says_no(EachOf((entry,), None, ""), value):
            found += _entry(path, "$contains", entry.operand, value, entry.pointer, "value")
    return found


def _nearest_one(entry: Node, array: list[object], path: str, walk: _Walk) -> list[Clause]:
    """The entries of the element, nested arrays not opened, that comes nearest."""
    if not array:
        return _entries(entry, MISSING, path, walk)
    tried = (
        (element, f"{path}.{place}") for element, place in _elements(array, walk, nested=False)
    )
    return _nearest(tried, lambda element, place: _entries(entry, element, place, walk))


def _all_of(node: AllOf, value: object, path: str, walk: _Walk) -> list[Clause]:
    return [entry for branch in node.branches for entry in _entries(branch, value, path, walk)]


def _any_of(node: AnyOf, value: object, path: str, walk: _Walk) -> list[Clause]:
    found: list[Clause] = []
    for branch in node.branches:
        entries = _entries(branch, value, path, walk)
        if not entries:
            return []
        found += entries
    return found


def _not_that(node: NotThat, value: object, path: str, walk: _Walk) -> list[Clause]:
    if not walk.says_no(node, value):
        return []
    at_top = path == ""
    reason: Reason = "missing" if value is MISSING else "value"
    actual = MISSING if at_top else value
    return _entry(path, "$not", node.source, actual, node.pointer, reason)


def _some_scalar(node: SomeScalar, value: object, path: str, walk: _Walk) -> list[Clause]:
    if not walk.says_no(node, value):
        return []
    reason: Reason = "missing" if value is MISSING else "value"
    if kind_of(value) == "o":
        reason = "type"
    return _entry(path, "$any", node.source, value, node.pointer, reason)


def _field(node: Field, value: object, path: str, walk: _Walk) -> list[Clause]:
    if type(value) is dict and node.key.raw in value:
        member = value[node.key.raw]
        return _entries(node.inner, member, f"{path}.{escape_name(node.key.raw)}", walk)
    return _follow(node, value, 0, path, walk)


def _follow(node: Field, value: object, at: int, path: str, walk: _Walk) -> list[Clause]:
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


def _follow_array(
    node: Field, array: list[object], at: int, path: str, walk: _Walk
) -> list[Clause]:
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
    return _nearest(tried, lambda element, place: _follow(node, element, after, place, walk))


def _object_of(node: ObjectOf, value: object, path: str, walk: _Walk) -> list[Clause]:
    if type(value) is not list or not node.names_fields:
        return [entry for part in node.parts for entry in _entries(part, value, path, walk)]
    found: list[Clause] = []
    told = False
    for part in node.parts:
        if not is_about_element(part):
            found += _entries(part, value, path, walk)
        elif not told:
            told = True
            found += _nearest_element(node, value, path, walk)
    return found


def _nearest_element(node: ObjectOf, array: list[object], path: str, walk: _Walk) -> list[Clause]:
    def entries(element: object, place: str) -> list[Clause]:
        return [e for part in node.on_element for e in _entries(part, element, place, walk)]

    if not array:
        return entries(MISSING, path)
    tried = ((element, f"{path}.{place}") for element, place in _elements(array, walk, True))
    return _nearest(tried, entries)


def _scope_of(node: ScopeOf, value: object, path: str, walk: _Walk) -> list[Clause]:
    event: FilterEvent = value  # type: ignore[assignment] # scopes stand at the top only
    walk.probe.root = event.scope(node.scope)
    return _entries(node.inner, walk.probe.root, node.scope, walk)


def _elements(array: list[object], walk: _Walk, nested: bool) -> Iterator[tuple[object, str]]:
    """The elements of a non-empty array with their places below it, each as `0` or `0.1`."""
    indexes = walk.probe.indexes
    base = len(indexes)
    if nested:
        for element, is_one_to_try in opened(array, indexes):
            walk.elements_left -= 1
            if is_one_to_try:
                yield element, ".".join(map(str, indexes[base:]))
                if walk.elements_left < 0:
                    break
    else:
        indexes.append(0)
        for place, element in enumerate(array):
            indexes[-1] = place
            walk.elements_left -= 1
            yield element, str(place)
            if walk.elements_left < 0:
                break
    del indexes[base:]


def _nearest(
    tried: Iterator[tuple[object, str]], entries_of: Callable[[object, str], list[Clause]]
) -> list[Clause]:
    """The entries of the element that fails the fewest clauses, the first of equals."""
    best: list[Clause] | None = None
    for element, place in tried:
        entries = entries_of(element, place)
        if best is None or len(entries) < len(best):
            best = entries
    assert best is not None, "an empty array has been dealt with"
    return best


_EXPLAINERS: dict[type, Callable[[Any, object, str, _Walk], list[Clause]]] = {
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
