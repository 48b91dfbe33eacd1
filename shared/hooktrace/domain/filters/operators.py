"""The value operators: each turns an operand into a test of one value.

Every test says no to MISSING, except `$exist` with false.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hooktrace.domain.filters.networks import lies_in, parse_network
from hooktrace.domain.filters.regex import Regex
from hooktrace.domain.filters.run import Run, Test, items
from hooktrace.domain.filters.values import (
    KINDS,
    MISSING,
    NUMBERS,
    deep_equal,
    is_scalar,
    kind_of,
    types_like,
)


def contains(array: list[object], scalar: object, run: Run) -> bool:
    """Whether an item of the array equals the scalar. Raises LimitReached."""
    types = types_like(scalar)
    depth = len(run.indexes)
    found = any(type(item) in types and item == scalar for item in items(array, run))
    del run.indexes[depth:]
    return found


def _eq(operand: object) -> Test:
    if not is_scalar(operand):
        return lambda value, _: type(value) is type(operand) and deep_equal(value, operand)
    types = types_like(operand)
    return lambda value, _: type(value) in types and value == operand


def _neq(operand: object) -> Test:
    equal = _eq(operand)
    return lambda value, run: value is not MISSING and not equal(value, run)


def _ordered(compare: Callable[[object, object], bool]) -> Callable[[object], Test]:
    def make(operand: object) -> Test:
        types = types_like(operand)
        return lambda value, _: type(value) in types and compare(value, operand)

    return make


def _greater(value: object, operand: object) -> bool:
    return value > operand  # type: ignore[operator,no-any-return] # both numbers or both strings


def _greater_equal(value: object, operand: object) -> bool:
    return value >= operand  # type: ignore[operator,no-any-return] # as above


def _less(value: object, operand: object) -> bool:
    return value < operand  # type: ignore[operator,no-any-return] # as above


def _less_equal(value: object, operand: object) -> bool:
    return value <= operand  # type: ignore[operator,no-any-return] # as above


def _in(operand: object) -> Test:
    return _in_list(operand) if type(operand) is list else _contains(operand)


def _in_list(listed: list[object]) -> Test:
    wanted = {(KINDS[type(entry)], entry) for entry in listed if type(entry) in KINDS}

    def holds(value: object, run: Run) -> bool:
        kind = KINDS.get(type(value))
        if kind is not None:
            return (kind, value) in wanted
        if type(value) is not list:
            return False
        depth = len(run.indexes)
        found = any((KINDS[type(item)], item) in wanted for item in items(value, run))
        del run.indexes[depth:]
        return found

    return holds


def _contains(operand: object) -> Test:
    def holds(value: object, run: Run) -> bool:
        if type(value) is list:
            return contains(value, operand, run)
        return type(value) is str and type(operand) is str and operand in value

    return holds


def _nin(operand: object) -> Test:
    listed = _in(operand)
    return lambda value, run: value is not MISSING and not listed(value, run)


def _affixes(operand: object) -> tuple[str, ...]:
    entries = operand if type(operand) is list else [operand]
    return tuple(entry for entry in entries if type(entry) is str)


def _starts_with(operand: object) -> Test:
    affixes = _affixes(operand)
    return lambda value, _: type(value) is str and value.startswith(affixes)


def _ends_with(operand: object) -> Test:
    affixes = _affixes(operand)
    return lambda value, _: type(value) is str and value.endswith(affixes)


def _regex(operand: object) -> Test:
    assert type(operand) is str, "the parser has checked it"
    return Regex(operand).found_in


def _cidr(operand: object) -> Test:
    parsed = (parse_network(text) for text in _affixes(operand))
    networks = tuple(network for network in parsed if network is not None)
    return lambda value, _: lies_in(value, networks)


def _exist(operand: object) -> Test:
    return lambda value, _: (value is not MISSING) is operand


OPERATORS: Final[dict[str, Callable[[object], Test]]] = {
    "$eq": _eq,
    "$neq": _neq,
    "$gt": _ordered(_greater),
    "$gte": _ordered(_greater_equal),
    "$lt": _ordered(_less),
    "$lte": _ordered(_less_equal),
    "$in": _in,
    "$nin": _nin,
    "$contains": _contains,
    "$startsWith": _starts_with,
    "$endsWith": _ends_with,
    "$regex": _regex,
    "$cidr": _cidr,
    "$exist": _exist,
}
"""Operators by name. `$regex` raises BadRegex for a pattern that is refused."""

ORDER_OPERATORS: Final = frozenset({"$gt", "$gte", "$lt", "$lte"})
AFFIX_OPERATORS: Final = frozenset({"$startsWith", "$endsWith"})
MEMBER_OPERATORS: Final = frozenset({"$in", "$nin"})
WITHOUT_REF: Final = frozenset({"$regex", "$cidr", "$exist"})


def can_use(operator: str, operand: object) -> bool:
    """Whether a referenced value is of a type that the operator can use."""
    if operator in ORDER_OPERATORS:
        return type(operand) is str or type(operand) in NUMBERS
    if operator in MEMBER_OPERATORS:
        return type(operand) is list or is_scalar(operand)
    if operator == "$contains":
        return is_scalar(operand)
    if operator in AFFIX_OPERATORS:
        return type(operand) in (str, list)
    return True


def could_ever_hold(operator: str, operand: object, value: object) -> bool:
    """Whether another value of the same JSON type could satisfy the operator."""
    if operator in ("$neq", "$nin", "$exist"):
        return True
    kind = kind_of(value)
    if operator in ("$startsWith", "$endsWith", "$regex", "$cidr"):
        return kind == "s"
    if operator in ("$in", "$contains"):
        listed = type(operand) is list
        if kind in "ao-":
            return kind == "a"
        if listed and type(operand) is list:
            return any(kind_of(entry) == kind for entry in operand)
        return kind == "s" and kind_of(operand) == "s"
    return kind == kind_of(operand)
