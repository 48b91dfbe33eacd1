"""Changing one record under optimistic locking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from hooktrace.domain.errors import NotFound, PreconditionFailed, Unavailable
from hooktrace.domain.registry import VersionConflict

TRIES = 30
"""Each lost try means that somebody else's write went through."""


class Versioned(Protocol):
    """A record with a version."""

    @property
    def version(self) -> int: ...


R = TypeVar("R", bound=Versioned)


def amend(
    read: Callable[[], R | None],
    change: Callable[[R], R],
    write: Callable[[R, R], R],
    *,
    expected_version: int | None,
) -> R:
    """Read, change, write on the condition that nobody wrote meanwhile; answers what stands then.

    `write(after, before)` raises VersionConflict when it lost. With `expected_version` a lost race
    is PreconditionFailed; without it the record is read again and changed again. A change that
    changes nothing writes nothing. Raises NotFound when there is no record, Unavailable when
    others keep winning.
    """
    for _ in range(TRIES):
        before = current(read, expected_version=expected_version)
        after = change(before)
        if after == before:
            return before
        try:
            return write(after, before)
        except VersionConflict:
            continue
    raise Unavailable("the record is being changed by too many callers at once")


def remove(
    read: Callable[[], R | None], delete: Callable[[R], None], *, expected_version: int | None
) -> None:
    """Read and delete on the condition that nobody wrote meanwhile. Raises what `amend` raises."""
    for _ in range(TRIES):
        before = current(read, expected_version=expected_version)
        try:
            delete(before)
        except VersionConflict:
            continue
        return
    raise Unavailable("the record is being changed by too many callers at once")


def current(read: Callable[[], R | None], *, expected_version: int | None) -> R:
    """The record, if it stands at the version that the caller expects (None: any)."""
    found = read()
    if found is None:
        raise NotFound
    if expected_version is not None and found.version != expected_version:
        raise PreconditionFailed
    return found
