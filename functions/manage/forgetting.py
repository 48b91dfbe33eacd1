"""Calls that change what a trace shows: nothing older is shown once they are answered."""

from __future__ import annotations

from dataclasses import replace

from functions.manage.desks import Wired
from hooktrace.api.http import Request, Response, Route
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import ProjectId, parse_event_id, split_delivery_id

PATHS = ("/v1/events/{id}", "/v1/deliveries/{id}")


def forgetting(wired: Wired, route: Route) -> Route:
    """The route, if it changes one event or delivery, has its trace forgotten first.

    Before the change, not after it: so no crash between the two leaves an old trace standing.
    When the cache cannot be told, the call goes on: notify has the trace forgotten from the
    stream, and what is kept expires by itself.
    """
    if route.method == "GET" or not route.path.startswith(PATHS):
        return route

    def handler(request: Request) -> Response:
        text = request.path_params["id"]
        parts = split_delivery_id(text)
        event = parse_event_id(f"evt_{parts[0]}" if parts else text)
        if event is not None:
            try:
                wired().traces.forget([(ProjectId(request.project_id), event)])
            except Unavailable:
                request.log["not_forgotten"] = event
        return route.handler(request)

    return replace(route, handler=handler)
