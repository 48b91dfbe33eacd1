"""Accept an event: 202 means that the ledger and the queue both hold it."""

from __future__ import annotations

from dataclasses import replace

from hooktrace.domain.errors import Unavailable
from hooktrace.domain.events import INLINE_PAYLOAD_BYTES, EventRecord
from hooktrace.domain.ids import ProjectId, new_event_id
from hooktrace.domain.messages import MatchTaskV1, fits_message
from hooktrace.domain.new_event import NewEvent
from hooktrace.domain.registry import Project
from hooktrace.domain.states import EventStatus
from hooktrace.ports import Chance, Clock, Ledger, Payloads, TaskQueue, Write, Written

DAY_SECONDS = 86_400


def ingest_event(
    new: NewEvent,
    *,
    project: Project,
    ledger: Ledger,
    payloads: Payloads,
    queue: TaskQueue,
    clock: Clock,
    chance: Chance,
) -> EventRecord:
    """Stores the event, then queues it for matching, and answers with its record.

    Parts, in this order: (1) the payload beside the event, if it is large; (2) the event record;
    (3) the match message. A crash after 1 leaves bytes that expire; a crash after 2 leaves an
    `accepted` event that the audit of sweep sends again; after 3 nothing is missing. A record
    that does not exist when its message is matched is made by match.

    Raises Unavailable when the ledger or the queue does not take it: the caller may try again.
    """
    record, packed = _compose(new, project, clock=clock, chance=chance)
    if record.packed is None:
        place = payloads.put_payload(record.project_id, record.id, packed, record.expires_s or 0)
        record = replace(record, payload_at=place)
    (answer,) = ledger.write([Write(record)])
    if not isinstance(answer, Written):
        raise Unavailable("the new event id was taken already; try again")
    queue.send([(match_task(record, packed), 0)])
    return record


def _compose(
    new: NewEvent, project: Project, *, clock: Clock, chance: Chance
) -> tuple[EventRecord, bytes]:
    now_ms = clock.now_ms()
    packed = new.payload.pack()
    record = EventRecord(
        id=new_event_id(now_ms, chance.entropy(), project.shards),
        project_id=ProjectId(project.id),
        type=new.type,
        status=EventStatus.ACCEPTED,
        version=1,
        updated_ms=now_ms,
        size_bytes=len(new.payload.data),
        packed=packed if len(packed) <= INLINE_PAYLOAD_BYTES else None,
        idempotency_key=new.idempotency_key,
        traceparent=new.traceparent,
        tracestate=new.tracestate,
        expires_s=now_ms // 1000 + project.retention_days * DAY_SECONDS,
        write_token=chance.token(),
    )
    return record, packed


def match_task(record: EventRecord, packed: bytes | None) -> MatchTaskV1:
    """The message that has this event matched."""
    return MatchTaskV1(
        project_id=record.project_id,
        event_id=record.id,
        type=record.type,
        size_bytes=record.size_bytes,
        packed=fits_message(packed),
        traceparent=record.traceparent,
        tracestate=record.tracestate,
        idempotency_key=record.idempotency_key,
    )
