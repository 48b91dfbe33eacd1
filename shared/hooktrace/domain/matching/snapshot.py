"""The compiled index as bytes: a header that says who can read it, then `marshal` in `zlib`.

`marshal` is the fastest reader there is for plain dicts, lists and strings, and is tied to the
Python version. A snapshot is a cache: who cannot read it builds the index from the rows. It must
come from a place only the service writes to.
"""

from __future__ import annotations

import marshal
import sys
import zlib
from typing import Any, Final

FORMAT_VERSION: Final = 1
_MARSHAL_VERSION: Final = 4
_HEADER: Final = (
    f"hooktrace-index {FORMAT_VERSION} {sys.implementation.cache_tag} {_MARSHAL_VERSION}\n"
).encode()
_COMPRESSION_LEVEL: Final = 1


class StaleSnapshot(ValueError):  # noqa: N818 - the caller builds from rows; no failure
    """The bytes are of another format or Python version, or damaged."""


def pack(plain: tuple[Any, ...]) -> bytes:
    """Bytes of plain values."""
    return _HEADER + zlib.compress(marshal.dumps(plain, _MARSHAL_VERSION), _COMPRESSION_LEVEL)


def unpack(data: bytes) -> Any:
    """The inverse of `pack`. Raises StaleSnapshot."""
    if not data.startswith(_HEADER):
        raise StaleSnapshot("The snapshot is of another format or Python version.")
    try:
        return marshal.loads(zlib.decompress(data[len(_HEADER) :]))  # noqa: S302 - our own bytes
    except (zlib.error, ValueError, EOFError, TypeError):
        raise StaleSnapshot("The snapshot is damaged.") from None
