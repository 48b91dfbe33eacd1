"""Texts that only a sender may know: sealed wherever they are stored, masked wherever shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hooktrace.domain.errors import HooktraceError

MASK = "***"
"""What answers show instead of a confidential text; in a change it means "as it stands"."""


class StillSealed(HooktraceError):  # noqa: N818 - named for what it says
    """A sealed text was used before a vault opened it. Always a bug of ours."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """The ciphertext of a text; what is in it, only a vault knows."""

    data: bytes = field(repr=False)


Confidential = str | Sealed
"""A confidential text, opened or sealed. Records from before there were vaults hold them open."""

Change = Callable[[str, Confidential], Confidential]
"""Seals or opens a text; the first argument is its place within its endpoint."""


def opened(text: Confidential) -> str:
    """The text itself. Raises StillSealed."""
    if isinstance(text, Sealed):
        raise StillSealed("a sealed text is used as if it were open")
    return text
