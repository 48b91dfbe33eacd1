"""Turns the JSON value of a filter into a tree of nodes, or collects its faults."""

from __future__ import annotations

from hooktrace.domain.filters.limits import (
    MAX_BYTES,
    MAX_CLAUSES,
    MAX_DEPTH,
    MAX_REGEXES,
    TOO_DEEP,
    TOO_LARGE,
    TOO_MANY_CLAUSES,
    TOO_MANY_REGEXES,
)
from hooktrace.domain.filters.nodes import (
    AllOf,
    AnyOf,
    Bare,
    EachOf,
    Field,
    Node,
    NotThat,
    Operation,
    Referring,
    ScopeOf,
    SomeScalar,
    object_of,
)
from hooktrace.domain.filters.operands import check_operand
from hooktrace.domain.filters.operators import OPERATORS, WITHOUT_REF
from hooktrace.domain.filters.paths import (
    BadPath,
    Key,
    child_pointer,
    parse_header_name,
    parse_key,
)
from hooktrace.domain.filters.places import FIELD, HEADERS, TOP, Place
from hooktrace.domain.filters.references import BadRef, parse_header_ref, parse_ref
from hooktrace.domain.filters.refusals import (
    EMPTY_FIELD_LIST,
    EMPTY_OBJECT,
    INVALID_NUMBER,
    KNOWN,
    LOGIC,
    Faults,
    misplaced_operator,
    unknown_operator,
    unknown_scope,
)
from hooktrace.domain.filters.regex import BadRegex
from hooktrace.domain.filters.values import compact_json, is_finite, is_scalar

_SCOPES = {"data": "data", "body": "data", "headers": "headers", "type": "type"}
_EMPTY_SCOPES = ("query", "path")


def parse_tree(value: object, faults: Faults) -> Node:
    """The tree of a filter; meaningless when faults were noted."""
    if value is None:
        return AllOf(())
    if type(value) is not dict:
        faults.add("", "not_an_object", "A filter is an object over data, headers and type.")
        return AllOf(())
    text = compact_json(value, MAX_BYTES)
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        faults.add("", "too_large", TOO_LARGE)
        return AllOf(())
    parser = _Parser(faults)
    tree = object_of(parser.parts(value, "", 1, TOP))
    if parser.clauses > MAX_CLAUSES:
        faults.add("", "too_many_clauses", TOO_MANY_CLAUSES)
    if parser.regexes > MAX_REGEXES:
        faults.add("", "too_many_regexes", TOO_MANY_REGEXES)
    return tree


