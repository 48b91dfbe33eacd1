"""For use cases that go on only when the ledger has done all of their writes."""

from __future__ import annotations

from collections.abc import Iterable

from hooktrace.domain.errors import Unavailable
from hooktrace.ports import Failed, Ledger, Lost, Write, Written


def write_one(ledger: Ledger, write: Write) -> Written | Lost:
    """One write. Raises Unavailable when it failed; it may have been made all the same."""
    (answer,) = ledger.write([write])
    check_all([answer])
    assert not isinstance(answer, Failed)
    return answer


def check_all(answers: Iterable[Written | Lost | Failed]) -> None:
    """Raises Unavailable when one of the writes failed; the others are made, or lost."""
    for answer in answers:
        if isinstance(answer, Failed):
            raise Unavailable(answer.why)
