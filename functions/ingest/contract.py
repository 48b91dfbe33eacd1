"""The shapes of the ingest room, as its documentation shows them.

Bodies are read by `hooktrace.domain.new_event`, which keeps the bytes of `data`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from hooktrace.api.http import Shape


class NewEventShape(Shape):
    """An event to deliver."""

    type: str = Field(max_length=128, examples=["order.created"])
    """Words of `A-Z a-z 0-9 _ - : /`, joined by single dots."""
    data: Any = Field(examples=[{"order_id": "o_1", "total": 12.5}])
    """Any JSON; delivered byte for byte as it was sent."""
    headers: dict[str, str] | None = Field(default=None, examples=[{"X-Region": "eu"}])
    """Names and values that filters can look at and that are passed on to endpoints."""
    time: str | None = Field(default=None, examples=["2026-03-29T10:00:00Z"])
    """When it happened: RFC 3339 with a zone. Default: when it was accepted."""


class BatchItem(NewEventShape):
    """An event of a batch."""

    idempotency_key: str | None = Field(default=None, max_length=255)
    """As the header `Idempotency-Key` of a single event."""


class NewBatch(Shape):
    """Up to 100 events."""

    events: list[BatchItem] = Field(min_length=1, max_length=100)


class IngestQuery(Shape):
    """Parameters of `POST /v1/events`."""

    unmatched: Literal["accept", "reject"] = "accept"
    """`reject`: answer 422 with the explanation when no subscription wants the event."""


class Links(Shape):
    """Where to go on."""

    self: str


class AcceptedEvent(Shape):
    """The event is stored and queued; its trace is at `links.self`."""

    id: str = Field(examples=["evt_01M3250V00YPRPA8JAB2VS3201"])
    status: str = Field(examples=["accepted"])
    links: Links
    duplicate: bool | None = None
    """true: the idempotency key had named this event before, and nothing new was made."""


class BatchResult(Shape):
    """What became of one event of a batch: accepted (`event`), or refused (`problem`)."""

    status: int
    """As the status of `POST /v1/events` would be."""
    event: AcceptedEvent | None = None
    problem: dict[str, Any] | None = None


class BatchAnswer(Shape):
    """One result for each event, in order."""

    items: list[BatchResult]
