"""Records as DynamoDB items and back. Attribute names are short: each byte of them is billed.

| item | SK | attributes |
|---|---|---|
| event | `E#ulid` | v version, s status, t type, z size, u updated, b payload, p its place, |
| | | r report and plan, n planned, pp pages, pt their token, e reason, i idempotency key, |
| | | tp and ts trace context, xm when and xk by whom expunged |
| delivery | `D#ulid#endpoint#replay` | v, s, u, m matched by, a attempts, n attempts in all, |
| | | st step, na next attempt, l lease, h by hand, f forced, rb requested by, c cancel, |
| | | wf waiting for, e reason, g operation, xp expunged |
| payload | `B#ulid` | b |
| plan page | `M#ulid#token#page` | b |
| attempt | `A#ulid#endpoint#replay#number` | b |
| idempotency key | `I#sha256` | v, ev event, fp fingerprint |

Shared: w write token, x expiry (epoch seconds), ek/ul index `by_endpoint`, ak/ul `attention`,
dk/da `due`.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any

from hooktrace.adapters import attempt_rows
from hooktrace.domain.deliveries import Attempt, DeliveryRecord
from hooktrace.domain.events import EventRecord, PlannedDelivery
from hooktrace.domain.ids import (
    EndpointId,
    EventId,
    OperationId,
    ProjectId,
    SubscriptionId,
    bare,
    delivery_shard,
    event_shard,
)
from hooktrace.domain.states import DeliveryStatus, EventStatus

Item = dict[str, dict[str, Any]]
Key = tuple[str, str]

DUE_SHARDS = 4
MISS_REASONS = ("type", "filter", "endpoint_disabled", "subscription_disabled")


def event_key(project: ProjectId, event: EventId | str) -> Key:
    """Where an event is stored: the partition of its shard."""
    ulid = bare(event)
    return f"{project}#{event_shard(ulid)}", f"E#{ulid}"


def delivery_key(
    project: ProjectId, event_ulid: str, endpoint_ulid: str, replay: int, identifier: Any
) -> Key:
    """Where a delivery is stored: the partition of its own shard, not of its event's."""
    shard = delivery_shard(identifier, event_ulid)
    return f"{project}#{shard}", f"D#{event_ulid}#{endpoint_ulid}#{replay}"


def key_of(item: Item) -> Key:
    return item["PK"]["S"], item["SK"]["S"]


def item_bytes(item: Item) -> int:
    """The size DynamoDB bills: names in UTF-8, values by type (its documented size rules)."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    (kind, content), *_ = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "B":
        return len(content)
    if kind == "N":
        return len(content.strip("-").replace(".", "").strip("0")) // 2 + 2
    return 1


def _text(value: str) -> dict[str, str]:
    return {"S": value}


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def _blob(value: object) -> dict[str, bytes]:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return {"B": zlib.compress(text.encode("utf-8", "surrogatepass"), 9)}


def _unblob(value: Mapping[str, Any]) -> Any:
    return json.loads(zlib.decompress(bytes(value["B"])).decode("utf-8", "surrogatepass"))


def _keyed(key: Key) -> Item:
    return {"PK": _text(key[0]), "SK": _text(key[1])}


def _maybe(item: Item, texts: Mapping[str, str | None], numbers: Mapping[str, int | None]) -> None:
    for name, text in texts.items():
        if text is not None:
            item[name] = _text(text)
    for name, number in numbers.items():
        if number is not None:
            item[name] = _number(number)


def plan_rows(plan: tuple[PlannedDelivery, ...] | list[PlannedDelivery]) -> list[list[Any]]:
    return [
        [bare(p.endpoint_id), [bare(s) for s in p.matched_by], p.replay, *_asked(p)] for p in plan
    ]


def _asked(plan: PlannedDelivery) -> list[str | None]:
    """By which operation, and by which key: left out where nobody asked."""
    if plan.requested_by is not None:
        return [plan.operation_id, plan.requested_by]
    return [] if plan.operation_id is None else [plan.operation_id]


def rows_plan(rows: list[list[Any]]) -> tuple[PlannedDelivery, ...]:
    return tuple(
        PlannedDelivery(
            EndpointId(f"ep_{endpoint}"),
            tuple(SubscriptionId(f"sub_{s}") for s in subscriptions),
            replay,
            OperationId(asked[0]) if asked and asked[0] else None,
            asked[1] if len(asked) > 1 else None,
        )
        for endpoint, subscriptions, replay, *asked in rows
    )


def _slim(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report without its zeros: an event of one match stays within 1 KB."""
    slim = {"c": report["considered"], "m": report["matched"]}
    misses = {k: n for k, n in report["misses"].items() if n}
    slim |= {"x": misses} if misses else {}
    slim |= {"n": report["near_misses"]} if report["near_misses"] else {}
    return slim | ({"d": report["did_you_mean"]} if report.get("did_you_mean") else {})


