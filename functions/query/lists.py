"""The lists of the query room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from functions.query import contract, view
from hooktrace.api.http import Request, Response, Route, read_query
from hooktrace.api.record_filters import filters_of
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import ProjectId
from hooktrace.domain.listing import ListKind
from hooktrace.domain.times import rfc3339
from hooktrace.ports import Record
from hooktrace.usecases.list_records import Listing, ListRecords
from hooktrace.usecases.merge_lanes import MOST_ROWS

_PAGES = f"""
By the time the event was accepted. A page looks at about {MOST_ROWS:,} records at most, so with
filters that few records satisfy it may be short or even empty; so may one of records that are
large, for an answer has at most 6 MB. While `next_cursor` is not null there is more to look at,
and `looked_until` says how far this page came. Walking all pages shows everything that was there
when the walk began exactly once, also while new events arrive. What changes its status meanwhile
may enter or leave a list by status; such a list and one by endpoint may be a moment late."""

_EVENTS = f"""Filters on deliveries (endpoint, subscription, trigger, outcome, response status) ask
for one delivery of the event that satisfies them together.{_PAGES}"""

_DELIVERIES = f"""A delivery is listed from its first attempt on, or from its end if it came to
none. Until then it is `pending`: the event's trace shows it, and so does a list whose `status`
includes `pending`.{_PAGES}"""


class Wired(Protocol):
    """What the routes need."""

    @property
    def lists(self) -> ListRecords: ...


def declare_lists(wired: Callable[[], Wired]) -> tuple[Route, ...]:
    """The routes; `wired` is called when a request comes."""

    def list_events(request: Request) -> Response:
        query = read_query(request, contract.EventListQuery)
        return _answer(wired().lists, request, _listing(query, "events", query.status))

    def list_deliveries(request: Request) -> Response:
        query = read_query(request, contract.DeliveryListQuery)
        return _answer(wired().lists, request, _listing(query, "deliveries", query.status))

    return (
        Route(
            method="GET",
            path="/v1/events",
            handler=list_events,
            scope="read",
            operation_id="listEvents",
            summary="Events by time, with filters",
            description=_EVENTS,
            tags=("Events",),
            query=contract.EventListQuery,
            responses={200: contract.EventPage},
            problems=("invalid_cursor",),
        ),
        Route(
            method="GET",
            path="/v1/deliveries",
            handler=list_deliveries,
            scope="read",
            operation_id="listDeliveries",
            summary="Deliveries by time, with filters",
            description=_DELIVERIES,
            tags=("Deliveries",),
            query=contract.DeliveryListQuery,
            responses={200: contract.DeliveryPage},
            problems=("invalid_cursor",),
        ),
    )


def _listing(query: contract.ListQuery, kind: ListKind, status: Sequence[str]) -> Listing:
    return Listing(
        filters=filters_of(query, kind, status),
        since=query.since,
        until=query.until,
        descending=query.order == "desc",
        limit=query.limit,
        cursor=query.cursor,
    )


def _answer(lists: ListRecords, request: Request, listing: Listing) -> Response:
    page = lists.page(ProjectId(request.project_id), listing)
    request.log["items"] = len(page.records)
    looked = page.looked_until_ms
    body = {
        "items": [_item(record) for record in page.records],
        "next_cursor": page.next_cursor,
        "looked_until": None if looked is None else rfc3339(looked),
    }
    return Response(200, body)


def _item(record: Record) -> dict[str, object]:
    match record:
        case EventRecord():
            return view.event_summary(record)
        case DeliveryRecord():
            return view.delivery(record)
