"""The calls of the query room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from functions.query import contract, view
from functions.query.lists import Wired as ListsWired
from functions.query.lists import declare_lists
from functions.query.stats import Wired as StatsWired
from functions.query.stats import declare_stats
from hooktrace.api.bundled import load_document, read_document
from hooktrace.api.docs_page import CONTENT_TYPE, SECURITY_POLICY, render
from hooktrace.api.http import (
    Request,
    Response,
    Route,
    is_not_modified,
    read_query,
    version_tag,
)
from hooktrace.domain.errors import NotFound
from hooktrace.domain.ids import ProjectId, parse_event_id
from hooktrace.usecases.await_outcome import RETRY_AFTER_SECONDS, AwaitOutcome
from hooktrace.usecases.cached_traces import CachedTraces
from hooktrace.usecases.suggest_fixes import SuggestFixes


class Wired(ListsWired, StatsWired, Protocol):
    """What the routes need."""

    @property
    def traces(self) -> CachedTraces: ...

    @property
    def waiting(self) -> AwaitOutcome: ...

    @property
    def fixes(self) -> SuggestFixes: ...


def declare(wired: Callable[[], Wired]) -> tuple[Route, ...]:
    """The routes; `wired` is called when a request comes."""

    def get_event(request: Request) -> Response:
        query = read_query(request, contract.TraceQuery)
        project, text = ProjectId(request.project_id), request.path_params["id"]
        event = parse_event_id(text)
        headers: dict[str, str] = {}
        if query.wait and event is not None and not wired().traces.is_settled(project, event):
            waited = wired().waiting.run(project, event, query.wait)
            if not waited.had_slot:
                request.log["no_slot"] = True
                headers["retry-after"] = str(RETRY_AFTER_SECONDS)
        trace = wired().traces.event(project, text, start=query.deliveries_from)
        if trace is None:
            raise NotFound
        request.log["event"] = trace.event.id
        versions = trace.event.version + sum(d.version for d in trace.deliveries)
        tag = version_tag(versions)
        if is_not_modified(request, tag):
            return Response(304, None, headers | {"etag": tag})
        body = view.event_trace(trace, match=wired().fixes.report(trace))
        return Response(200, body, headers | {"etag": tag})

    def get_delivery(request: Request) -> Response:
        record = wired().traces.delivery(ProjectId(request.project_id), request.path_params["id"])
        if record is None:
            raise NotFound
        request.log["delivery"] = record.id
        tag = version_tag(record.version)
        if is_not_modified(request, tag):
            return Response(304, None, {"etag": tag})
        return Response(200, view.delivery(record), {"etag": tag})

    def get_health(_: Request) -> Response:
        return Response(200, contract.Health(status="ok"))

    def get_openapi(_: Request) -> Response:
        return Response(200, read_document(), {"content-type": "application/json"})

    def get_docs(_: Request) -> Response:
        headers = {"content-type": CONTENT_TYPE, "content-security-policy": SECURITY_POLICY}
        return Response(200, render(load_document()).encode(), headers)

    return (
        *declare_lists(wired),
        *declare_stats(wired),
        Route(
            method="GET",
            path="/v1/events/{id}",
            handler=get_event,
            scope="read",
            operation_id="getEvent",
            summary="The whole trace of an event",
            description=(
                "Strongly consistent: what matched, what did not and by which clause, every "
                "delivery with its attempts, and what comes next. Of many deliveries 100 are "
                "shown, or fewer when their answers are large; `links.more_deliveries` leads on. "
                "`wait` waits for the outcome; an answer with `Retry-After` did not wait, because "
                "as many calls of the project as may wait at once do so already."
            ),
            tags=("Events",),
            query=contract.TraceQuery,
            responses={200: contract.EventTrace, 304: None},
            problems=("not_found",),
            headers=("If-None-Match",),
        ),
        Route(
            method="GET",
            path="/v1/deliveries/{id}",
            handler=get_delivery,
            scope="read",
            operation_id="getDelivery",
            summary="One delivery with its attempts",
            description="The last 100 attempts; `attempts_total` counts all.",
            tags=("Deliveries",),
            responses={200: contract.Delivery, 304: None},
            problems=("not_found",),
            headers=("If-None-Match",),
        ),
        Route(
            method="GET",
            path="/healthz",
            handler=get_health,
            scope=None,
            operation_id="getHealth",
            summary="Whether the API answers",
            tags=("Service",),
            responses={200: contract.Health},
        ),
        Route(
            method="GET",
            path="/openapi.json",
            handler=get_openapi,
            scope=None,
            operation_id="getOpenapi",
            summary="This document",
            tags=("Service",),
        ),
        Route(
            method="GET",
            path="/docs",
            handler=get_docs,
            scope=None,
            operation_id="getDocs",
            summary="This document as a page to read",
            tags=("Service",),
        ),
    )