def _full(slim: Mapping[str, Any]) -> dict[str, Any]:
    misses = slim.get("x", {})
    return {
        "considered": slim["c"],
        "matched": slim["m"],
        "misses": {reason: misses.get(reason, 0) for reason in MISS_REASONS},
        "near_misses": slim.get("n", []),
    } | ({"did_you_mean": slim["d"]} if "d" in slim else {})


def event_item(record: EventRecord) -> Item:
    """The item of an event record."""
    key = event_key(record.project_id, record.id)
    item = _keyed(key) | {
        "v": _number(record.version),
        "s": _text(record.status),
        "t": _text(record.type),
        "z": _number(record.size_bytes),
        "u": _number(record.updated_ms),
        "w": _text(record.write_token),
    }
    if record.packed is not None:
        item["b"] = {"B": record.packed}
    if record.report is not None or record.plan:
        slim = None if record.report is None else _slim(record.report)
        item["r"] = _blob([slim, plan_rows(record.plan)])
    _maybe(
        item,
        {
            "p": record.payload_at,
            "pt": record.plan_token,
            "e": record.reason,
            "i": record.idempotency_key,
            "tp": record.traceparent,
            "ts": record.tracestate,
            "xk": record.expunged_by,
        },
        {
            "n": record.plan_total or None,
            "pp": record.plan_pages or None,
            "x": record.expires_s,
            "xm": record.expunged_ms,
        },
    )
    if record.attention is not None:
        item["ak"] = _text(f"{record.project_id}#{record.attention}#{key[0].rsplit('#', 1)[1]}")
        item["ul"] = _text(record.ulid)
    _due(item, record.id, record.due_ms)
    return item


def event_record(item: Item) -> EventRecord:
    """The event record of an item."""
    project, _ = item["PK"]["S"].rsplit("#", 1)
    slim, rows = _unblob(item["r"]) if "r" in item else (None, [])
    return EventRecord(
        id=EventId("evt_" + item["SK"]["S"][2:]),
        project_id=ProjectId(project),
        type=item["t"]["S"],
        status=EventStatus(item["s"]["S"]),
        version=int(item["v"]["N"]),
        updated_ms=int(item["u"]["N"]),
        size_bytes=int(item["z"]["N"]),
        packed=bytes(item["b"]["B"]) if "b" in item else None,
        payload_at=_s(item, "p"),
        report=None if slim is None else _full(slim),
        plan=rows_plan(rows),
        plan_total=_n(item, "n") or 0,
        plan_pages=_n(item, "pp") or 0,
        plan_token=_s(item, "pt"),
        due_ms=_n(item, "da"),
        reason=_s(item, "e"),
        idempotency_key=_s(item, "i"),
        traceparent=_s(item, "tp"),
        tracestate=_s(item, "ts"),
        expires_s=_n(item, "x"),
        expunged_ms=_n(item, "xm"),
        expunged_by=_s(item, "xk"),
        write_token=item["w"]["S"],
    )


def _s(item: Item, name: str) -> str | None:
    return item[name]["S"] if name in item else None


