"""One entry of an explanation."""

from __future__ import annotations

from dataclasses import dataclass

from hooktrace.domain.filters.values import MISSING, Reason


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause that says no.

    `path` is where in the event, as a key that can be pasted into a filter; `operator` and
    `expected` what was asked there; `actual` the value found, MISSING when there is none;
    `clause` the JSON pointer into the filter as written; `reason` one of missing, type,
    ref_missing, value. `expected` and `actual` of more than 256 characters are cut, and
    `truncated` says so. `reference` is the operand as written when `expected` is what a `$ref`
    led to, and so taken from the event.
    """

    path: str
    operator: str
    expected: object
    actual: object
    clause: str
    reason: Reason
    truncated: bool = False
    reference: object = None

    def to_json(self, *, redact_actual: bool = False) -> dict[str, object]:
        """The entry as JSON; `redact_actual` leaves out every value taken from the event."""
        shown: dict[str, object] = {
            "path": self.path,
            "operator": self.operator,
            "expected": self.expected,
            "actual": self.actual,
            "clause": self.clause,
            "reason": self.reason,
        }
        if self.reference is not None:
            shown["reference"] = self.reference
            if redact_actual:
                shown["expected"] = self.reference
        if self.actual is MISSING or redact_actual:
            del shown["actual"]
        if self.truncated:
            shown["truncated"] = True
        return shown
