"""A compiled filter: a tree of nodes, each of which says yes or no to a value.

The tree is at most 20 levels deep and is walked by recursion; arrays of the event, which may be
nested deeper, are walked by loops. Explanations are made from the same tree, in `explain`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hooktrace.domain.filters.operators import OPERATORS, can_use, contains
from hooktrace.domain.filters.paths import Key, Step
from hooktrace.domain.filters.references import Ref
from hooktrace.domain.filters.run import Run, Test, elements, items
from hooktrace.domain.filters.values import MISSING, is_scalar, types_like

if TYPE_CHECKING:
    from hooktrace.domain.filters.event import FilterEvent


class Node(Protocol):
    """A part of a filter."""

    def holds(self, value: object, run: Run) -> bool:
        """Whether the value satisfies this part. Raises LimitReached."""
        ...


@dataclass(slots=True)
class Bare:
    """A bare scalar: the value equals it, or an item of the array does."""

    operand: object
    pointer: str
    types: tuple[type, ...] = ()

    def __post_init__(self) -> None:
        self.types = types_like(self.operand)

    def holds(self, value: object, run: Run) -> bool:
        if type(value) in self.types:
            return value == self.operand
        return type(value) is list and contains(value, self.operand, run)


@dataclass(slots=True)
class Operation:
    """A value operator with its operand."""

    name: str
    operand: object
    pointer: str
    test: Test

    def holds(self, value: object, run: Run) -> bool:
        return self.test(value, run)


@dataclass(slots=True)
class Referring:
    """A value operator whose operand is a `$ref`, or (`name` is `$ref`) a bare reference."""

    name: str
    ref: Ref
    operand: dict[str, object]
    pointer: str

    def holds(self, value: object, run: Run) -> bool:
        if value is MISSING:
            return False
        led_to = self.ref.resolve(run.root, run.indexes)
        if led_to is MISSING:
            return False
        test = self.test_for(led_to, run)
        return test is not None and test(value, run)

    def test_for(self, led_to: object, run: Run) -> Test | None:
        """The operator for a referenced value; made once for each value of the event."""
        known = (id(self), id(led_to))
        if known not in run.tests:
            run.tests[known] = self._make(led_to)
        return run.tests[known]

    def _make(self, led_to: object) -> Test | None:
        if self.name == "$ref":
            return Bare(led_to, "").holds if is_scalar(led_to) else OPERATORS["$eq"](led_to)
        return OPERATORS[self.name](led_to) if can_use(self.name, led_to) else None


@dataclass(slots=True)
class EachOf:
    """A list: the value is an array, and each entry is met by some element."""

    entries: tuple[Node, ...]
    source: object
    pointer: str

    def holds(self, value: object, run: Run) -> bool:
        return type(value) is list and all(met(entry, value, run) for entry in self.entries)


def met(entry: Node, array: list[object], run: Run) -> bool:
    """Whether an element of the array meets the entry of a list. Raises LimitReached."""
    run.indexes.append(0)
    for place, element in enumerate(array):
        run.enter()
        run.indexes[-1] = place
        if entry.holds(element, run):
            run.indexes.pop()
            return True
    run.indexes.pop()
    return False


@dataclass(slots=True)
class AllOf:
    """`$and`, at the same place."""

    branches: tuple[Node, ...]

    def holds(self, value: object, run: Run) -> bool:
        return all(branch.holds(value, run) for branch in self.branches)


@dataclass(slots=True)
class AnyOf:
    """`$or`, at the same place."""

    branches: tuple[Node, ...]

    def holds(self, value: object, run: Run) -> bool:
        return any(branch.holds(value, run) for branch in self.branches)


@dataclass(slots=True)
class NotThat:
    """`$not`, at the same place."""

    inner: Node
    source: object
    pointer: str

    def holds(self, value: object, run: Run) -> bool:
        return not self.inner.holds(value, run)


@dataclass(slots=True)
class SomeScalar:
    """`$any`: the value itself, or an item of the array, meets the inner filter."""

    inner: Node
    source: object
    pointer: str

    def holds(self, value: object, run: Run) -> bool:
        if type(value) is not list:
            return is_scalar(value) and self.inner.holds(value, run)
        depth = len(run.indexes)
        found = any(self.inner.holds(item, run) for item in items(value, run))
        del run.indexes[depth:]
        return found


@dataclass(slots=True)
class Field:
    """A key and what must hold there."""

    key: Key
    inner: Node

    def holds(self, value: object, run: Run) -> bool:
        if type(value) is dict:
            if self.key.raw in value:
                return self.inner.holds(value[self.key.raw], run)
        elif type(value) is not list:
            return self.inner.holds(MISSING, run)
        return self._follow(value, 0, run)

    def _follow(self, value: object, at: int, run: Run) -> bool:
        segments = self.key.segments
        depth = len(run.indexes)
        while at < len(segments):
            segment = segments[at]
            if type(value) is dict and segment.step is not Step.ANY:
                value = value.get(segment.name, MISSING)
            elif type(value) is not list:
                value = MISSING
            elif segment.step is Step.INDEX:
                value = enter_at(value, segment.index, run)
            elif not value:
                value = MISSING
            else:
                found = self._in_some_element(value, at, run)
                del run.indexes[depth:]
                return found
            at += 1
            if value is MISSING:
                break
        found = self.inner.holds(value, run)
        del run.indexes[depth:]
        return found

    def _in_some_element(self, array: list[object], at: int, run: Run) -> bool:
        if self.key.segments[at].step is Step.NAME:
            return any(self._follow(element, at, run) for element in elements(array, run))
        run.indexes.append(0)
        for place, element in enumerate(array):
            run.enter()
            run.indexes[-1] = place
            if self._follow(element, at + 1, run):
                return True
        return False


def enter_at(array: list[object], index: int, run: Run) -> object:
    """The element at an index, or MISSING. Raises LimitReached."""
    if index >= len(array):
        return MISSING
    run.enter()
    run.indexes.append(index)
    return array[index]


@dataclass(slots=True)
class ObjectOf:
    """An object of clauses, in the order written.

    When it names fields (itself, or in an `$and` / `$or` below it), it asks of an array that one
    element satisfies `on_element` (fields, `$and`, `$or`, `$not`), and of the array itself that it
    satisfies `on_array` (value operators, keys that begin with `$` or an index).
    """

    parts: tuple[Node, ...]
    names_fields: bool
    on_array: tuple[Node, ...]
    on_element: tuple[Node, ...]

    def holds(self, value: object, run: Run) -> bool:
        if type(value) is list and self.names_fields:
            return self._holds_in_array(value, run)
        return all(part.holds(value, run) for part in self.parts)

    def _holds_in_array(self, array: list[object], run: Run) -> bool:
        if not all(part.holds(array, run) for part in self.on_array):
            return False
        depth = len(run.indexes)
        found = any(
            all(part.holds(element, run) for part in self.on_element)
            for element in elements(array, run)
        )
        del run.indexes[depth:]
        return found


def object_of(parts: list[Node]) -> ObjectOf:
    """Sorts the clauses of an object by what they ask of an array."""
    on_element = tuple(part for part in parts if is_about_element(part))
    on_array = tuple(part for part in parts if not is_about_element(part))
    return ObjectOf(tuple(parts), any(map(_names_fields, parts)), on_array, on_element)


def is_about_element(part: Node) -> bool:
    """Whether a clause of an object that names fields asks one element of an array."""
    if isinstance(part, Field):
        return not part.key.begins_at_array
    return isinstance(part, (AllOf, AnyOf, NotThat))


def _names_fields(part: Node) -> bool:
    if isinstance(part, Field):
        return not part.key.begins_at_array
    if isinstance(part, (AllOf, AnyOf)):
        return any(map(_names_fields, part.branches))
    return isinstance(part, ObjectOf) and part.names_fields


@dataclass(slots=True)
class ScopeOf:
    """What one scope of the event must satisfy. Its value is the event as a whole."""

    scope: str
    inner: Node

    def holds(self, value: object, run: Run) -> bool:
        event: FilterEvent = value  # type: ignore[assignment] # scopes stand at the top only
        root = event.scope(self.scope)
        run.root = root
        return self.inner.holds(root, run)
