"""Ids that sort by time: a prefix that names the kind, and a ULID.

The ULID (48 bits of Unix milliseconds, 80 random bits, Crockford base32) is that of the public
ULID specification, with one use of its random part: the last three characters of an *event* id
say into how many shards the project was divided when the event came (as a power of two) and
which of them the event lives in. So an event id alone, with the caller's project, leads to its
record with one read, and a project can get more shards without moving what it already has.

A delivery id is put together from event, endpoint and replay number: making it twice makes the
same id.
"""

from __future__ import annotations

import re
import zlib
from typing import NewType

ProjectId = NewType("ProjectId", str)
KeyId = NewType("KeyId", str)
EndpointId = NewType("EndpointId", str)
SubscriptionId = NewType("SubscriptionId", str)
EventId = NewType("EventId", str)
DeliveryId = NewType("DeliveryId", str)
OperationId = NewType("OperationId", str)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ULID_LENGTH = 26
ENTROPY_BYTES = 10
MAX_SHARDS = 1024

_VALUE = {char: value for value, char in enumerate(ALPHABET)}
_ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
_EVENT_ID = re.compile(rf"evt_({_ULID})")
_DELIVERY_ID = re.compile(rf"dlv_({_ULID})_({_ULID})_(0|[1-9][0-9]{{0,5}})")
_PREFIXED = re.compile(rf"[a-z]{{2,4}}_({_ULID})")


def _base32(value: int, length: int) -> str:
    chars = []
    for _ in range(length):
        value, digit = divmod(value, 32)
        chars.append(ALPHABET[digit])
    return "".join(reversed(chars))


def ulid(clock_ms: int, entropy: bytes) -> str:
    """A ULID of 26 characters from Unix milliseconds and 10 random bytes."""
    return _base32((clock_ms << 80) | int.from_bytes(entropy[:ENTROPY_BYTES], "big"), ULID_LENGTH)


def ulid_ms(text: str) -> int:
    """The Unix milliseconds inside a ULID, or inside an id that ends with one."""
    value = 0
    for char in text[-ULID_LENGTH : -ULID_LENGTH + 10]:
        value = value * 32 + _VALUE[char]
    return value


def lowest_ulid(clock_ms: int) -> str:
    """The smallest ULID of this millisecond: a bound for range reads."""
    return _base32(clock_ms << 80, ULID_LENGTH)


def new_event_id(clock_ms: int, entropy: bytes, shards: int) -> EventId:
    """An event id in one of `shards` shards (a power of two up to 1024), chosen by `entropy`."""
    if not 1 <= shards <= MAX_SHARDS or shards & (shards - 1):
        raise ValueError(f"shards must be a power of two from 1 to {MAX_SHARDS}, not {shards}")
    plain = ulid(clock_ms, entropy)
    shard = zlib.crc32(entropy) % shards
    return EventId(f"evt_{plain[:-3]}{ALPHABET[shards.bit_length() - 1]}{_base32(shard, 2)}")


def event_shards(event_ulid: str) -> int:
    """Into how many shards the project was divided when this event came."""
    return int(1 << min(_VALUE[event_ulid[-3]], 10))


def event_shard(event_ulid: str) -> int:
    """The shard of an event, from its id or its ULID."""
    number = _VALUE[event_ulid[-2]] * 32 + _VALUE[event_ulid[-1]]
    return number % event_shards(event_ulid)


def delivery_id(event_ulid: str, endpoint_ulid: str, replay: int) -> DeliveryId:
    """The one id of this event's delivery to this endpoint in this round (0, then each replay)."""
    return DeliveryId(f"dlv_{event_ulid}_{endpoint_ulid}_{replay}")


def delivery_shard(delivery: DeliveryId, event_ulid: str) -> int:
    """The shard of a delivery: by its own id, so that a fan-out spreads over all shards."""
    return zlib.crc32(delivery.encode()) % event_shards(event_ulid)


def parse_event_id(text: str) -> EventId | None:
    """The event id, or None when the text cannot be one."""
    return EventId(text) if _EVENT_ID.fullmatch(text) else None


def split_delivery_id(text: str) -> tuple[str, str, int] | None:
    """Event ULID, endpoint ULID and replay number, or None when the text is no delivery id."""
    found = _DELIVERY_ID.fullmatch(text)
    return (found[1], found[2], int(found[3])) if found else None


def is_id(text: str, prefix: str) -> bool:
    """Whether the text is an id of the kind `prefix` ("ep", "sub", "prj", "key", ...)."""
    return text.startswith(f"{prefix}_") and _PREFIXED.fullmatch(text) is not None


def bare(identifier: str) -> str:
    """The ULID of an id without its prefix."""
    return identifier[-ULID_LENGTH:]
