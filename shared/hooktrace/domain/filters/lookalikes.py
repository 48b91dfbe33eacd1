"""Fields that an event has, for a clause whose own field is missing: "did you mean ...?"."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from difflib import get_close_matches
from typing import Final, NamedTuple

from hooktrace.domain.filters.event import FilterEvent
from hooktrace.domain.filters.paths import MAX_SEGMENTS, escape_name, split_raw, unescape

MAX_VISITED: Final = 2_000
"""Members and elements looked at in one event."""
MAX_ELEMENTS: Final = 20
"""Elements looked at in one array."""
MAX_NAMES: Final = 500
"""Different names that are compared letter by letter."""
MAX_TRIED: Final = 5
"""The best candidates on which the clause itself is tried."""
_MAX_NAME: Final = 64
_CUTOFF: Final = 0.75


class _Known(NamedTuple):
    path: str
    names: tuple[str, ...]


class Lookalikes:
    """The paths of one event, collected once, when the first is asked for."""

    def __init__(self, event: FilterEvent) -> None:
        self._event = event
        self._by_name: dict[str, list[_Known]] | None = None

    def nearest(self, path: str, holds: Callable[[str], bool]) -> str | None:
        """The path most like `path`: by its last name, then by the names above it.

        Among the best few, one at which the clause `holds` comes first. None when there is none.
        """
        scope, *rest = split_raw(path)
        wanted = [unescape(part) for part in rest if part != "$" and not part.isdecimal()]
        if not wanted or len(wanted[-1]) > _MAX_NAME:
            return None
        found = self._candidates(wanted[-1])
        above = {_plain(name) for name in wanted[:-1]}

        def distance(entry: tuple[int, _Known]) -> tuple[int, int, int, int, str]:
            tier, known = entry
            shared = len(above.intersection(map(_plain, known.names[1:-1])))
            return tier, known.names[0] != scope, -shared, len(known.names), known.path

        best = [known.path for _, known in sorted(found, key=distance) if known.path != path]
        best = best[:MAX_TRIED]
        return next((one for one in best if holds(one)), best[0] if best else None)

    def _candidates(self, name: str) -> list[tuple[int, _Known]]:
        """Paths that end with the name (0), with its like in other spelling (1), or close (2)."""
        by_name = self._collected()
        plain = _plain(name)
        same = [(0, known) for known in by_name.get(name, ())]
        alike = [
            (1, known)
            for other, listed in by_name.items()
            if other != name and _plain(other) == plain
            for known in listed
        ]
        if same or alike:
            return same + alike
        others = [other for other in by_name if len(other) <= _MAX_NAME][:MAX_NAMES]
        close = get_close_matches(name, others, n=3, cutoff=_CUTOFF)
        return [(2, known) for other in close for known in by_name[other]]

    def _collected(self) -> dict[str, list[_Known]]:
        if self._by_name is None:
            self._by_name = {}
            for known in (*_headers(self._event), *_fields(self._event.data)):
                self._by_name.setdefault(known.names[-1], []).append(known)
        return self._by_name


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")


def _headers(event: FilterEvent) -> list[_Known]:
    headers = event.scope("headers")
    names = list(headers)[:MAX_NAMES] if isinstance(headers, dict) else []
    return [_Known(f"headers.{escape_name(name)}", ("headers", name)) for name in names if name]


def _fields(data: object) -> list[_Known]:
    """Breadth first, so that what stands near the top is found within the bound.

    Elements of arrays get no index: a name reaches into any element.
    """
    found: dict[str, _Known] = {}
    waiting: deque[tuple[object, _Known]] = deque([(data, _Known("data", ("data",)))])
    left = MAX_VISITED
    while waiting and left > 0:
        value, at = waiting.popleft()
        left -= 1
        if type(value) is list:
            waiting.extend((element, at) for element in value[:MAX_ELEMENTS])
        elif type(value) is dict and len(at.names) <= MAX_SEGMENTS:
            for name, member in value.items():
                left -= 1
                if left < 0:
                    break
                if name == "" or len(name) > _MAX_NAME:
                    continue
                below = _Known(f"{at.path}.{escape_name(name)}", (*at.names, name))
                found.setdefault(below.path, below)
                waiting.append((member, below))
    return list(found.values())
