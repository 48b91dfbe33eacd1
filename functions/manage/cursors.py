"""Cursors of the lists: opaque, and good for one list of one project only.

They are not signed, so what comes out of one is input: each list says which `shape` it has.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from hooktrace.domain.errors import Fault, InvalidInput

CHECK_BYTES = 8
AN_ID = re.compile(r"[a-z]{2,4}_[0-7][0-9A-HJKMNP-TV-Z]{25}")


def write_cursor(after: str, *scope: str) -> str:
    """A cursor that goes on after the id `after`; `scope` names the list, project and filters."""
    text = after.encode()
    return base64.urlsafe_b64encode(_check(text, scope) + text).rstrip(b"=").decode()


def next_cursor(after: str | None, *scope: str) -> str | None:
    """The `next_cursor` of a page: null on the last one, where there is nothing to go on after."""
    return None if after is None else write_cursor(after, *scope)


def read_cursor(cursor: str | None, *scope: str, shape: re.Pattern[str] = AN_ID) -> str | None:
    """The id to go on after. Raises InvalidInput for what `write_cursor` did not make so."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        check, after = raw[:CHECK_BYTES], raw[CHECK_BYTES:].decode("ascii")
    except (binascii.Error, ValueError):
        raise _invalid() from None
    if check != _check(after.encode(), scope) or write_cursor(after, *scope) != cursor:
        raise _invalid()
    if shape.fullmatch(after) is None:
        raise _invalid()
    return after


def _check(text: bytes, scope: tuple[str, ...]) -> bytes:
    """Not a secret: it keeps cursors from being used where they were not made, by mistake."""
    parts = [text, *(part.encode() for part in scope)]
    sizes = b"".join(len(part).to_bytes(4, "big") for part in parts)
    return hashlib.sha256(sizes + b"".join(parts)).digest()[:CHECK_BYTES]


def _invalid() -> InvalidInput:
    message = "This cursor does not belong to this list. Start again without one."
    fault = Fault("", "invalid_cursor", message, parameter="cursor")
    return InvalidInput("invalid_cursor", message, (fault,))
