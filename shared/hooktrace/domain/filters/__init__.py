"""The filter language: what a subscription wants of an event, and why an event is not it.

A filter is checked once, when it is written (`parse_filter`, `parse_event_pattern`), and gives the
same answer everywhere afterwards: no event can make it raise, and none can make it cost more than
its own size times the size of the event.
"""

from hooktrace.domain.filters.clause import Clause
from hooktrace.domain.filters.event import FilterEvent
from hooktrace.domain.filters.filter import Filter, parse_event_pattern, parse_filter
from hooktrace.domain.filters.values import MISSING

__all__ = [
    "MISSING",
    "Clause",
    "Filter",
    "FilterEvent",
    "parse_event_pattern",
    "parse_filter",
]
