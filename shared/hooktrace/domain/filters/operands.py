"""Checks the operands of value operators when a filter is written."""

from __future__ import annotations

from typing import Final

from hooktrace.domain.filters.limits import MAX_DEPTH, TOO_DEEP
from hooktrace.domain.filters.networks import parse_network
from hooktrace.domain.filters.operators import (
    AFFIX_OPERATORS,
    MEMBER_OPERATORS,
    ORDER_OPERATORS,
)
from hooktrace.domain.filters.paths import child_pointer
from hooktrace.domain.filters.refusals import INVALID_NUMBER, Faults
from hooktrace.domain.filters.values import NUMBERS, is_finite, is_scalar

_NETWORKS: Final = (
    "`$cidr` needs a network such as `10.0.0.0/8` or `2001:db8::/32`, or one address."
)


def check_operand(name: str, operand: object, pointer: str, depth: int, faults: Faults) -> None:
    """Notes every fault of an operand; `depth` is the level of the object that holds it."""
    if type(operand) in (list, dict) and depth + 1 > MAX_DEPTH:
        faults.add(pointer, "too_deep", TOO_DEEP)
    elif name in ("$eq", "$neq"):
        _check_json(operand, pointer, depth, faults)
    elif name in ORDER_OPERATORS:
        if type(operand) is not str and type(operand) not in NUMBERS:
            _wrong(name, "a number or a string", pointer, faults)
        _check_number(operand, pointer, faults)
    elif name in MEMBER_OPERATORS:
        _check_members(name, operand, pointer, faults)
    elif name == "$contains":
        if not is_scalar(operand):
            _wrong(name, "a string, number, boolean or null", pointer, faults)
        _check_number(operand, pointer, faults)
    elif name in AFFIX_OPERATORS:
        _check_strings(name, operand, pointer, faults)
    elif name == "$cidr":
        for place, text in _check_strings(name, operand, pointer, faults):
            if parse_network(text) is None:
                faults.add(place, "invalid_cidr", f"{_NETWORKS} This is none.")
    elif name == "$exist":
        if type(operand) is not bool:
            _wrong(name, "true or false", pointer, faults)
    elif type(operand) is not str:
        _wrong(name, "a string", pointer, faults)


def _wrong(name: str, wanted: str, pointer: str, faults: Faults) -> None:
    faults.add(pointer, "invalid_operand", f"`{name}` needs {wanted}.")


def _check_number(value: object, pointer: str, faults: Faults) -> None:
    if not is_finite(value):
        faults.add(pointer, "invalid_number", INVALID_NUMBER)


def _check_json(operand: object, pointer: str, depth: int, faults: Faults) -> None:
    """Any JSON: only its depth and its numbers can be wrong."""
    stack = [(operand, pointer, depth)]
    while stack:
        value, place, level = stack.pop()
        if type(value) in (list, dict) and level + 1 > MAX_DEPTH:
            faults.add(place, "too_deep", TOO_DEEP)
        elif type(value) is dict:
            stack.extend(
                (member, child_pointer(place, name), level + 1)
                for name, member in reversed(value.items())
            )
        elif type(value) is list:
            stack.extend(
                (value[at], child_pointer(place, at), level + 1)
                for at in range(len(value) - 1, -1, -1)
            )
        else:
            _check_number(value, place, faults)


def _check_members(name: str, operand: object, pointer: str, faults: Faults) -> None:
    if type(operand) is not list:
        if not is_scalar(operand):
            _wrong(name, "a list of values, or one value", pointer, faults)
        _check_number(operand, pointer, faults)
        return
    if not operand:
        verb = "match" if name == "$in" else "fail"
        faults.add(pointer, "empty_list", f"An empty `{name}` can never {verb}; list the values.")
    for at, entry in enumerate(operand):
        place = child_pointer(pointer, at)
        if not is_scalar(entry):
            faults.add(
                place, "invalid_operand", f"`{name}` lists strings, numbers, booleans and null."
            )
        _check_number(entry, place, faults)


def _check_strings(
    name: str, operand: object, pointer: str, faults: Faults
) -> list[tuple[str, str]]:
    """A string or a list of strings; returns those found with their pointers."""
    if type(operand) is str:
        return [(pointer, operand)]
    if type(operand) is not list:
        _wrong(name, "a string or a list of strings", pointer, faults)
        return []
    if not operand:
        faults.add(pointer, "empty_list", f"An empty `{name}` can never match; list the strings.")
    found: list[tuple[str, str]] = []
    for at, entry in enumerate(operand):
        if type(entry) is str:
            found.append((child_pointer(pointer, at), entry))
        else:
            _wrong(name, "strings in its list", child_pointer(pointer, at), faults)
    return found
