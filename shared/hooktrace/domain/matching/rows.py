"""What the index is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MatchRow:
    """One subscription, as far as matching needs it.

    `filter_text` is the JSON text of a filter that has been checked, None for none.
    """

    subscription_id: str
    endpoint_id: str
    event_types: tuple[str, ...]
    filter_text: str | None
    enabled: bool
