"""The calls of the ingest room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from functions.ingest.contract import Accepted, Links, NewEventShape
from hooktrace.api.http import Request, Response, Route, check_content_type
from hooktrace.domain.events import EventRecord
from hooktrace.domain.new_event import NewEvent, parse_new_event
from hooktrace.domain.trace_context import valid_traceparent, valid_tracestate


class Wired(Protocol):
    """What the routes need."""

    def ingest(self, new: NewEvent, project_id: str) -> EventRecord: ...


def declare(wired: Callable[[], Wired]) -> tuple[Route, ...]:
    """The routes; `wired` is called when a request comes."""

    def post_event(request: Request) -> Response:
        check_content_type(request)
        traceparent = valid_traceparent(request.headers.get("traceparent"))
        state = valid_tracestate(request.headers.get("tracestate"))
        new = parse_new_event(
            request.body,
            traceparent=traceparent,
            tracestate=state if traceparent else None,
        )
        record = wired().ingest(new, request.project_id)
        request.log["event"] = record.id
        link = f"/v1/events/{record.id}"
        body = Accepted(id=record.id, status=record.status, links=Links(self=link))
        return Response(202, body, {"location": link})

    return (
        Route(
            method="POST",
            path="/v1/events",
            handler=post_event,
            scope="write",
            operation_id="createEvent",
            summary="Accept an event",
            description=(
                "Answers 202 when the event is stored and queued. The id in the answer leads to "
                "its trace at once."
            ),
            tags=("events",),
            body=NewEventShape,
            responses={202: Accepted},
            problems=("invalid_event_type",),
        ),
    )
