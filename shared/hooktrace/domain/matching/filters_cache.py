"""Compiled filters by their text, made when they are first needed."""

from __future__ import annotations

from typing import Final

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.filters import Filter, parse_filter

MAX_COMPILED_BYTES: Final = 40_000_000
"""About what compiled filters hold; beyond, all are dropped and made again as they are needed."""

BYTES_EACH: Final = 1_000
BYTES_A_CHARACTER: Final = 30
"""What a compiled filter holds, by the length of its text (measured: 26 to 2 140 characters)."""


class FilterCache:
    """Compiles each text once. Indexes may share one: what it makes follows from the text alone."""

    __slots__ = ("_bytes", "_compiled")

    def __init__(self) -> None:
        self._compiled: dict[str, Filter] = {}
        self._bytes = 0

    def get(self, text: str) -> Filter:
        """The filter of a stored text; a text this version refuses matches nothing."""
        compiled = self._compiled.get(text)
        if compiled is None:
            more = BYTES_EACH + BYTES_A_CHARACTER * len(text)
            if self._bytes + more > MAX_COMPILED_BYTES:
                self._compiled.clear()
                self._bytes = 0
            self._bytes += more
            try:
                compiled = parse_filter(text)
            except InvalidInput:
                compiled = parse_filter({"type": {"$exist": False}})
            self._compiled[text] = compiled
        return compiled
