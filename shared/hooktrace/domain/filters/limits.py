"""The limits of one filter."""

from __future__ import annotations

from typing import Final

MAX_BYTES: Final = 16_384
MAX_DEPTH: Final = 20
MAX_CLAUSES: Final = 128
MAX_REGEXES: Final = 16

TOO_DEEP: Final = (
    f"Objects and lists may be nested {MAX_DEPTH} levels deep; make the filter flatter."
)
TOO_LARGE: Final = f"A filter may have at most {MAX_BYTES} bytes of compact JSON; make two of it."
TOO_MANY_CLAUSES: Final = (
    f"A filter may have at most {MAX_CLAUSES} values and operators; use `$in` or make two of it."
)
TOO_MANY_REGEXES: Final = f"A filter may have at most {MAX_REGEXES} `$regex`."
