"""Converts an EventBridge pattern to a filter, once, when it is written.

`detail-type` is our type and `detail` our data. A list at a field is a choice of alternatives for
the leaves there: the value itself or, in an array, some item.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from hooktrace.domain.filters.alternatives import convert_alternative
from hooktrace.domain.filters.limits import MAX_DEPTH, TOO_DEEP
from hooktrace.domain.filters.paths import child_pointer
from hooktrace.domain.filters.refusals import EMPTY_OBJECT, Faults
from hooktrace.domain.filters.values import is_scalar

_SCOPES: Final = {"detail-type": "type", "detail": "data"}
_NO_LEAF: Final[dict[str, object]] = {"$not": {"$any": {"$exist": True}}}


@dataclass(slots=True)
class Converted:
    """The filter, and for each part of it the pointer of the pattern's part it came from."""

    filter: object = None
    origins: dict[str, str] = field(default_factory=dict)

    def origin_of(self, pointer: str) -> str:
        """The pointer into the pattern for a pointer into the filter."""
        while pointer not in self.origins and pointer:
            pointer = pointer.rpartition("/")[0]
        return self.origins.get(pointer, "")


def convert(pattern: object, faults: Faults) -> Converted:
    """The filter that an event pattern means; meaningless when faults were noted."""
    conversion = _Conversion(faults)
    if type(pattern) is not dict:
        faults.add(
            "", "not_an_object", "An event pattern is an object over detail and detail-type."
        )
    else:
        conversion.result.filter = conversion.pattern(pattern, "", "", 1, at_top=True)
    return conversion.result


class _Conversion:
    """Walks one pattern with two pointers: into the pattern, and into the filter made of it."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.result = Converted()

    def pattern(
        self, value: dict[str, object], pointer: str, target: str, depth: int, *, at_top: bool
    ) -> dict[str, object]:
        self.result.origins[target] = pointer
        if not value:
            self.faults.add(pointer, "empty_object", EMPTY_OBJECT)
        if depth > MAX_DEPTH:
            self.faults.add(pointer, "too_deep", TOO_DEEP)
            return {}
        made: dict[str, object] = {}
        for key, member in value.items():
            inside = child_pointer(pointer, key)
            if key == "$or":
                branches = self._branches(member, inside, f"{target}/$or", depth, at_top)
                made["$or"] = branches
                continue
            if at_top and key not in _SCOPES:
                self._unknown_scope(key, inside)
                continue
            name = _SCOPES[key] if at_top else f"\\{key}" if key.startswith("$") else key
            made[name] = self._member(
                member, inside, child_pointer(target, name), depth, key if at_top else ""
            )
        return made

    def _member(self, value: object, pointer: str, target: str, depth: int, scope: str) -> object:
        if type(value) is dict and scope != "detail-type":
            return self.pattern(value, pointer, target, depth + 1, at_top=False)
        self.result.origins[target] = pointer
        if type(value) is not list:
            message = 'A value stands in a list: `["paid"]`.'
            self.faults.add(pointer, "invalid_operand", message)
            return None
        if not value:
            message = "An empty list can never match; list the alternatives."
            self.faults.add(pointer, "empty_list", message)
            return None
        return self._choice(value, pointer, target)

    def _branches(
        self, value: object, pointer: str, target: str, depth: int, at_top: bool
    ) -> list[object]:
        self.result.origins[target] = pointer
        if value == [] and type(value) is list:
            message = "An empty `$or` says nothing; list the patterns."
            self.faults.add(pointer, "empty_list", message)
            return []
        if type(value) is not list or len(value) < 2:
            message = "`$or` needs a list of at least two patterns."
            self.faults.add(pointer, "invalid_operand", message)
            return []
        branches: list[object] = []
        for at, branch in enumerate(value):
            place = child_pointer(pointer, at)
            if type(branch) is dict:
                inside = f"{target}/{at}"
                branches.append(self.pattern(branch, place, inside, depth + 2, at_top=at_top))
            else:
                message = "A branch of `$or` is an object, as a pattern is."
                self.faults.add(place, "not_an_object", message)
        return branches

    def _unknown_scope(self, key: str, pointer: str) -> None:
        message = (
            f"`{key[:80]}` has no counterpart in our events; drop it. "
            "A pattern looks at detail-type and detail."
        )
        self.faults.add(pointer, "unknown_scope", message)

    def _choice(self, listed: list[object], pointer: str, target: str) -> dict[str, object]:
        """The alternatives of one field: plain values first, together."""
        plain = [(at, entry) for at, entry in enumerate(listed) if is_scalar(entry)]
        made: list[tuple[dict[str, object], list[int]]] = []
        if plain:
            made.append(({"$in": [entry for _, entry in plain]}, [at for at, _ in plain]))
        or_no_leaf = False
        for at, entry in enumerate(listed):
            if is_scalar(entry):
                continue
            alternative = convert_alternative(entry, child_pointer(pointer, at), self.faults)
            if alternative is None:
                or_no_leaf = True
            else:
                made.append((alternative, [at]))
        if not made:
            return _NO_LEAF
        inside = f"{target}/$or/0/$any" if or_no_leaf else f"{target}/$any"
        if len(made) == 1:
            self._note(inside, made[0][1], pointer)
            choice: dict[str, object] = {"$any": made[0][0]}
        else:
            for at, (_, places) in enumerate(made):
                self._note(f"{inside}/$or/{at}", places, pointer)
            choice = {"$any": {"$or": [alternative for alternative, _ in made]}}
        return {"$or": [choice, _NO_LEAF]} if or_no_leaf else choice

    def _note(self, target: str, places: list[int], pointer: str) -> None:
        self.result.origins[target] = child_pointer(pointer, places[0])
        for at, place in enumerate(places):
            self.result.origins[f"{target}/$in/{at}"] = child_pointer(pointer, place)
