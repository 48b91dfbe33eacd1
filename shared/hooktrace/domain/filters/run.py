"""One evaluation of one filter on one event: its place in the event and its guards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from hooktrace.domain.filters.values import KINDS, MISSING, opened

ELEMENT_LIMIT: Final = 50_000
"""Array elements one evaluation may enter."""

REGEX_LIMIT: Final = 50_000_000
"""What one evaluation may spend on `$regex`: program size times characters, summed."""


class LimitReached(Exception):  # noqa: N818 - a signal inside the package, never seen outside
    """The evaluation entered too many elements or spent too much on regular expressions."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class Run:
    """The state of one evaluation.

    `root` is the value of the scope at hand (where `$ref` starts), `indexes` the places in the
    arrays entered on the way, outermost first, `tests` the operators made from referenced values.
    """

    __slots__ = ("elements_left", "indexes", "regex_left", "root", "tests")

    def __init__(self) -> None:
        self.root: object = MISSING
        self.indexes: list[int] = []
        self.elements_left = ELEMENT_LIMIT
        self.regex_left = REGEX_LIMIT
        self.tests: dict[tuple[int, int], Test | None] = {}

    def enter(self) -> None:
        """Counts one array element. Raises LimitReached."""
        self.elements_left -= 1
        if self.elements_left < 0:
            raise LimitReached(ELEMENT_LIMIT)

    def spend_on_regex(self, cost: int) -> None:
        """Counts one search. Raises LimitReached."""
        self.regex_left -= cost
        if self.regex_left < 0:
            raise LimitReached(REGEX_LIMIT)


Test = Callable[[object, Run], bool]
"""A compiled operator: does it hold for this value?"""


def elements(array: list[object], run: Run) -> Iterator[object]:
    """The elements to try, nested arrays opened, each counted. See `values.opened`."""
    for element, is_one_to_try in opened(array, run.indexes):
        run.enter()
        if is_one_to_try:
            yield element


def items(array: list[object], run: Run) -> Iterator[object]:
    """The items of an array: its scalars, nested arrays opened, each element counted."""
    for element in elements(array, run):
        if type(element) in KINDS:
            yield element
