"""One alternative of an EventBridge pattern: an object with one kind of match."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hooktrace.domain.filters.networks import parse_network
from hooktrace.domain.filters.paths import child_pointer
from hooktrace.domain.filters.refusals import EMPTY_OBJECT, Faults
from hooktrace.domain.filters.values import NUMBERS

Made = dict[str, object]
_NOTHING: Final[Made] = {"$exist": True}
_COMPARISONS: Final = {"=": "$eq", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}


def convert_alternative(entry: object, pointer: str, faults: Faults) -> Made | None:
    """The condition on a leaf; None for `{"exists": false}`, which is about having none.

    Meaningless when faults were noted.
    """
    if type(entry) is not dict:
        message = "An alternative is a plain value or an object with one kind of match."
        return _refuse(pointer, message, faults)
    if not entry:
        faults.add(pointer, "empty_object", EMPTY_OBJECT)
        return _NOTHING
    if len(entry) > 1:
        message = "One kind of match stands in one object; two objects in the list mean either."
        return _refuse(pointer, message, faults)
    ((kind, operand),) = entry.items()
    inside = child_pointer(pointer, kind)
    if kind == "exists":
        if type(operand) is bool:
            return {"$exist": True} if operand else None
        return _refuse(inside, "`exists` needs true or false.", faults)
    convert = _KINDS.get(kind)
    if convert is None:
        message = f"`{kind[:80]}` is no kind of match; there are exists, {', '.join(_KINDS)}."
        faults.add(inside, "unknown_operator", message)
        return _NOTHING
    return convert(operand, inside, faults)


def _refuse(pointer: str, message: str, faults: Faults) -> Made:
    faults.add(pointer, "invalid_operand", message)
    return _NOTHING


def _exactly(operand: object, pointer: str, faults: Faults) -> Made:
    if type(operand) is not str:
        return _refuse(pointer, "`exactly` needs a string.", faults)
    return {"$eq": operand}


def _affix(kind: str, operator: str) -> Callable[[object, str, Faults], Made]:
    def convert(operand: object, pointer: str, faults: Faults) -> Made:
        if type(operand) is str:
            return {operator: operand}
        if type(operand) is dict and operand.keys() == {"equals-ignore-case"}:
            text = operand["equals-ignore-case"]
            if type(text) is str:
                quoted = quote(text)
                whole = f"(?is)\\A{quoted}" if kind == "prefix" else f"(?is){quoted}\\z"
                return {"$regex": whole}
            pointer = child_pointer(pointer, "equals-ignore-case")
        message = f'`{kind}` needs a string, or `{{"equals-ignore-case": "..."}}`.'
        return _refuse(pointer, message, faults)

    return convert


def _ignoring_case(operand: object, pointer: str, faults: Faults) -> Made:
    if type(operand) is not str:
        return _refuse(pointer, "`equals-ignore-case` needs a string.", faults)
    return {"$regex": f"(?is)\\A{quote(operand)}\\z"}


def _wildcard(operand: object, pointer: str, faults: Faults) -> Made:
    if type(operand) is not str:
        return _refuse(pointer, "`wildcard` needs a string.", faults)
    parts: list[str] = []
    signs = iter(operand)
    for sign in signs:
        if sign == "*":
            if parts and parts[-1] == ".*":
                return _refuse(pointer, "Two stars in a row say no more than one.", faults)
            parts.append(".*")
        elif sign == "\\":
            plain = next(signs, "")
            if plain not in ("*", "\\"):
                message = "A backslash stands before `*` or another backslash only."
                return _refuse(pointer, message, faults)
            parts.append(quote(plain))
        else:
            parts.append(quote(sign))
    return {"$regex": f"(?s)\\A{''.join(parts)}\\z"}


def _cidr(operand: object, pointer: str, faults: Faults) -> Made:
    if type(operand) is not str:
        return _refuse(pointer, "`cidr` needs a network as a string.", faults)
    if parse_network(operand) is None:
        faults.add(pointer, "invalid_cidr", "`cidr` needs a network such as `10.0.0.0/8`.")
    return {"$cidr": operand}


def _numeric(operand: object, pointer: str, faults: Faults) -> Made:
    form = '`numeric` needs a sign and a number, or a range such as `[">", 0, "<=", 5]`.'
    if type(operand) is not list or len(operand) not in (2, 4):
        return _refuse(pointer, form, faults)
    signs, numbers = operand[::2], operand[1::2]
    if any(type(sign) is not str or sign not in _COMPARISONS for sign in signs):
        return _refuse(pointer, "`numeric` knows the signs = < <= > >=.", faults)
    if any(type(number) not in NUMBERS for number in numbers):
        return _refuse(pointer, form, faults)
    if len(operand) == 4:
        if signs[0] not in (">", ">=") or signs[1] not in ("<", "<="):
            return _refuse(pointer, "The lower bound of `numeric` comes first.", faults)
        if not numbers[0] < numbers[1]:
            return _refuse(pointer, "The lower bound of `numeric` must be smaller.", faults)
    return {_COMPARISONS[sign]: number for sign, number in zip(signs, numbers, strict=True)}


def _anything_but(operand: object, pointer: str, faults: Faults) -> Made:
    if type(operand) is dict:
        return _anything_but_match(operand, pointer, faults)
    listed = operand if type(operand) is list else [operand]
    if not listed:
        faults.add(pointer, "empty_list", "An empty `anything-but` says nothing; list the values.")
        return _NOTHING
    strings = all(type(entry) is str for entry in listed)
    if not strings and not all(type(entry) in NUMBERS for entry in listed):
        message = "`anything-but` needs strings or numbers, all of one type."
        return _refuse(pointer, message, faults)
    return {"$nin": listed}


def _anything_but_match(operand: Made, pointer: str, faults: Faults) -> Made:
    if len(operand) != 1:
        return _refuse(pointer, "`anything-but` takes one kind of match.", faults)
    ((kind, listed),) = operand.items()
    inside = child_pointer(pointer, kind)
    convert = _NEGATED.get(kind)
    if convert is None:
        message = f"`anything-but` takes {', '.join(_NEGATED)}, or values."
        faults.add(inside, "unknown_operator", message)
        return _NOTHING
    if type(listed) is not list:
        return {"$not": _negated(kind, convert, listed, inside, faults)}
    if not listed:
        faults.add(inside, "empty_list", "An empty list says nothing; list the strings.")
    made = [
        _negated(kind, convert, text, child_pointer(inside, at), faults)
        for at, text in enumerate(listed)
    ]
    return {"$not": {"$or": made}}


def _negated(
    kind: str,
    convert: Callable[[object, str, Faults], Made],
    text: object,
    pointer: str,
    faults: Faults,
) -> Made:
    if type(text) is not str:
        return _refuse(pointer, f"`{kind}` inside `anything-but` needs strings.", faults)
    if text == "" and kind in ("prefix", "suffix"):
        return _refuse(pointer, f"Everything has the empty {kind}; nothing is left.", faults)
    return convert(text, pointer, faults)


def quote(text: str) -> str:
    """The text as a regular expression of RE2 that means just it."""
    return "".join(_quoted_sign(sign) for sign in text)


def _quoted_sign(sign: str) -> str:
    if sign == "\x00":
        return "\\x00"
    plain = sign.isalnum() or sign == "_" or not sign.isascii()
    return sign if plain else f"\\{sign}"


_NEGATED: Final[dict[str, Callable[[object, str, Faults], Made]]] = {
    "prefix": _affix("prefix", "$startsWith"),
    "suffix": _affix("suffix", "$endsWith"),
    "wildcard": _wildcard,
    "equals-ignore-case": _ignoring_case,
}
_KINDS: Final[dict[str, Callable[[object, str, Faults], Made]]] = {
    "exactly": _exactly,
    **_NEGATED,
    "cidr": _cidr,
    "numeric": _numeric,
    "anything-but": _anything_but,
}
