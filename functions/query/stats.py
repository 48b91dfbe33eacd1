"""The statistics of the query room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Protocol

from pydantic import Field

from hooktrace.api.http import Request, Response, Route, Shape, read_query
from hooktrace.api.wording import id_of
from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.errors import Conflict
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.stats import DELIVERY_COUNTS, EVENT_COUNTS, Window
from hooktrace.domain.times import rfc3339
from hooktrace.usecases.read_stats import ReadStats

_STATS = """What happened in the last hour, day and 30 days: how many events and deliveries entered
a status, and how many attempts ended with each outcome. These are flows, not stocks: an event that
failed and then succeeded after a retry by hand counts under both. Each window begins with a whole
five minutes, hour or UTC day, at `from`, so it is up to one of these longer than its name says.

Counted from the ledger's stream, usually within a second, each change exactly once. Of an endpoint
there are deliveries and attempts only. One that does not exist has no counts."""


class Wired(Protocol):
    """What the route needs; `stats` is None when the deployment keeps no statistics."""

    @property
    def stats(self) -> ReadStats | None: ...


class StatsQuery(Shape):
    """Whose statistics."""

    endpoint_id: Annotated[str, id_of("ep", "an endpoint")] | None = None
    """Of this endpoint; left out: of the whole project."""


class EventsEntered(Shape):
    """Events that entered this status. `accepted` counts all but the rejected ones."""

    accepted: int
    rejected: int
    discarded: int
    succeeded: int
    partial: int
    failed: int


class DeliveriesEntered(Shape):
    """Deliveries that entered this status. `retrying` counts each failure that is tried again."""

    retrying: int
    succeeded: int
    failed: int
    cancelled: int


class AttemptsEnded(Shape):
    """Attempts by outcome. One that counted as `worker_lost` and whose result came late counts
    again, under its result."""

    success: int
    http_error: int
    timeout: int
    connection_error: int
    tls_error: int
    dns_error: int
    protocol_error: int
    blocked_address: int
    worker_lost: int


class StatsWindow(Shape):
    """What happened from `from` until now."""

    window: str
    """`hour`, `day` or `30d`."""
    from_: Annotated[str, Field(alias="from")]
    events_entered: EventsEntered | None
    """Null for an endpoint."""
    deliveries_entered: DeliveriesEntered
    attempts_ended: AttemptsEnded


class Stats(Shape):
    """Statistics of a project or of one endpoint."""

    endpoint_id: str | None
    until: str
    windows: list[StatsWindow]


def declare_stats(wired: Callable[[], Wired]) -> tuple[Route, ...]:
    """The route; `wired` is called when a request comes."""

    def get_stats(request: Request) -> Response:
        query = read_query(request, StatsQuery)
        stats = wired().stats
        if stats is None:
            raise Conflict("This deployment keeps no statistics.", code="statistics_off")
        endpoint = EndpointId(query.endpoint_id) if query.endpoint_id is not None else None
        found = stats.run(ProjectId(request.project_id), endpoint)
        body = {
            "endpoint_id": endpoint,
            "until": rfc3339(found.now_ms),
            "windows": [_window(one, of_endpoint=endpoint is not None) for one in found.windows],
        }
        return Response(200, body)

    return (
        Route(
            method="GET",
            path="/v1/stats",
            handler=get_stats,
            scope="read",
            operation_id="getStats",
            summary="What happened in the last hour, day and 30 days",
            description=_STATS,
            tags=("Events",),
            query=StatsQuery,
            responses={200: Stats},
            problems=("statistics_off",),
        ),
    )


def _window(one: Window, *, of_endpoint: bool) -> dict[str, object]:
    def counted(kind: str, names: tuple[str, ...]) -> dict[str, int]:
        return {str(name): one.counts.get(f"{kind}.{name}", 0) for name in names}

    return {
        "window": one.name,
        "from": rfc3339(one.from_ms),
        "events_entered": None if of_endpoint else counted("event", EVENT_COUNTS),
        "deliveries_entered": counted("delivery", DELIVERY_COUNTS),
        "attempts_ended": counted("attempt", tuple(AttemptOutcome)),
    }