def _n(item: Item, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None


def delivery_item(record: DeliveryRecord) -> Item:
    """The item of a delivery record."""
    ulid = bare(record.event_id)
    endpoint = bare(record.endpoint_id)
    key = delivery_key(record.project_id, ulid, endpoint, record.replay, record.id)
    item = _keyed(key) | {
        "v": _number(record.version),
        "s": _text(record.status),
        "u": _number(record.updated_ms),
        "m": _text(",".join(bare(s) for s in record.matched_by)),
        "n": _number(record.attempts_total),
        "w": _text(record.write_token),
        "ek": _text(record.endpoint_id),
        "ul": _text(ulid),
    }
    if record.attempts:
        item["a"] = _blob([attempt_rows.attempt_row(a) for a in record.attempts])
    _maybe(
        item,
        {
            "h": record.by_hand,
            "rb": record.requested_by,
            "c": record.cancel_reason,
            "e": record.reason,
            "wf": record.waiting_for,
            "g": record.operation_id,
        },
        {
            "f": int(record.forced) or None,
            "xp": int(record.expunged) or None,
            "st": record.step or None,
            "na": record.next_attempt_ms,
            "pm": record.promised_ms,
            "l": record.lease_until_ms,
            "x": record.expires_s,
        },
    )
    if record.attention is not None:
        item["ak"] = _text(f"{record.project_id}#{record.attention}#{key[0].rsplit('#', 1)[1]}")
    _due(item, record.id, record.due_ms)
    return item


def _due(item: Item, identifier: str, due_ms: int | None) -> None:
    if due_ms is not None:
        item["dk"] = _text(f"due#{hash_shard(identifier)}")
        item["da"] = _number(due_ms)


def hash_shard(identifier: str) -> int:
    """The shard of the `due` index that a delivery is listed in."""
    return zlib.crc32(identifier.encode()) % DUE_SHARDS


def _attempts(item: Item) -> tuple[Attempt, ...]:
    rows = _unblob(item["a"]) if "a" in item else []
    return tuple(attempt_rows.row_attempt(row) for row in rows)


def delivery_record(item: Item) -> DeliveryRecord:
    """The delivery record of an item."""
    project, _ = item["PK"]["S"].rsplit("#", 1)
    _, ulid, endpoint, replay = item["SK"]["S"].split("#")
    matched = item["m"]["S"]
    return DeliveryRecord(
        project_id=ProjectId(project),
        event_id=EventId(f"evt_{ulid}"),
        endpoint_id=EndpointId(f"ep_{endpoint}"),
        replay=int(replay),
        status=DeliveryStatus(item["s"]["S"]),
        version=int(item["v"]["N"]),
        matched_by=tuple(SubscriptionId(f"sub_{s}") for s in matched.split(",") if s),
        updated_ms=int(item["u"]["N"]),
        attempts=_attempts(item),
        attempts_total=int(item["n"]["N"]),
        step=_n(item, "st") or 0,
        next_attempt_ms=_n(item, "na"),
        due_ms=_n(item, "da"),
        lease_until_ms=_n(item, "l"),
        by_hand=_s(item, "h"),
        promised_ms=_n(item, "pm"),
        forced=bool(_n(item, "f")),
        requested_by=_s(item, "rb"),
        cancel_reason=_s(item, "c"),
        reason=_s(item, "e"),
        waiting_for=_s(item, "wf"),
        operation_id=_operation_id(item),
        expires_s=_n(item, "x"),
        expunged=bool(_n(item, "xp")),
        write_token=item["w"]["S"],
    )


def _operation_id(item: Item) -> OperationId | None:
    return OperationId(item["g"]["S"]) if "g" in item else None


def blob_item(key: Key, value: bytes, expires_s: int | None) -> Item:
    """An item that holds bytes: a payload, a plan page, a shelved attempt."""
    item = _keyed(key) | {"b": {"B": value}}
    _maybe(item, {}, {"x": expires_s})
    return item


def claim_key(project: ProjectId, key: str) -> Key:
    """Where an idempotency key is stored: spread over partitions of its own by its hash."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{project}#key#{digest[:2]}", f"I#{digest}"


def claim_item(
    project: ProjectId, key: str, event: EventId, fingerprint: str, expires_s: int
) -> Item:
    """An idempotency key and what it stands for."""
    return _keyed(claim_key(project, key)) | {
        "v": _number(1),
        "ev": _text(event),
        "fp": _text(fingerprint),
        "x": _number(expires_s),
    }


def claim_of(item: Item) -> tuple[EventId, str, int]:
    """Event id, fingerprint and expiry of an idempotency key's item."""
    return EventId(item["ev"]["S"]), item["fp"]["S"], int(item["x"]["N"])


def next_version(item: Item, current: Item) -> Item:
    """`item` as the version after `current`."""
    return item | {"v": _number(int(current["v"]["N"]) + 1)}


def pack_rows(rows: object) -> bytes:
    return _blob(rows)["B"]


def unpack_rows(packed: bytes) -> Any:
    return _unblob({"B": packed})
