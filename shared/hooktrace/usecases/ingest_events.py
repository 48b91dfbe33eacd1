"""Accept events: 202 means that the ledger and the queue both hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hooktrace.domain.errors import (
    Conflict,
    InvalidInput,
    Unavailable,
    Unsent,
    key_in_progress,
)
from hooktrace.domain.events import INLINE_PAYLOAD_BYTES, EventRecord
from hooktrace.domain.ids import EventId, ProjectId, new_event_id
from hooktrace.domain.messages import MatchTaskV1, fits_message
from hooktrace.domain.new_event import NewEvent
from hooktrace.domain.registry import Project
from hooktrace.domain.retention import DAY_SECONDS, expires_event_s, expires_open_s
from hooktrace.domain.states import EventStatus
from hooktrace.ports import (
    Chance,
    Clock,
    Contended,
    Failed,
    IdempotencyKeys,
    KeyClaim,
    Ledger,
    Lost,
    Payloads,
    TaskQueue,
    Write,
)
from hooktrace.usecases.whole_writes import write_one

KEY_SECONDS = DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Accepted:
    """The event is durable. `duplicate`: its idempotency key had named it before."""

    record: EventRecord
    duplicate: bool = False


@dataclass(slots=True)
class _Entry:
    new: NewEvent
    record: EventRecord
    packed: bytes
    duplicate: bool = False
    refused: InvalidInput | Conflict | Unavailable | None = None


class IngestEvents:
    """The use case of the ingest room; see `run`."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        payloads: Payloads,
        keys: IdempotencyKeys,
        queue: TaskQueue,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._ledger = ledger
        self._payloads = payloads
        self._keys = keys
        self._queue = queue
        self._clock = clock
        self._chance = chance

    def run(
        self, news: Sequence[NewEvent], project: Project
    ) -> list[Accepted | InvalidInput | Conflict | Unavailable]:
        """Stores the events, then queues them for matching; one answer for each, in order.

        Parts, in this order: (1) the idempotency key, if given, naming the event id; (2) the
        payload beside the event, if it is large; (3) the event record; (4) the match message.
        After a crash at any point the same call with the same key completes what is missing
        under the same id: a second caller does not wait for the first, it helps. Without a key,
        a crash after 2 leaves bytes that expire, one after 3 an `accepted` event that the audit
        of sweep sends again. A record that is missing when its message is matched is made then.

        InvalidInput (`idempotency_key_reused`) stands for an event whose key was used with other
        bytes, Conflict for one whose key others keep taking over, Unavailable for one that the
        ledger or the queue did not take: the caller may send these again, and no other.
        Raises Unavailable when none was taken.
        """
        entries = [self._compose(new, project) for new in news]
        self._claim_keys(entries, project)
        missing = self._without_record(_open(entries))
        self._put_payloads(missing, project)
        self._store(_open(missing))
        self._send([e for e in _open(entries) if e.record.status is EventStatus.ACCEPTED])
        if not _open(entries):
            _raise_if_away(entries)
        return [e.refused or Accepted(e.record, e.duplicate) for e in entries]

    def _send(self, fresh: list[_Entry]) -> None:
        try:
            self._queue.send([(match_task(e.record, e.packed), 0) for e in fresh])
        except Unavailable as error:
            unsent = error.positions if isinstance(error, Unsent) else range(len(fresh))
            for position in unsent:
                fresh[position].refused = error

    def is_known(self, new: NewEvent, project: Project) -> bool:
        """Whether the event's idempotency key names an event already (one read)."""
        key = new.idempotency_key
        if key is None:
            return False
        now_s = self._clock.now_ms() // 1000
        return self._keys.claimed(ProjectId(project.id), key, now_s=now_s)

    def reject(self, new: NewEvent, project: Project, report: dict[str, object]) -> EventRecord:
        """Records an event that strict ingest refuses, with the report that says why.

        One write; its idempotency key stays free. Raises Unavailable.
        """
        entry = self._compose(replace(new, idempotency_key=None), project)
        self._put_payloads([entry], project)
        if entry.refused is not None:
            raise entry.refused
        status, record = EventStatus.REJECTED, entry.record
        expires_s = expires_event_s(record.accepted_ms, project, status, record.updated_ms)
        rejected = replace(record, status=status, report=report, expires_s=expires_s)
        write_one(self._ledger, Write(rejected))
        return rejected

    def _compose(self, new: NewEvent, project: Project) -> _Entry:
        now_ms = self._clock.now_ms()
        packed = new.payload.pack()
        record = EventRecord(
            id=new_event_id(now_ms, self._chance.entropy(), project.shards),
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
            expires_s=expires_open_s(now_ms, project),
            write_token=self._chance.token(),
        )
        return _Entry(new, record, packed)

    def _claim_keys(self, entries: list[_Entry], project: Project) -> None:
        """The first to name an event by a key wins; the others take its event id."""
        now_s = self._clock.now_ms() // 1000
        keyed = [(e.new.idempotency_key, e) for e in entries if e.new.idempotency_key is not None]
        claims = [
            (key, KeyClaim(entry.record.id, fingerprint(entry.new), now_s + KEY_SECONDS))
            for key, entry in keyed
        ]
        if not claims:
            return
        stands = self._keys.claim_all(ProjectId(project.id), claims, now_s=now_s)
        for (key, entry), (_, mine), claim in zip(keyed, claims, stands, strict=True):
            if isinstance(claim, Failed):
                entry.refused = Unavailable(claim.why)
                continue
            if isinstance(claim, Contended):
                entry.refused = key_in_progress()
                continue
            entry.duplicate = claim.event_id != mine.event_id
            entry.record = replace(entry.record, id=claim.event_id)
            if claim.fingerprint != mine.fingerprint:
                entry.refused = _reused(key, claim.event_id)

    def _without_record(self, entries: list[_Entry]) -> list[_Entry]:
        """Those that have no record yet; the others take the one that their key led to.

        Nothing is stored again for them: the data of such an event may have been expunged.
        """
        named = [(e.record.project_id, e.record.id) for e in entries if e.duplicate]
        known = self._ledger.events(named) if named else {}
        for entry in entries:
            entry.record = known.get(entry.record.id, entry.record)
        return [entry for entry in entries if entry.record.id not in known]

    def _put_payloads(self, entries: list[_Entry], project: Project) -> None:
        large = [entry for entry in entries if entry.record.packed is None]
        if not large:
            return
        payloads = [(e.record.id, e.packed, e.record.expires_s or 0) for e in large]
        places = self._payloads.put_payloads(ProjectId(project.id), payloads)
        for entry, place in zip(large, places, strict=True):
            if isinstance(place, Failed):
                entry.refused = Unavailable(place.why)
            else:
                entry.record = replace(entry.record, payload_at=place)

    def _store(self, entries: list[_Entry]) -> None:
        """Writes the records. One that exists is by another call with this key: it stands."""
        answers = self._ledger.write([Write(entry.record) for entry in entries]) if entries else []
        for entry, answer in zip(entries, answers, strict=True):
            if isinstance(answer, Failed):
                entry.refused = Unavailable(answer.why)
            elif isinstance(answer, Lost):
                if isinstance(answer.current, EventRecord) and entry.new.idempotency_key:
                    entry.record = answer.current
                else:
                    entry.refused = Unavailable("the new event id was taken already; try again")


def _open(entries: Sequence[_Entry]) -> list[_Entry]:
    """Those that nothing stands against so far."""
    return [entry for entry in entries if entry.refused is None]


def _raise_if_away(entries: Sequence[_Entry]) -> None:
    """Raises the first Unavailable, if there is one: of these events none was taken."""
    for entry in entries:
        if isinstance(entry.refused, Unavailable):
            raise entry.refused


def fingerprint(new: NewEvent) -> str:
    """SHA-256 over what the producer sent: the same key must come with the same of it."""
    payload = new.payload
    parts = [new.type.encode(), repr(sorted(payload.headers.items())).encode()]
    parts += [(payload.time or "").encode(), payload.data]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _reused(key: str, event: EventId) -> InvalidInput:
    return InvalidInput(
        "idempotency_key_reused",
        f"The idempotency key `{key}` was used with another body, for {event}. "
        "Send a new key with a new event.",
    )


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
