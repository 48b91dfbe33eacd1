"""The route that takes an event's data away."""

from __future__ import annotations

from functools import partial

from functions.manage.answers import ExpungedEvent
from functions.manage.desks import Wired
from hooktrace.api.http import Request, Response, Route
from hooktrace.domain.ids import KeyId, ProjectId
from hooktrace.domain.times import rfc3339


def expunge_routes(wired: Wired) -> tuple[Route, ...]:
    """For admin keys: nothing brings the data back."""
    return (
        Route(
            method="DELETE",
            path="/v1/events/{id}/data",
            handler=partial(_expunge, wired),
            scope="admin",
            operation_id="expungeEventData",
            summary="Take an event's data away for good; its trace stays",
            description=(
                "Deletes the data and the producer's headers wherever they are stored, the values "
                "in the match report and what endpoints answered. What is pending is cancelled "
                "with the reason `data_expunged`; an attempt in flight ends and is recorded "
                "without the answer. Retry and replay are then refused. The same call again "
                "gives the same answer, and completes one that was cut off."
            ),
            tags=("Events",),
            responses={200: ExpungedEvent},
            problems=("not_found",),
        ),
    )


def _expunge(wired: Wired, request: Request) -> Response:
    event = wired().expunge.run(
        ProjectId(request.project_id), request.path_params["id"], KeyId(request.caller.key_id)
    )
    body = ExpungedEvent(
        id=event.id,
        data_expunged_at=rfc3339(event.expunged_ms or event.updated_ms),
        data_expunged_by=event.expunged_by,
        links={"self": f"/v1/events/{event.id}"},
    )
    return Response(200, body)
