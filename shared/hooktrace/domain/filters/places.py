"""The places of a filter at which the same object means different things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object stands: what may be in it, and an example for its messages."""

    not_an_object: str
    example: str


TOP: Final = Place(
    "A filter is an object over data, headers and type.", '{"data": {"total": {"$gte": 100}}}'
)
HEADERS: Final = Place(
    "`headers` needs an object: header names and what must hold.",
    '{"headers": {"x-region": {"$exist": true}}}',
)
FIELD: Final = Place("A value, a list or an object of clauses is needed.", "")
