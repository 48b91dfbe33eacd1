"""An event as a producer sends it: read strictly, so that nothing can fail later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hooktrace.domain.errors import Fault, InvalidInput
from hooktrace.domain.event_types import check_event_type
from hooktrace.domain.events import Payload
from hooktrace.domain.notification_kinds import is_reserved
from hooktrace.domain.strict_json import ParsedObject, parse_object
from hooktrace.domain.times import is_rfc3339

MEMBERS = ("type", "data", "headers", "time")
MAX_HEADERS = 50
MAX_HEADER_CHARACTERS = 8_192
MAX_IDEMPOTENCY_KEY = 255

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_NO_KEY = "invalid_idempotency_key"
_A_KEY = (
    f"An idempotency key has 1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters, with spaces only "
    "between them."
)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as it came in, checked."""

    type: str
    payload: Payload
    idempotency_key: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None


def parse_new_event(
    body: bytes,
    *,
    idempotency_key: str | None = None,
    traceparent: str | None = None,
    tracestate: str | None = None,
    in_batch: bool = False,
) -> NewEvent:
    """The event in a request body `{type, data, headers?, time?}`; `data` keeps its own bytes.

    An item of a batch (`in_batch`) may have `idempotency_key`, which stands for the header.
    Raises InvalidInput with a pointer to every fault: JSON that is not strict, unknown or missing
    members, a bad type, headers that could not be sent, a time without zone.
    """
    parsed = parse_object(body)
    known = (*MEMBERS, "idempotency_key") if in_batch else MEMBERS
    listed = ", ".join(f"`{name}`" for name in known)
    faults = [
        Fault(
            f"/{_token(name)}",
            "unknown_field",
            f"`{name}` is no member of an event; known: {listed}.",
        )
        for name in parsed.members
        if name not in known
    ]
    if faults:
        raise InvalidInput("unknown_field", faults[0].message, tuple(faults))
    missing = [name for name in ("type", "data") if name not in parsed.members]
    if missing:
        faults = [Fault(f"/{n}", "missing_field", f"An event needs `{n}`.") for n in missing]
        raise InvalidInput("missing_field", faults[0].message, tuple(faults))
    payload = Payload(parsed.raw("data"), headers=_headers(parsed), time=_time(parsed))
    return NewEvent(
        type=_type(parsed),
        payload=payload,
        idempotency_key=_checked_item_key(parsed)
        if in_batch
        else check_idempotency_key(idempotency_key),
        traceparent=traceparent,
        tracestate=tracestate,
    )


def check_idempotency_key(key: str | None) -> str | None:
    """The key of the header if it can be one: 1 to 255 visible ASCII characters, with spaces only
    between them. Raises InvalidInput (`invalid_idempotency_key`)."""
    if _is_key(key):
        return key
    raise _no_key(Fault("", _NO_KEY, _A_KEY, parameter="idempotency-key"))


def _checked_item_key(parsed: ParsedObject) -> str | None:
    key = _item_key(parsed)
    if _is_key(key):
        return key
    raise _no_key(Fault("/idempotency_key", _NO_KEY, _A_KEY))


def _is_key(key: str | None) -> bool:
    if key is None:
        return True
    return len(key) <= MAX_IDEMPOTENCY_KEY and _KEY.fullmatch(key) is not None


def _no_key(fault: Fault) -> InvalidInput:
    return InvalidInput(_NO_KEY, _A_KEY, (fault,))


def _item_key(parsed: ParsedObject) -> str | None:
    value = parsed.members.get("idempotency_key")
    if value is not None and not isinstance(value, str):
        raise _refuse("/idempotency_key", "`idempotency_key` must be a string.")
    return value


def _token(name: str) -> str:
    """A member name as a token of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _refuse(pointer: str, message: str) -> InvalidInput:
    return InvalidInput("invalid_field", message, (Fault(pointer, "invalid_field", message),))


def _type(parsed: ParsedObject) -> str:
    value = parsed.members["type"]
    if not isinstance(value, str):
        raise _refuse("/type", "`type` must be a string such as `order.created`.")
    if is_reserved(value):
        message = "Event types that begin with `hooktrace.` are those of operational webhooks."
        fault = Fault("/type", "reserved_event_type", message)
        raise InvalidInput("reserved_event_type", message, (fault,))
    try:
        return check_event_type(value)
    except InvalidInput as error:
        fault = Fault("/type", error.code, error.message)
        raise InvalidInput(error.code, error.message, (fault,)) from None


def _time(parsed: ParsedObject) -> str | None:
    value = parsed.members.get("time")
    if value is None:
        return None
    if not isinstance(value, str) or not is_rfc3339(value):
        raise _refuse("/time", "`time` must be RFC 3339 with a zone: `2026-03-29T10:00:00Z`.")
    return value


def _headers(parsed: ParsedObject) -> Mapping[str, str]:
    value = parsed.members.get("headers")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _refuse("/headers", "`headers` must be an object of names and strings.")
    if len(value) > MAX_HEADERS:
        raise _refuse("/headers", f"At most {MAX_HEADERS} headers.")
    seen: set[str] = set()
    size = 0
    for name, text in value.items():
        pointer = f"/headers/{_token(name)}"
        if not _HEADER_NAME.fullmatch(name):
            raise _refuse(pointer, "A header name is 1 to 128 token characters (RFC 9110).")
        if not isinstance(text, str) or not _HEADER_VALUE.fullmatch(text):
            raise _refuse(pointer, "A header value is a string of printable ASCII characters.")
        if name.lower() in seen:
            raise _refuse(pointer, "The header stands twice, in different cases.")
        seen.add(name.lower())
        size += len(name) + len(text)
    if size > MAX_HEADER_CHARACTERS:
        raise _refuse("/headers", f"At most {MAX_HEADER_CHARACTERS} characters of headers.")
    return {str(name): str(text) for name, text in value.items()}
