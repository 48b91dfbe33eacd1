"""Entity tags (RFC 9110): `If-Match` against lost updates, `If-None-Match` for 304."""

from __future__ import annotations

import re

from hooktrace.api.exchange import Request
from hooktrace.domain.errors import Fault, InvalidInput, PreconditionFailed

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_ONE_TAG = re.compile(_TAG)


def version_tag(version: int) -> str:
    """The strong tag of a version: `"v7"`."""
    return f'"v{version}"'


def check_if_match(request: Request, tag: str) -> None:
    """Raises PreconditionFailed unless `If-Match` is absent, `*`, or lists the strong tag.

    A weak tag never matches. A header that cannot be read raises InvalidInput.
    """
    tags = _tags(request, "if-match")
    if tags is not None and "*" not in tags and tag not in tags:
        raise PreconditionFailed


def is_not_modified(request: Request, tag: str) -> bool:
    """Whether `If-None-Match` lists the tag (weak or strong) or is `*`: answer 304 then."""
    tags = _tags(request, "if-none-match")
    return tags is not None and ("*" in tags or tag in {entry.removeprefix("W/") for entry in tags})


def _tags(request: Request, header: str) -> list[str] | None:
    value = request.headers.get(header)
    if value is None:
        return None
    if value.strip() == "*":
        return ["*"]
    if _TAGS.fullmatch(value) is None:
        message = f'The header {header} must be `*` or tags in double quotes, such as "v7".'
        fault = Fault("", "invalid_header", message, parameter=header)
        raise InvalidInput("invalid_header", message, (fault,))
    return _ONE_TAG.findall(value)
