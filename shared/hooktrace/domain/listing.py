"""What a list selects, in which order, and how far it has come.

A list walks along *places*: the ULID of an event, or `ulid#endpoint#replay` of a delivery, which
sort by time as text. What is still to be looked at is the half-open range [low, high) of places;
each page takes a piece off one end of it. So one place is enough to go on from in every shard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from hooktrace.domain.deliveries import Attempt, DeliveryRecord
from hooktrace.domain.errors import Fault, InvalidInput
from hooktrace.domain.event_types import event_types_of
from hooktrace.domain.events import EventRecord, PlannedDelivery
from hooktrace.domain.ids import ULID_LENGTH, lowest_ulid, ulid_ms
from hooktrace.domain.times import parse_rfc3339

ListKind = Literal["events", "deliveries"]
RecordKind = Literal["E", "D"]

FIRST, LAST = "0", "~"  # before and behind every place
MAX_MS = (1 << 48) - 1  # what a ULID can hold

_RELATIVE = re.compile(r"-(\d{1,9})([smhd])", re.ASCII)
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

ATTENTION_EVENTS = frozenset({"discarded", "rejected", "failed", "partial"})
ATTENTION_DELIVERIES = frozenset({"failed", "cancelled", "retrying"})
ATTENTION_MANUAL = {
    "failed": "failed",
    "cancelled": "cancelled",
    "retrying": "retrying",
    "delivering": "retrying",
    "succeeded": "succeeded_manually",
}
"""Under which key of the `attention` index a delivery with a manual attempt is, by its status."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What the records of a list have in common. Values of one kind are alternatives (OR).

    `type` holds patterns, as a subscription has them. On deliveries `type` and `idempotency_key`
    are those of the event. On events, endpoint, subscription, trigger, outcome and response status
    ask for one delivery that satisfies them together, and the last three for one attempt of it
    that does. Attempts are those that the record of the delivery holds, the latest ones.
    """

    kind: ListKind
    status: frozenset[str] = frozenset()
    type: frozenset[str] = frozenset()
    endpoint_id: frozenset[str] = frozenset()
    subscription_id: frozenset[str] = frozenset()
    trigger: frozenset[str] = frozenset()
    outcome: frozenset[str] = frozenset()
    response_status: frozenset[int] = frozenset()
    idempotency_key: frozenset[str] = frozenset()

    @property
    def asks_attempts(self) -> bool:
        return bool(self.trigger or self.outcome or self.response_status)

    @property
    def asks_deliveries(self) -> bool:
        return bool(self.asks_attempts or self.endpoint_id or self.subscription_id)

    @property
    def asks_events(self) -> bool:
        return bool(self.type or self.idempotency_key or (self.status and self.kind == "events"))

    def takes_event(self, event: EventRecord) -> bool:
        """Whether what is asked about the event itself holds."""
        return (
            (self.kind != "events" or _in(event.status, self.status))
            and (not self.type or event_types_of(self.type).matches(event.type))
            and _in(event.idempotency_key, self.idempotency_key)
        )

    def takes_plan(self, plan: PlannedDelivery) -> bool:
        """Whether a planned delivery goes to an endpoint asked for, by a subscription asked for."""
        return _in(plan.endpoint_id, self.endpoint_id) and _any(
            plan.matched_by, self.subscription_id
        )

    def takes_delivery(self, delivery: DeliveryRecord) -> bool:
        """Whether what is asked about the delivery and its attempts holds."""
        return (
            (self.kind != "deliveries" or _in(delivery.status, self.status))
            and _in(delivery.endpoint_id, self.endpoint_id)
            and _any(delivery.matched_by, self.subscription_id)
            and (not self.asks_attempts or any(map(self._takes_attempt, delivery.attempts)))
        )

    def _takes_attempt(self, attempt: Attempt) -> bool:
        return (
            _in(attempt.trigger, self.trigger)
            and _in(attempt.outcome, self.outcome)
            and _in(attempt.status, self.response_status)
        )


def _in(value: object, wanted: frozenset[str] | frozenset[int]) -> bool:
    return not wanted or value in wanted


def _any(values: tuple[str, ...] | tuple[object, ...], wanted: frozenset[str]) -> bool:
    return not wanted or any(value in wanted for value in values)


@dataclass(frozen=True, slots=True)
class Source:
    """Where candidates come from: records of `kind`, all of them or those that an index lists.

    `names` are the keys of the index (statuses or endpoints). With `expand` each event is
    followed into its planned deliveries.
    """

    kind: RecordKind
    index: Literal["attention", "by_endpoint"] | None = None
    names: tuple[str, ...] = ()
    expand: bool = False


def choose_source(filters: Filters) -> Source:
    """The narrowest source that has every record that the filters take.

    A delivery that waits for its first attempt has no record of its own: only events lead to it.
    """
    if filters.kind == "deliveries":
        return _source_of_deliveries(filters)
    if filters.status and filters.status <= ATTENTION_EVENTS:
        names = tuple(sorted(filters.status))
        return Source("E", "attention", names, expand=filters.asks_deliveries)
    if filters.trigger == {"manual"}:
        return Source("D", "attention", tuple(sorted(set(ATTENTION_MANUAL.values()))))
    if filters.endpoint_id:
        return Source("D", "by_endpoint", tuple(sorted(filters.endpoint_id)))
    if filters.asks_attempts:
        return Source("D")
    return Source("E", expand=filters.asks_deliveries)


def _source_of_deliveries(filters: Filters) -> Source:
    if "pending" in filters.status and not filters.asks_attempts:
        return Source("E", expand=True)
    recorded = filters.status - {"pending"}
    if filters.trigger == {"manual"}:
        statuses = recorded or set(ATTENTION_MANUAL)
        return Source("D", "attention", tuple(sorted({ATTENTION_MANUAL[s] for s in statuses})))
    if recorded and recorded <= ATTENTION_DELIVERIES:
        return Source("D", "attention", tuple(sorted(recorded)))
    if filters.endpoint_id:
        return Source("D", "by_endpoint", tuple(sorted(filters.endpoint_id)))
    return Source("D")


@dataclass(frozen=True, slots=True)
class Stretch:
    """The places [low, high) that are still to be looked at, from the high end if `descending`."""

    low: str
    high: str
    descending: bool

    @property
    def edge(self) -> str:
        """The end at which it goes on."""
        return self.high if self.descending else self.low

    @property
    def is_empty(self) -> bool:
        return self.low >= self.high

    def holds(self, place: str) -> bool:
        return self.low <= place < self.high

    def beyond(self, edge: str) -> Stretch:
        """What is left when everything up to `edge` has been looked at."""
        return replace(self, high=edge) if self.descending else replace(self, low=edge)

    def of_events(self) -> Stretch:
        """The stretch with the event whole at which it begins: for looking into its deliveries."""
        return replace(self, low=self.low.partition("#")[0])

    def after(self, place: str) -> str:
        """The edge right behind one place."""
        return place if self.descending else place + "!"

    def after_event(self, place: str) -> str:
        """The edge behind everything that belongs to the event of this place."""
        return place[:ULID_LENGTH] + ("" if self.descending else LAST)

    def is_behind(self, place: str, edge: str) -> bool:
        """Whether the walk comes to `place` before it comes to `edge`."""
        return place >= edge if self.descending else place < edge


def edge_ms(edge: str) -> int | None:
    """The time of an edge in Unix milliseconds; None for the end of everything."""
    return ulid_ms(edge[:ULID_LENGTH]) if len(edge) >= ULID_LENGTH else None


def window(
    since: str | None, until: str | None, *, now_ms: int, descending: bool
) -> tuple[int, int]:
    """The milliseconds [since, until) that a list covers.

    One that goes upwards ends at the moment it began: it covers what was there then, and does
    not run after what keeps coming. Raises InvalidInput `invalid_parameter`.
    """
    low = 0 if since is None else _moment("since", since, now_ms)
    high = MAX_MS if until is None else _moment("until", until, now_ms)
    if high < low:
        raise _refused("until", "until lies before since. Swap the two.")
    return low, high if descending else min(high, now_ms + 1)


def stretch_of(low_ms: int, high_ms: int, *, descending: bool) -> Stretch:
    """The places of the milliseconds [low, high)."""
    high = LAST if high_ms >= MAX_MS else lowest_ulid(high_ms)
    return Stretch(lowest_ulid(low_ms) if low_ms else FIRST, high, descending)


def _moment(name: str, text: str, now_ms: int) -> int:
    relative = _RELATIVE.fullmatch(text)
    if relative is not None:
        return max(0, now_ms - int(relative[1]) * _UNIT_MS[relative[2]])
    moment = parse_rfc3339(text)
    if moment is None:
        hint = " In a query a + is written %2B." if " " in text else ""
        raise _refused(
            name,
            "Give an RFC 3339 time with its zone, such as 2026-03-29T10:00:00Z, or a time back"
            f" from now, such as -24h, -90m or -7d.{hint}",
        )
    return min(max(0, moment), MAX_MS)


def _refused(name: str, message: str) -> InvalidInput:
    fault = Fault("", "invalid_parameter", message, parameter=name)
    return InvalidInput("invalid_parameter", f"{name}: {message}", (fault,))
