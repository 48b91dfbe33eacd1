"""The exceptions of Hooktrace, mapped once, at the edge of each room.

    HooktraceError
    ├── InvalidInput          the caller's input is refused; says what to do
    ├── Refusal               understood, but not done; message and code are for the caller
    │   ├── Unauthorized          no key, or not one that lives (401)
    │   ├── InsufficientScope     the key may not do this (403)
    │   ├── NotFound              no such thing in the caller's project (404)
    │   ├── Conflict              the state of the thing does not allow it now (409)
    │   └── PreconditionFailed    it has changed since the caller read it (412)
    ├── IllegalTransition     a state change that the state machine does not have
    └── Unavailable           a store or queue did not answer; trying again can help
        └── Unsent                of several messages only some were sent

The problem codes that callers see, with their HTTP status, stand in `hooktrace.api.problems`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class HooktraceError(Exception):
    """The root of everything this package raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input.

    `pointer` is an RFC 6901 JSON pointer to the part at fault ("" for the whole), `code` a stable
    word, `message` a sentence that says what to do. A fault of a query parameter or header has
    its name in `parameter`.
    """

    pointer: str
    code: str
    message: str
    parameter: str = ""


class InvalidInput(HooktraceError):  # noqa: N818 - named for what it says, as ValueError's kin
    """Input that is refused, with every fault found in it (at most ten are kept).

    `code` is the stable problem code of the whole refusal, for instance `invalid_filter`.
    """

    def __init__(self, code: str, message: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.faults = faults[:10]


class Refusal(HooktraceError):  # noqa: N818 - named for what it says
    """What was asked is understood, but not done. Raise one of its children.

    `message` and `code` are shown to the caller; `retry_after_seconds` goes into `Retry-After`.
    """

    default_code: ClassVar[str]
    default_message: ClassVar[str]

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.code = code or self.default_code
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.message)


class Unauthorized(Refusal):
    """No API key, one that cannot be read, an unknown, a revoked or an expired one."""

    default_code = "unauthorized"
    default_message = "Send a valid API key as `Authorization: Bearer ht_...`."


class InsufficientScope(Refusal):
    """The key lives, but lacks the scope that this call needs."""

    default_code = "insufficient_scope"
    default_message = "This API key lacks the scope that this call needs."


class NotFound(Refusal):
    """No such thing in the caller's project, whether it exists in another or not."""

    default_code = "not_found"
    default_message = "There is no such thing in this project."


class Conflict(Refusal):
    """The present state of the thing does not allow what was asked."""

    default_code = "conflict"
    default_message = "The present state does not allow this."


class PreconditionFailed(Refusal):
    """The thing has changed since the caller read it (`If-Match`)."""

    default_code = "precondition_failed"
    default_message = "It has changed since you read it. Read it again and decide again."


class IllegalTransition(HooktraceError):  # noqa: N818 - as above
    """A state change that does not exist in the state machine. Always a bug of ours."""


class Unavailable(HooktraceError):  # noqa: N818 - as above
    """A store or queue did not answer in time or throttled us; the caller may try again."""


class Unsent(Unavailable):
    """Of several messages these `positions` were not sent, as far as is known; the others were."""

    def __init__(self, message: str, positions: frozenset[int]) -> None:
        super().__init__(message)
        self.positions = positions


def key_in_progress() -> Conflict:
    """Of an idempotency key that others keep taking over: nothing is claimed, nothing stored."""
    return Conflict(
        "Other requests with this idempotency key are at work. Send this one again.",
        code="idempotency_in_progress",
        retry_after_seconds=1,
    )
