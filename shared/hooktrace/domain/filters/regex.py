"""`$regex`: RE2, imported when the first filter needs it (it costs some 10 ms)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hooktrace.domain.filters.run import Run

MAX_PATTERN_CHARACTERS: Final = 512
MAX_PROGRAM_SIZE: Final = 5_000
MAX_TEXT_CHARACTERS: Final = 8_192
_MAX_MEMORY_BYTES: Final = 256 * 1024

_HINTS: Final = (
    ("(?=", "look-around is not supported"),
    ("(?!", "look-around is not supported; put the filter in `$not`"),
    ("(?<", "look-around is not supported"),
    ("(?>", "atomic groups are not supported, and are not needed: matching takes linear time"),
    ("\\Z", "write `\\z` for the end of the text"),
    ("bad repetition operator", "possessive and doubled repeats are not supported"),
    ("invalid repetition size", "a repeat may go up to 1000 in all"),
    ("too large", "use smaller repeats or classes"),
)


class BadRegex(Exception):  # noqa: N818 - a refusal inside the package, never seen outside
    """A pattern that is refused; the text gives the reason."""


class Regex:
    """A compiled pattern. Raises BadRegex when it is refused."""

    __slots__ = ("_program_size", "_search")

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MAX_PATTERN_CHARACTERS:
            raise BadRegex(f"a pattern may have at most {MAX_PATTERN_CHARACTERS} characters")
        try:
            encoded = pattern.encode()
        except UnicodeEncodeError:
            raise BadRegex("half of a surrogate pair is not text") from None
        re2, options = _engine()
        try:
            compiled = re2.compile(encoded, options)
        except re2.error as error:
            raise BadRegex(_reason(error)) from None
        self._search = compiled.search
        self._program_size: int = compiled.programsize
        if self._program_size > MAX_PROGRAM_SIZE:
            raise BadRegex(
                f"too complex: its program has {self._program_size} instructions, "
                f"at most {MAX_PROGRAM_SIZE} are allowed"
            )

    def found_in(self, value: object, run: Run) -> bool:
        """Whether the value is a string in which the pattern is found. Raises LimitReached."""
        if type(value) is not str or len(value) > MAX_TEXT_CHARACTERS:
            return False
        run.spend_on_regex(self._program_size * len(value))
        try:
            return self._search(value.encode()) is not None
        except UnicodeEncodeError:
            return False


@cache
def _engine() -> tuple[Any, Any]:
    import re2  # type: ignore[import-untyped] # google-re2 ships no stubs

    options = re2.Options()
    options.max_mem = _MAX_MEMORY_BYTES
    options.never_capture = True
    options.log_errors = False
    return re2, options


def _reason(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    reason = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
    for sign, hint in _HINTS:
        if sign in reason:
            return f"{reason} ({hint})"
    if reason.startswith("invalid escape sequence: \\") and reason[-1:].isdigit():
        return f"{reason} (back-references are not supported)"
    return reason
