"""The scalars of an event at the paths that an index asks for."""

from __future__ import annotations

from hooktrace.domain.filters import FilterEvent
from hooktrace.domain.filters.values import KINDS, NUMBERS
from hooktrace.domain.matching.access import join

Bounds = tuple[object, object]


class Wanted:
    """The paths an index asks for, and those on the way to them."""

    __slots__ = ("on_the_way", "paths")

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.on_the_way: set[str] = set()

    def add(self, path: str) -> None:
        """Notes a path and every path above it."""
        if path in self.paths:
            return
        self.paths.add(path)
        while "." in path:
            path = path.rpartition(".")[0]
            self.on_the_way.add(path)


class Leaves:
    """The scalars of one event by path, arrays opened; found without recursion."""

    __slots__ = ("_bounds", "by_path")

    def __init__(self, event: FilterEvent, wanted: Wanted) -> None:
        self.by_path: dict[str, list[object]] = {}
        self._bounds: dict[tuple[str, str], Bounds | None] = {}
        if "type" in wanted.paths:
            self.by_path["type"] = [event.type]
        self._collect(event.scope("data"), "data", wanted)
        if "headers" in wanted.on_the_way or "headers" in wanted.paths:
            self._collect(event.scope("headers"), "headers", wanted)

    def _collect(self, root: object, scope: str, wanted: Wanted) -> None:
        paths, on_the_way = wanted.paths, wanted.on_the_way
        if scope not in paths and scope not in on_the_way:
            return
        stack: list[tuple[object, str]] = [(root, scope)]
        while stack:
            value, path = stack.pop()
            if type(value) is dict:
                for name, member in value.items():
                    below = join(path, name)
                    if type(member) in KINDS:
                        if below in paths:
                            self.by_path.setdefault(below, []).append(member)
                    elif below in paths or below in on_the_way:
                        stack.append((member, below))
            elif type(value) is list:
                found = [element for element in value if type(element) in KINDS]
                if found and path in paths:
                    self.by_path.setdefault(path, []).extend(found)
                if len(found) < len(value):
                    stack.extend((e, path) for e in value if type(e) not in KINDS)
            elif path in paths:
                self.by_path.setdefault(path, []).append(value)

    def bounds(self, path: str, kind: str) -> Bounds | None:
        """The least and the greatest number (`n`) or string (`s`) at a path, if there is one."""
        key = (path, kind)
        if key not in self._bounds:
            types = NUMBERS if kind == "n" else (str,)
            values = [
                v for v in self.by_path.get(path, ()) if type(v) in types and v == v
            ]  # no NaN
            self._bounds[key] = (min(values), max(values)) if values else None  # type: ignore[type-var] # one kind
        return self._bounds[key]
