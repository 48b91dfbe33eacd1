"""The routes that steer deliveries by hand."""

from __future__ import annotations

from functools import partial

from functions.manage.answers import SteeredDelivery
from functions.manage.contract import RetryOptions
from functions.manage.desks import Wired
from hooktrace.api.http import Request, Response, Route, read_json
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.ids import ProjectId

TAGS = ("deliveries",)


def delivery_routes(wired: Wired) -> tuple[Route, ...]:
    """Retry and cancel."""
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
                "this attempt and no more. `force` also sends to a disabled endpoint."
            ),
            tags=TAGS,
            body=RetryOptions,
            responses={202: SteeredDelivery},
            problems=("not_found", "conflict", "delivery_in_flight", "endpoint_disabled"),
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
    )


def _retry(wired: Wired, request: Request) -> Response:
    options = read_json(request, RetryOptions) if request.body else RetryOptions()
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
