"""Changing one record under optimistic locking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from hooktrace.domain.errors import NotFound, Unavailable
from hooktrace.domain.registry import VersionConflict

TRIES = 30
"""Each lost try means that somebody else's write went through."""

VersionCheck = Callable[[int], None]
"""Raises PreconditionFailed when the caller did not mean the version that stands."""


class Versioned(Protocol):
    """A record with a version."""

    @property
    def version(self) -> int: ...


R = TypeVar("R", bound=Versioned)


def any_version(version: int) -> None:
    """For callers that name no version."""


def amend(
    read: Callable[[], R | None],
    change: Callable[[R], R],
    write: Callable[[R, R], R],
    *,
    check: VersionCheck,
) -> R:
    """Read, check, change, and write if nobody wrote meanwhile; answers what stands then.

    `write(after, before)` raises VersionConflict when it lost; then the record is read, checked
    and changed again. A change that changes nothing writes nothing. Raises NotFound when there is
    no record, what `check` raises, and Unavailable when others keep winning.
    """
    for _ in range(TRIES):
        before = current(read, check=check)
        after = change(before)
        if after == before:
            return before
        try:
            return write(after, before)
        except VersionConflict:
            continue
    raise Unavailable("the record is being changed by too many callers at once")


def remove(
    read: Callable[[], R | None], delete: Callable[[R], None], *, check: VersionCheck
) -> None:
    """Read, check, and delete if nobody wrote meanwhile. Raises what `amend` raises."""
    for _ in range(TRIES):
        before = current(read, check=check)
        try:
            delete(before)
        except VersionConflict:
            continue
        return
    raise Unavailable("the record is being changed by too many callers at once")


def current(read: Callable[[], R | None], *, check: VersionCheck = any_version) -> R:
    """The record, if the caller means the version at which it stands. Raises NotFound."""
    found = read()
    if found is None:
        raise NotFound
    check(found.version)
    return found
