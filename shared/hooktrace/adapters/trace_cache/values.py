"""Ended traces as bytes and back. What cannot be read back is as if it were not there.

A value begins with one byte: `X` forgotten, `A` absent, `T` a trace. That is zlib over JSON of the
ledger's own items, with their bytes in base64: nothing in it is ever executed.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from hooktrace.adapters.items import Item, delivery_item, delivery_record, event_item, event_record
from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.events import Payload
from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.reading_ports import Absent, KeptTrace

FORGOTTEN, ABSENT, TRACE = b"X", b"A", b"T"
MOST_BYTES = 64 * 1024
MOST_UNPACKED_BYTES = 16 * MOST_BYTES
# What reading bytes that nobody here wrote can raise.
UNREADABLE = (
    InvalidInput,
    zlib.error,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)


def encode(found: KeptTrace | Absent) -> bytes | None:
    """The value; None when it would be larger than `MOST_BYTES` and is not worth its room."""
    if isinstance(found, Absent):
        return ABSENT
    if found.packed is not None and len(found.packed) > MOST_BYTES:
        return None
    parts = {
        "event": _texts(event_item(found.event)),
        "packed": None if found.packed is None else base64.b64encode(found.packed).decode(),
        "deliveries": [_texts(delivery_item(one)) for one in found.deliveries],
    }
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=True).encode()
    value = TRACE + zlib.compress(text, 1)
    return value if len(value) <= MOST_BYTES and len(text) <= MOST_UNPACKED_BYTES else None


def decode(value: bytes, project: ProjectId, event: EventId) -> KeptTrace | Absent | None:
    """What `encode` was given for this event; None for anything else, whatever it is."""
    if value == ABSENT:
        return Absent()
    if not value.startswith(TRACE):
        return None
    try:
        kept = _trace(value)
    except UNREADABLE:
        return None
    wanted = (project, event)
    of_it = all((one.project_id, one.event_id) == wanted for one in kept.deliveries)
    return kept if of_it and (kept.event.project_id, kept.event.id) == wanted else None


def _trace(value: bytes) -> KeptTrace:
    inflater = zlib.decompressobj()
    text = inflater.decompress(value[1:], MOST_UNPACKED_BYTES)
    if not inflater.eof:
        raise ValueError("longer than anything that is kept")
    parts = json.loads(text)
    packed = None if parts["packed"] is None else base64.b64decode(parts["packed"], validate=True)
    if packed is not None:
        Payload.unpack(packed)
    return KeptTrace(
        event=event_record(_item(parts["event"])),
        packed=packed,
        deliveries=tuple(delivery_record(_item(one)) for one in parts["deliveries"]),
    )


def _texts(item: Item) -> dict[str, Any]:
    return {
        name: {"B": base64.b64encode(value["B"]).decode()} if "B" in value else value
        for name, value in item.items()
    }


def _item(texts: Mapping[str, Mapping[str, str]]) -> Item:
    return {
        name: {"B": base64.b64decode(value["B"], validate=True)} if "B" in value else dict(value)
        for name, value in texts.items()
    }
