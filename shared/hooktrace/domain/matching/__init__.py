"""Finds the subscriptions that want an event without looking at those that cannot."""

from hooktrace.domain.matching.filters_cache import FilterCache
from hooktrace.domain.matching.index import SubscriptionIndex
from hooktrace.domain.matching.report import (
    DiscardReason,
    MatchDecision,
    MatchReport,
    NearMiss,
    discard_reason,
)
from hooktrace.domain.matching.rows import MatchRow
from hooktrace.domain.matching.snapshot import StaleSnapshot

__all__ = [
    "DiscardReason",
    "FilterCache",
    "MatchDecision",
    "MatchReport",
    "MatchRow",
    "NearMiss",
    "StaleSnapshot",
    "SubscriptionIndex",
    "discard_reason",
]
