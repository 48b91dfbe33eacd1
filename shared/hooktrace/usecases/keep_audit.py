"""The audit trail: a record before each change, completed after it, and its list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hooktrace.domain.audit import AuditFilter, AuditRecord, member_names
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import lowest_ulid, ulid
from hooktrace.domain.listing import window
from hooktrace.ports import Clock
from hooktrace.registry_ports import AuditStore

LOOKED_AT = 1_000
"""The most records that one page looks at."""
PIECE = 200


@dataclass(frozen=True, slots=True)
class AuditDesk:
    """What keeping the trail works with."""

    store: AuditStore
    clock: Clock
    random_bytes: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and how the call is found in the logs."""

    project_id: str
    key_id: str
    request_id: str
    source_ip: str


@dataclass(frozen=True, slots=True)
class AuditPlace:
    """Where a walk stands: its window [low, high) in Unix milliseconds, and the ULID it goes on
    after (None: at its beginning)."""

    low_ms: int
    high_ms: int
    after: str | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Records in order; `next_place` is where the next page goes on, None at the end."""

    items: tuple[AuditRecord, ...]
    next_place: AuditPlace | None


def begin(
    caller: Caller, action: str, target: str | None, body: bytes, *, desk: AuditDesk
) -> AuditRecord:
    """Writes down that a call is about to change something. Raises Unavailable: then it must not.

    So no change is without its record. A crash after this leaves the outcome `unknown`.
    """
    now_ms = desk.clock.now_ms()
    record = AuditRecord(
        id=f"aud_{ulid(now_ms, desk.random_bytes(10))}",
        project_id=caller.project_id,
        at_ms=now_ms,
        key_id=caller.key_id,
        action=action,
        request_id=caller.request_id,
        source_ip=caller.source_ip,
        target=target,
        members=member_names(body),
    )
    desk.store.put_audit(record)
    return record


def finish(record: AuditRecord, status: int, target: str | None, *, desk: AuditDesk) -> bool:
    """Completes the record; False when the store did not answer: what is done stays done."""
    try:
        desk.store.put_audit(replace(record, status=status, target=target or record.target))
    except Unavailable:
        return False
    return True


def first_place(
    since: str | None, until: str | None, *, descending: bool, desk: AuditDesk
) -> AuditPlace:
    """Where a walk begins; all its pages keep this window. Raises InvalidInput for the times."""
    now_ms = desk.clock.now_ms()
    return AuditPlace(*window(since, until, now_ms=now_ms, descending=descending))


def list_audit(
    project_id: str,
    wanted: AuditFilter,
    place: AuditPlace,
    *,
    descending: bool,
    limit: int,
    desk: AuditDesk,
) -> AuditPage:
    """One page of the trail.

    At most `LOOKED_AT` records are looked at: a page may be short, even empty, and have a next.
    """
    low, high, after = lowest_ulid(place.low_ms), lowest_ulid(place.high_ms), place.after
    found: list[AuditRecord] = []
    looked_at = 0
    while looked_at < LOOKED_AT:
        if after is not None:
            low, high = (low, after) if descending else (after, high)
        piece = desk.store.read_audit(project_id, low, high, limit=PIECE + 1, descending=descending)
        rows = [record for record in piece if record.id[4:] != after]
        for record in rows:
            after = record.id[4:]
            looked_at += 1
            if wanted.takes(record):
                found.append(record)
            if len(found) == limit:
                return AuditPage(tuple(found), replace(place, after=after))
        if len(piece) <= PIECE:
            return AuditPage(tuple(found), None)
    return AuditPage(tuple(found), replace(place, after=after))
