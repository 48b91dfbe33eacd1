"""The documentation names every operator and every limit that there is."""

from __future__ import annotations

from pathlib import Path

import hooktrace.domain.filters as filters
from hooktrace.domain.filters.limits import MAX_BYTES, MAX_CLAUSES, MAX_DEPTH, MAX_REGEXES
from hooktrace.domain.filters.refusals import KNOWN
from hooktrace.domain.filters.run import ELEMENT_LIMIT, REGEX_LIMIT

TEXT = (Path(__file__).parents[3] / "docs" / "filters.md").read_text(encoding="utf-8")


def test_every_operator_is_documented() -> None:
    assert [name for name in sorted(KNOWN) if name not in TEXT] == []


def test_every_limit_is_documented() -> None:
    limits = (MAX_BYTES, MAX_DEPTH, MAX_CLAUSES, MAX_REGEXES, ELEMENT_LIMIT, REGEX_LIMIT)
    shown = [f"{limit:,}".replace(",", " ") for limit in limits]
    assert [limit for limit in shown if limit not in TEXT] == []


def test_the_public_names_are_there() -> None:
    assert all(hasattr(filters, name) for name in filters.__all__)
