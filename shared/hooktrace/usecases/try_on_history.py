"""Try a filter on the events that are stored: what it would take, gain and lose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from hooktrace.domain.event_types import EventTypes, parse_event_types
from hooktrace.domain.events import EventRecord, Payload
from hooktrace.domain.filters import Filter, FilterEvent, parse_filter
from hooktrace.domain.listing import Stretch
from hooktrace.domain.notification_kinds import is_reserved
from hooktrace.domain.operations import Candidate, Operation, OperationItem, OperationPage
from hooktrace.domain.states import EventStatus
from hooktrace.domain.strict_json import parse_value
from hooktrace.ports import Payloads
from hooktrace.usecases.operate_pages import PAGE_ITEMS, page_of
from hooktrace.usecases.select_records import SelectRecords

KEPT_FILTERS = 20


@dataclass(frozen=True, slots=True)
class _Selector:
    """Event types and a filter (None: takes every event of these types), ready to be asked."""

    types: EventTypes
    filter: Filter | None


class TryOnHistory:
    """Selects for tests of a filter; nothing is changed, so there is nothing to do afterwards."""

    def __init__(self, *, records: SelectRecords, payloads: Payloads) -> None:
        self._records = records
        self._payloads = payloads

    def next_page(self, operation: Operation, stretch: Stretch) -> OperationPage:
        """The next stored events, looked at: those that the candidate gains, and loses.

        Gained: it takes them and the subscription compared with does not (all it takes, when there
        is none). Lost: the other way round. Operational webhooks, and events that were rejected or
        whose data is not stored any more, are not considered. Raises Unavailable.
        """
        assert operation.candidate is not None
        candidate, against = _selectors(operation.candidate)
        got = self._records.take(operation.project_id, operation.filters, stretch, PAGE_ITEMS)
        items: list[OperationItem] = []
        considered = matched = 0
        for event in got.records:
            assert isinstance(event, EventRecord)
            seen = self._seen(event, candidate, against)
            if seen is None:
                continue
            considered += 1
            now, before = _takes(candidate, seen), against is not None and _takes(against, seen)
            matched += now
            if now != before:
                items.append(OperationItem(event.id, "gained" if now else "lost"))
        edge = "" if got.edge is None else got.edge
        return page_of(operation, edge, items, considered=considered, matched=matched)

    def _seen(
        self, event: EventRecord, candidate: _Selector, against: _Selector | None
    ) -> FilterEvent | None:
        """The event as filters see it; its data is only read if a filter will look at it."""
        if event.status is EventStatus.REJECTED or is_reserved(event.type):
            return None
        asks = [one for one in (candidate, against) if one is not None and one.filter is not None]
        if not any(one.types.matches(event.type) for one in asks):
            return FilterEvent(event.type, {}, None)
        packed = event.packed or self._payloads.payload(event.project_id, event.id)
        if packed is None:
            return None
        payload = Payload.unpack(packed)
        return FilterEvent(event.type, payload.headers, parse_value(payload.data))


def _takes(selector: _Selector, event: FilterEvent) -> bool:
    return selector.types.matches(event.type) and (
        selector.filter is None or selector.filter.matches(event)
    )


@lru_cache(maxsize=KEPT_FILTERS)
def _selectors(candidate: Candidate) -> tuple[_Selector, _Selector | None]:
    against = candidate.against_types
    return (
        _selector(candidate.event_types, candidate.filter_text),
        None if against is None else _selector(against, candidate.against_text),
    )


def _selector(types: tuple[str, ...], text: str | None) -> _Selector:
    return _Selector(parse_event_types(list(types)), None if text is None else parse_filter(text))
