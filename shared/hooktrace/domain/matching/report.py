"""What matching found, and why the nearest of the others are no match."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from hooktrace.domain.filters import Clause, Filter, FilterEvent

MAX_EXPLAINED: Final = 50
MAX_NEAR_MISSES: Final = 10
MAX_CLAUSES_SHOWN: Final = 3

MissReason = Literal["type", "filter", "endpoint_disabled", "subscription_disabled"]
DiscardReason = Literal["no_subscriptions", "type", "disabled", "filter"]


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A subscription that takes the type but not the event, with up to three of its clauses."""

    subscription_id: str
    endpoint_id: str
    clauses: tuple[Clause, ...]
    clauses_total: int

    def to_json(self, *, redact_actual: bool = False) -> dict[str, object]:
        """The miss as JSON."""
        return {
            "subscription_id": self.subscription_id,
            "endpoint_id": self.endpoint_id,
            "clauses": [clause.to_json(redact_actual=redact_actual) for clause in self.clauses],
            "clauses_total": self.clauses_total,
        }


class MatchReport:
    """The count of subscriptions considered and matched, misses by reason, nearest misses.

    `considered` is `matched` plus the sum of `misses`. The near misses are explained when they
    are first asked for, from what stood in the index at the time of the match. `similar` finds
    the types that an event may have meant; it is asked for one that nobody takes.
    """

    __slots__ = ("_explain", "_near_misses", "_similar", "considered", "matched", "misses")

    def __init__(
        self,
        considered: int,
        matched: int,
        misses: dict[MissReason, int],
        explain: Callable[[], tuple[NearMiss, ...]],
        similar: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self.considered = considered
        self.matched = matched
        self.misses = misses
        self._explain = explain
        self._similar = similar
        self._near_misses: tuple[NearMiss, ...] | None = None

    @property
    def near_misses(self) -> tuple[NearMiss, ...]:
        """Up to ten: those the index let through first, fewest failing clauses first."""
        if self._near_misses is None:
            self._near_misses = self._explain()
        return self._near_misses

    @property
    def did_you_mean(self) -> tuple[str, ...]:
        """Types near to that of an event which nobody takes, and which some do not by its type."""
        return self._similar() if self.misses.get("type") and not self.matched else ()

    def to_json(self, redact_actual: bool = False) -> dict[str, object]:
        """The report as JSON; `redact_actual` leaves out values taken from the event."""
        meant = self.did_you_mean
        return {
            "considered": self.considered,
            "matched": self.matched,
            "misses": dict(self.misses),
            "near_misses": [miss.to_json(redact_actual=redact_actual) for miss in self.near_misses],
        } | ({"did_you_mean": list(meant)} if meant else {})


def discard_reason(report: MatchReport) -> DiscardReason:
    """Why an event that matched nothing did not, by how near its nearest miss came.

    `filter`: a subscription takes the type, and its filter said no; `disabled`: all that take
    the type are disabled, or their endpoints; `type`: none takes the type.
    """
    if report.misses.get("filter"):
        return "filter"
    if report.misses.get("endpoint_disabled") or report.misses.get("subscription_disabled"):
        return "disabled"
    return "type" if report.considered else "no_subscriptions"


@dataclass(frozen=True, slots=True)
class MatchDecision:
    """The endpoints that get the event, each with its subscriptions, and the report."""

    matched: tuple[tuple[str, tuple[str, ...]], ...]
    report: MatchReport


@dataclass(frozen=True, slots=True)
class Suspect:
    """A subscription to explain."""

    subscription_id: str
    endpoint_id: str
    filter_text: str


def explain_misses(
    passed_index: Iterable[Suspect],
    others: Iterable[Suspect],
    compiled: Callable[[str], Filter],
    event: FilterEvent,
) -> tuple[NearMiss, ...]:
    """Explains both groups; the first by number of failing clauses, the others as they come."""
    entries_of: dict[str, list[Clause]] = {}

    def near_miss(suspect: Suspect) -> NearMiss:
        text = suspect.filter_text
        if text not in entries_of:
            entries_of[text] = compiled(text).explain(event)
        entries = entries_of[text]
        shown = tuple(entries[:MAX_CLAUSES_SHOWN])
        return NearMiss(suspect.subscription_id, suspect.endpoint_id, shown, len(entries))

    first = sorted(
        map(near_miss, passed_index), key=lambda miss: (miss.clauses_total, miss.subscription_id)
    )[:MAX_NEAR_MISSES]
    for suspect in others:
        if len(first) == MAX_NEAR_MISSES:
            break
        first.append(near_miss(suspect))
    return tuple(first)
