"""Compiled filters by their text, made when they are first needed."""

from __future__ import annotations

from typing import Final

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.filters import Filter, parse_filter

MAX_COMPILED: Final = 20_000
"""Some 2 KB each; beyond, all are dropped and made again as they are needed."""


class FilterCache:
    """Compiles each text once."""

    __slots__ = ("_compiled",)

    def __init__(self) -> None:
        self._compiled: dict[str, Filter] = {}

    def get(self, text: str) -> Filter:
        """The filter of a stored text; a text this version refuses matches nothing."""
        compiled = self._compiled.get(text)
        if compiled is None:
            if len(self._compiled) >= MAX_COMPILED:
                self._compiled.clear()
            try:
                compiled = parse_filter(text)
            except InvalidInput:
                compiled = parse_filter({"type": {"$exist": False}})
            self._compiled[text] = compiled
        return compiled
