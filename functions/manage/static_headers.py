"""The static headers of an endpoint: names and values that may be sent with each request."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

MAX_HEADERS = 20
MAX_HEADER_CHARACTERS = 4096

RESERVED_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "traceparent",
        "tracestate",
        "upgrade",
        "user-agent",
    }
)
RESERVED_PREFIXES = ("webhook-", "hooktrace-", "proxy-", "sec-")

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}")
_HEADER_VALUE = re.compile(r"[!-~]([ \t!-~]{0,1022}[!-~])?|")


def _header_name(name: str) -> str:
    """Names are tokens of RFC 9110."""
    low = name.lower()
    if _HEADER_NAME.fullmatch(name) is None:
        message = "A header name is 1 to 128 letters, digits or any of !#$%&'*+-.^_`|~."
        raise PydanticCustomError("invalid_header_name", message)
    if low in RESERVED_HEADERS or low.startswith(RESERVED_PREFIXES):
        raise PydanticCustomError(
            "reserved_header", "The header {name} is set by Hooktrace.", {"name": low}
        )
    return name


def _header_value(value: str) -> str:
    """Values are visible ASCII: nothing that could end a header line."""
    if _HEADER_VALUE.fullmatch(value) is None:
        message = "Give at most 1024 visible ASCII characters, with spaces only between them."
        raise PydanticCustomError("invalid_header_value", message)
    return value


def _checked_headers(headers: dict[str, str]) -> dict[str, str]:
    if len(headers) > MAX_HEADERS:
        raise PydanticCustomError("too_many", "At most 20 headers.")
    if len({name.lower() for name in headers}) < len(headers):
        raise PydanticCustomError("duplicate_header", "A header name stands twice.")
    if sum(len(name) + len(value) for name, value in headers.items()) > MAX_HEADER_CHARACTERS:
        raise PydanticCustomError("too_long", "All headers together: at most 4096 characters.")
    return headers


StaticHeaders = Annotated[
    dict[
        Annotated[str, AfterValidator(_header_name)],
        Annotated[str, AfterValidator(_header_value)],
    ],
    AfterValidator(_checked_headers),
]
