"""Roll-ups of statistics on the ledger's table, and what the stream's records add to them.

| PK | SK | attributes |
|---|---|---|
| `<project>#stats#<shard>` | `S#<endpoint ULID or "all">#<day>` | v version, c counts by hour |
| | | and by slot, f fingerprints of the latest writes, x expiry |

Partitions of their own: a hot project's roll-ups do not slow down its events.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hooktrace.adapters.items import Item, Key, pack_rows, unpack_rows
from hooktrace.adapters.tables import Change, Put, Table
from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import EndpointId, ProjectId, bare
from hooktrace.domain.states import EventStatus
from hooktrace.domain.stats import (
    DAY_MS,
    DELIVERY_COUNTS,
    EVENT_COUNTS,
    NAMES,
    Counts,
    Happened,
    RollUp,
    RollUpKey,
)
from hooktrace.ports import Failed

KEPT_DAYS = 40
DAYS_AT_ONCE = 40
LENGTH_BYTES = 3
_CODES = {name: code for code, name in enumerate(NAMES)}


class TableStats:
    """Fulfils `hooktrace.ports.StatsStore`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def roll_ups(self, keys: Iterable[RollUpKey]) -> dict[RollUpKey, RollUp]:
        places = {_place(key): key for key in keys}
        found = self._table.get(list(places))
        return {places[place]: _roll_up(places[place], item) for place, item in found.items()}

    def write(self, writes: Sequence[tuple[RollUp, RollUp | None]]) -> dict[RollUpKey, RollUp]:
        ops = [
            Put(_item(after)) if before is None else Change(_item(before), _item(after))
            for after, before in writes
        ]
        lost = {}
        answers = self._table.write(ops) if ops else []
        for (after, _), answer in zip(writes, answers, strict=True):
            if isinstance(answer, Failed):
                raise Unavailable(answer.why)
            if answer is not None:
                key, current = after.key, answer.current
                lost[key] = RollUp(key) if current is None else _roll_up(key, current)
        return lost

    def days(
        self, project: ProjectId, lane: int, endpoint: EndpointId | None, first: int, last: int
    ) -> list[RollUp]:
        partition, low = _place(RollUpKey(project, lane, endpoint, first))
        _, high = _place(RollUpKey(project, lane, endpoint, last + 1))
        page = self._table.range(partition, low, high, limit=DAYS_AT_ONCE)
        return [
            _roll_up(RollUpKey(project, lane, endpoint, _day(item)), item) for item in page.items
        ]


def _place(key: RollUpKey) -> Key:
    whose = "all" if key.endpoint_id is None else bare(key.endpoint_id)
    return f"{key.project_id}#stats#{key.lane}", f"S#{whose}#{key.day:06d}"


def _day(item: Item) -> int:
    return int(item["SK"]["S"].rsplit("#", 1)[1])


def _item(one: RollUp) -> Item:
    partition, sort = _place(one.key)
    expires_s = (one.key.day + 1 + KEPT_DAYS) * DAY_MS // 1000
    return {
        "PK": {"S": partition},
        "SK": {"S": sort},
        "v": {"N": str(one.version)},
        "c": {"B": pack_rows([_rows(one.hours), _rows(one.slots)])},
        "f": {"B": b"".join(_sized(marks) for marks in one.seen)},
        "x": {"N": str(expires_s)},
    }


def _roll_up(key: RollUpKey, item: Item) -> RollUp:
    hours, slots = unpack_rows(bytes(item["c"]["B"]))
    return RollUp(
        key=key,
        hours=_counted(hours),
        slots=_counted(slots),
        seen=tuple(_unsized(bytes(item["f"]["B"]))),
        version=int(item["v"]["N"]),
    )


def _sized(marks: bytes) -> bytes:
    """The fingerprints of one write, behind their length in bytes."""
    return len(marks).to_bytes(LENGTH_BYTES, "big") + marks


def _unsized(joined: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(joined):
        begin = start + LENGTH_BYTES
        start = begin + int.from_bytes(joined[start:begin], "big")
        yield joined[begin:start]


def _rows(counted: Mapping[int, Counts]) -> list[list[int]]:
    """`[[hour, code, count, code, count, ...], ...]`: compresses better than names."""
    return [
        [number, *(part for name, count in counts.items() for part in (_CODES[name], count))]
        for number, counts in counted.items()
    ]


def _counted(rows: list[list[int]]) -> dict[int, dict[str, int]]:
    return {
        number: {NAMES[code]: count for code, count in zip(rest[::2], rest[1::2], strict=True)}
        for number, *rest in rows
    }


def happenings(event: Mapping[str, Any]) -> Iterator[Happened]:
    """What the records of a stream batch add to the statistics, in their order."""
    for record in event["Records"]:
        change = record["dynamodb"]
        kind, *parts = change["Keys"]["SK"]["S"].split("#")
        image = change.get("NewImage")
        if kind not in {"E", "D"} or image is None or "s" not in image:
            continue
        old = change.get("OldImage", {})
        names = _of_event(image, old) if kind == "E" else _of_delivery(image, old)
        if names:
            project, lane = change["Keys"]["PK"]["S"].rsplit("#", 1)
            yield Happened(
                project_id=ProjectId(project),
                lane=int(lane),
                record=f"{change['Keys']['SK']['S']}#{image['v']['N']}",
                at_ms=int(image["u"]["N"]),
                names=tuple(names),
                endpoint_id=EndpointId(f"ep_{parts[1]}") if kind == "D" else None,
            )


def _of_event(image: Item, old: Item) -> list[str]:
    """A record that match had to make anew was accepted all the same."""
    status = image["s"]["S"]
    names = [] if old or status == EventStatus.REJECTED else [EventStatus.ACCEPTED]
    if _entered(image, old) and status in EVENT_COUNTS and status != EventStatus.ACCEPTED:
        names.append(EventStatus(status))
    return [f"event.{name}" for name in names]


def _of_delivery(image: Item, old: Item) -> list[str]:
    """The status it entered, and the attempts whose outcome this write recorded."""
    status = image["s"]["S"]
    entered = _entered(image, old) and status in DELIVERY_COUNTS
    names = [f"delivery.{status}"] if entered else []
    if image.get("a") != old.get("a"):
        before = _outcomes(old)
        names += [
            f"attempt.{AttemptOutcome(outcome)}"
            for number, outcome in _outcomes(image).items()
            if before.get(number) != outcome
        ]
    return names


def _entered(image: Item, old: Item) -> bool:
    return bool(image["s"] != old.get("s"))


def _outcomes(item: Item) -> dict[int, str]:
    """Attempt number -> outcome, of those that have one."""
    if "a" not in item:
        return {}
    return {row["n"]: row["o"] for row in unpack_rows(_bytes(item["a"]["B"])) if "o" in row}


def _bytes(value: Any) -> bytes:
    """Lambda writes binary attributes of a stream record in base64."""
    return base64.b64decode(value) if isinstance(value, str) else bytes(value)
