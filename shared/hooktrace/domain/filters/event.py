"""What a filter looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FilterEvent:
    """An event as filters see it.

    `headers` is the header map the producer sent, names in any case; `data` is parsed JSON
    (integers exact, other numbers binary64).
    """

    type: str
    headers: Mapping[str, str]
    data: object
    _lower: list[dict[str, object]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    def scope(self, name: str) -> object:
        """The value of a scope: `data`, `headers` (names in lower case) or `type`."""
        if name == "data":
            return self.data
        if name == "type":
            return self.type
        if not self._lower:
            self._lower.append({key.lower(): value for key, value in self.headers.items()})
        return self._lower[0]