class _Parser:
    """Walks one filter; a part that is at fault leaves no node."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.clauses = 0
        self.regexes = 0
        self.in_headers = False

    def parts(self, value: dict[str, object], pointer: str, depth: int, place: Place) -> list[Node]:
        """The clauses of an object, in the order written."""
        found: list[Node] = []
        for key, member in value.items():
            inside = child_pointer(pointer, key)
            if place is TOP and not key.startswith("$"):
                node = self._scope(key, member, inside, depth)
            elif key in LOGIC:
                node = self._logic(key, member, inside, depth, place)
            elif key.startswith("$") and not (key == "$" or key.startswith("$.")):
                node = self._operator(key, member, inside, depth, place)
            elif place is TOP:
                node = self._fault(inside, "unknown_scope", unknown_scope(key))
            elif place is HEADERS and key.startswith("$"):
                node = self._fault(inside, "unknown_operator", unknown_operator(key))
            else:
                node = self._field(key, member, inside, depth, place)
            if node is not None:
                found.append(node)
        return found

    def condition(self, value: object, pointer: str, depth: int) -> Node | None:
        """What must hold at a place: a scalar, a list or an object. `depth` is its own level."""
        if is_scalar(value):
            self.clauses += 1
            if not is_finite(value):
                return self._fault(pointer, "invalid_number", INVALID_NUMBER)
            return Bare(value, pointer)
        if type(value) is list:
            if not value:
                return self._fault(pointer, "empty_list", EMPTY_FIELD_LIST)
            if depth > MAX_DEPTH:
                return self._fault(pointer, "too_deep", TOO_DEEP)
            entries = self._each(value, pointer, depth, FIELD)
            return EachOf(entries, value, pointer)
        return self._object(value, pointer, depth, FIELD)

    def _object(self, value: object, pointer: str, depth: int, place: Place) -> Node | None:
        if type(value) is not dict:
            return self._fault(pointer, "not_an_object", place.not_an_object)
        if not value:
            return self._fault(pointer, "empty_object", EMPTY_OBJECT)
        if depth > MAX_DEPTH:
            return self._fault(pointer, "too_deep", TOO_DEEP)
        parts = self.parts(value, pointer, depth, place)
        return parts[0] if place is TOP and len(parts) == 1 else object_of(parts)

    def _branch(self, value: object, pointer: str, depth: int, place: Place) -> Node | None:
        if place is FIELD:
            return self.condition(value, pointer, depth)
        return self._object(value, pointer, depth, place)

    def _each(
        self, values: list[object], pointer: str, depth: int, place: Place
    ) -> tuple[Node, ...]:
        nodes = (
            self._branch(entry, child_pointer(pointer, at), depth + 1, place)
            for at, entry in enumerate(values)
        )
        return tuple(node for node in nodes if node is not None)

    def _scope(self, key: str, value: object, pointer: str, depth: int) -> Node | None:
        word, dot, rest = key.partition(".")
        if word not in _SCOPES:
            if key in _EMPTY_SCOPES and value in ({}, None):
                return None
            return self._fault(pointer, "unknown_scope", unknown_scope(key))
        scope = _SCOPES[word]
        self.in_headers = scope == "headers"
        inner: Node | None
        if dot and scope == "type":
            self._fault(pointer, "invalid_path", "The type is one string; write `type` alone.")
            inner = self.condition(value, pointer, depth + 1)
        elif dot:
            place = HEADERS if scope == "headers" else FIELD
            inner = self._field_of_scope(rest, value, pointer, depth, place)
        elif scope == "headers":
            inner = self._object(value, pointer, depth + 1, HEADERS) if value else None
            if not value and value is not None and type(value) is not dict:
                self._fault(pointer, "not_an_object", HEADERS.not_an_object)
        else:
            says_nothing = scope == "data" and type(value) is dict and not value
            inner = None if says_nothing else self.condition(value, pointer, depth + 1)
        return None if inner is None else ScopeOf(scope, inner)

    def _field_of_scope(
        self, key: str, value: object, pointer: str, depth: int, place: Place
    ) -> Node | None:
        if key == "":
            message = "A name must follow the dot."
            self._fault(pointer, "invalid_path", message)
            self.condition(value, pointer, depth + 1)
            return None
        field = self._field(key, value, pointer, depth, place)
        return None if field is None else object_of([field])

    def _field(
        self, key: str, value: object, pointer: str, depth: int, place: Place
    ) -> Node | None:
        path: Key | None = None
        try:
            path = parse_header_name(key) if place is HEADERS else parse_key(key)
        except BadPath as error:
            self._fault(pointer, "invalid_path", f"This is no path: {error}.")
        inner = self.condition(value, pointer, depth + 1)
        return None if path is None or inner is None else Field(path, inner)

    def _logic(
        self, key: str, value: object, pointer: str, depth: int, place: Place
    ) -> Node | None:
        if key == "$not":
            inner = self._branch(value, pointer, depth + 1, place)
            return None if inner is None else NotThat(inner, value, pointer)
        if type(value) is not list:
            message = f"`{key}` needs a list of filters."
            return self._fault(pointer, "invalid_operand", message)
        if not value:
            message = f"An empty `{key}` says nothing; list the filters."
            return self._fault(pointer, "empty_list", message)
        if depth + 1 > MAX_DEPTH:
            return self._fault(pointer, "too_deep", TOO_DEEP)
        branches = self._each(value, pointer, depth + 1, place)
        return AllOf(branches) if key == "$and" else AnyOf(branches)

    def _operator(
        self, key: str, value: object, pointer: str, depth: int, place: Place
    ) -> Node | None:
        if key not in KNOWN:
            return self._fault(pointer, "unknown_operator", unknown_operator(key))
        if place is not FIELD:
            message = misplaced_operator(key, place.example)
            return self._fault(pointer, "misplaced_operator", message)
        if key == "$any":
            inner = self.condition(value, pointer, depth + 1)
            return None if inner is None else SomeScalar(inner, value, pointer)
        self.clauses += 1
        self.regexes += key == "$regex"
        if key == "$ref":
            return self._referring(key, {"$ref": value}, pointer, pointer)
        if type(value) is dict and value.keys() == {"$ref"} and key not in WITHOUT_REF:
            if depth + 1 > MAX_DEPTH:
                return self._fault(pointer, "too_deep", TOO_DEEP)
            return self._referring(key, value, pointer, child_pointer(pointer, "$ref"))
        return self._operation(key, value, pointer, depth)

    def _operation(self, key: str, value: object, pointer: str, depth: int) -> Node | None:
        check_operand(key, value, pointer, depth, self.faults)
        if key == "$regex":
            return self._regex(value, pointer)
        return None if self.faults.found else Operation(key, value, pointer, OPERATORS[key](value))

    def _regex(self, pattern: object, pointer: str) -> Node | None:
        if type(pattern) is not str or self.regexes > MAX_REGEXES:
            return None
        try:
            return Operation("$regex", pattern, pointer, OPERATORS["$regex"](pattern))
        except BadRegex as error:
            return self._fault(pointer, "invalid_regex", f"This pattern is refused: {error}.")

    def _referring(
        self, key: str, operand: dict[str, object], pointer: str, ref_pointer: str
    ) -> Node | None:
        try:
            ref = (parse_header_ref if self.in_headers else parse_ref)(operand["$ref"])
        except BadRef as error:
            return self._fault(ref_pointer, "invalid_ref", f"This is no reference: {error}.")
        return Referring(key, ref, operand, pointer)

    def _fault(self, pointer: str, code: str, message: str) -> Node | None:
        self.faults.add(pointer, code, message)
        return None
