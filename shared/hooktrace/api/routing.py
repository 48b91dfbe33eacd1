"""Which route a request belongs to."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hooktrace.api.exchange import Route

_PART = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Found:
    """The route, and the parts of the path that its template names."""

    route: Route
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Missed:
    """No route: the methods that exist on this path (none: there is no such path)."""

    methods: tuple[str, ...]


class RouteTable:
    """Dispatch over the routes of a room, by route key or else by method and path.

    Raises ValueError when two routes have the same method and path.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_key: dict[str, Route] = {}
        self._patterns: list[tuple[re.Pattern[str], Route]] = []
        for route in routes:
            if route.key in self._by_key:
                raise ValueError(f"two routes for {route.key}")
            self._by_key[route.key] = route
            self._patterns.append((path_pattern(route.path), route))
        # A path spelled out comes before one with a part in braces.
        self._patterns.sort(key=lambda entry: entry[1].path.count("{"))

    def find(self, event: Mapping[str, Any]) -> Found | Missed:
        """The route of a payload 2.0 event."""
        route = self._by_key.get(event.get("routeKey", ""))
        if route is not None:
            return Found(route, event.get("pathParameters") or {})
        method, path = method_and_path(event)
        methods = []
        for pattern, route in self._patterns:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if route.method == method:
                return Found(route, match.groupdict())
            methods.append(route.method)
        return Missed(tuple(sorted(set(methods))))


def path_pattern(template: str) -> re.Pattern[str]:
    """The expression of a path template; each part in braces is one segment."""
    parts = _PART.split(template)
    literal = [re.escape(part) for part in parts[::2]]
    named = [f"(?P<{name}>[^/]+)" for name in parts[1::2]]
    return re.compile("".join(a + b for a, b in zip(literal, [*named, ""], strict=True)))


def method_and_path(event: Mapping[str, Any]) -> tuple[str, str]:
    """Method and path without the stage, which API Gateway leaves in front of the path."""
    context = event["requestContext"]
    path = str(event.get("rawPath", "/"))
    stage = context.get("stage", "$default")
    if stage != "$default" and path.startswith(f"/{stage}/"):
        path = path[len(stage) + 1 :]
    return str(context["http"]["method"]).upper(), path


def methods_on(path: str, api: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The methods that the whole API (path template to methods) has on a path."""
    found: set[str] = set()
    for template, methods in api.items():
        if path_pattern(template).fullmatch(path):
            found.update(methods)
    return tuple(sorted(found))
