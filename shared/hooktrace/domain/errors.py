"""The exceptions of Hooktrace, mapped once, at the edge of each room.

    HooktraceError
    ├── InvalidInput          the caller's input is refused; says what to do
    ├── IllegalTransition     a state change that the state machine does not have
    └── Unavailable           a store or queue did not answer; trying again can help
"""

from __future__ import annotations

from dataclasses import dataclass


class HooktraceError(Exception):
    """The root of everything this package raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input.

    `pointer` is an RFC 6901 JSON pointer to the part at fault ("" for the whole), `code` a stable
    word, `message` a sentence that says what to do.
    """

    pointer: str
    code: str
    message: str


class InvalidInput(HooktraceError):  # noqa: N818 - named for what it says, as ValueError's kin
    """Input that is refused, with every fault found in it (at most ten are kept).

    `code` is the stable problem code of the whole refusal, for instance `invalid_filter`.
    """

    def __init__(self, code: str, message: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.faults = faults[:10]


class IllegalTransition(HooktraceError):  # noqa: N818 - as above
    """A state change that does not exist in the state machine. Always a bug of ours."""


class Unavailable(HooktraceError):  # noqa: N818 - as above
    """A store or queue did not answer in time or throttled us; the caller may try again."""
