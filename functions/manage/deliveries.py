"""The routes that steer events and deliveries by hand."""

from __future__ import annotations

from functools import partial

from functions.manage.answers import ReplayedEvent, SteeredDelivery
from functions.manage.contract import RetryOptions
from functions.manage.desks import Wired
from hooktrace.api.http import Request, Response, Route, read_json
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.ids import ProjectId

TAGS = ("Deliveries",)


def delivery_routes(wired: Wired) -> tuple[Route, ...]:
    """Retry, cancel, replay."""
    return (
        Route(
            method="POST",
            path="/v1/deliveries/{id}/retry",
            handler=partial(_retry, wired),
            scope="write",
            operation_id="retryDelivery",
            summary="Make one attempt now, by hand",
            description=(
                "The attempt is recorded with `trigger: manual` and this key's id. Of a delivery "
                "that is retrying the schedule goes on after a failure; one that had ended gets "
                "this attempt and no more. `force` also sends to a disabled endpoint. While an "
                "attempt is under way or queued, or the first one waits for a limit of the "
                "endpoint, the answer is 409 `delivery_in_flight`: its detail says what the "
                "delivery waits for, and until when."
            ),
            tags=TAGS,
            body=RetryOptions,
            responses={202: SteeredDelivery},
            problems=(
                "not_found",
                "conflict",
                "delivery_in_flight",
                "endpoint_disabled",
                "data_expunged",
            ),
        ),
        Route(
            method="POST",
            path="/v1/deliveries/{id}/cancel",
            handler=partial(_cancel, wired),
            scope="write",
            operation_id="cancelDelivery",
            summary="No further attempt",
            description="An attempt in flight ends and is recorded; nothing follows it.",
            tags=TAGS,
            responses={200: SteeredDelivery},
            problems=("not_found", "conflict"),
        ),
        Route(
            method="POST",
            path="/v1/events/{id}/replay",
            handler=partial(_replay, wired),
            scope="write",
            operation_id="replayEvent",
            summary="Match again, against today's subscriptions, and deliver anew",
            description=(
                "Deliveries so far stay as they are; the new ones have the next `replay` number. "
                "`webhook-id` is the event's, as ever. The match report becomes today's. The first "
                "attempt of each is recorded with `trigger: manual` and this key's id; the "
                "schedule goes on after a failure."
            ),
            tags=("Events",),
            responses={202: ReplayedEvent},
            problems=("not_found", "conflict", "data_expunged"),
        ),
    )


def _retry(wired: Wired, request: Request) -> Response:
    options = read_json(request, RetryOptions) if request.body.strip() else RetryOptions()
    record = wired().deliveries.retry(
        ProjectId(request.project_id),
        request.path_params["id"],
        request.caller.key_id,
        force=options.force,
    )
    return Response(202, _view(record))


def _cancel(wired: Wired, request: Request) -> Response:
    record = wired().deliveries.cancel(
        ProjectId(request.project_id), request.path_params["id"], request.caller.key_id
    )
    return Response(200, _view(record))


def _replay(wired: Wired, request: Request) -> Response:
    done = (
        wired()
        .replays()
        .run(ProjectId(request.project_id), request.path_params["id"], request.caller.key_id)
    )
    event = done.event
    body = ReplayedEvent(
        id=event.id,
        status=event.status,
        added=[event.delivery_of(p) for p in done.added],
        links={"self": f"/v1/events/{event.id}"},
    )
    return Response(202, body)


def _view(record: DeliveryRecord) -> SteeredDelivery:
    return SteeredDelivery(
        id=record.id,
        event_id=record.event_id,
        status=record.status,
        reason=record.reason,
        links={
            "self": f"/v1/deliveries/{record.id}",
            "event": f"/v1/events/{record.event_id}",
        },
    )
