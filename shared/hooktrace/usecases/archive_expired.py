"""Keep what leaves the ledger: gzip JSON lines in an object store."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hooktrace.archive_ports import Archive, LargePayloads
from hooktrace.domain.archive import (
    Left,
    LeftPayload,
    LeftUnread,
    Line,
    Stretch,
    event_of,
    folder,
    inline_payload,
    large_payload_name,
    line_of,
    object_name,
    unread_payload,
)
from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import EventId, ProjectId

LARGE = "s3"  # `EventRecord.payload_at` of a payload in the object store


@dataclass(slots=True)
class Archived:
    """What a run wrote. `payloads_gone` were large, and no longer in the object store (also
    those that the batch had kept before it was repeated)."""

    lines: int = 0
    objects: int = 0
    unread: int = 0
    payloads_gone: int = 0


class ArchiveExpired:
    """The use case of the archive room; see `run`."""

    def __init__(self, *, archive: Archive, payloads: LargePayloads, with_data: bool) -> None:
        self._archive = archive
        self._payloads = payloads
        self._with_data = with_data

    def run(self, left: Sequence[Left], stretch: Stretch) -> Archived:
        """One object for each project and day of events in the batch, and one for each payload
        that was too large for the ledger.

        The names come from the batch and the bytes from the records, so a batch that is repeated
        after a crash writes the same objects again. One that is repeated in other pieces writes
        lines a second time: at least once. Memory holds the compressed lines of one object, and
        one payload. Last, large payloads are deleted where they were: they go with their events,
        and only once all of the batch is kept. A batch that is repeated after that finds them gone,
        counts them so, and leaves what it kept. Raises Unavailable; then the batch must come again.
        """
        done = Archived()
        places: dict[str, list[Left]] = {}
        for one in left:
            places.setdefault(folder(one.project_id, event_of(one)), []).append(one)
        for place, records in places.items():
            lines = self._lines(records, done)
            if content := _packed(lines, done):
                self._put(object_name(place, stretch), content, done)
        large = [one for one in left if isinstance(one, EventRecord) and one.payload_at == LARGE]
        for one in large if self._with_data else ():
            self._keep_large(one.project_id, one.id, done)
        for one in large:
            self._payloads.forget_large(one.project_id, one.id)
        return done

    def _lines(self, records: Iterable[Left], done: Archived) -> Iterator[Line]:
        for one in records:
            if isinstance(one, LeftPayload):
                yield from self._payload_lines(one, done)
                continue
            if isinstance(one, LeftUnread):
                done.unread += 1
                yield line_of(one if self._with_data else one.without_data())
                continue
            yield line_of(one)
            if isinstance(one, EventRecord) and (inline := inline_payload(one)):
                yield from self._payload_lines(inline, done)

    def _payload_lines(self, payload: LeftPayload, done: Archived) -> Iterator[Line]:
        if not self._with_data:
            return
        try:
            yield line_of(payload)
        except InvalidInput:
            done.unread += 1
            yield line_of(unread_payload(payload))

    def _keep_large(self, project: ProjectId, event: EventId, done: Archived) -> None:
        packed = self._payloads.large_payload(project, event)
        if packed is None:
            done.payloads_gone += 1
            return
        lines = self._payload_lines(LeftPayload(project, event, packed), done)
        if content := _packed(lines, done):
            self._put(large_payload_name(project, event), content, done)

    def _put(self, name: str, content: bytes, done: Archived) -> None:
        self._archive.put(name, content)
        done.objects += 1


def _packed(lines: Iterable[Line], done: Archived) -> bytes | None:
    """gzip of the lines, without the time of packing; None when there are none."""
    buffer = io.BytesIO()
    count = 0
    with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", compresslevel=6, mtime=0) as packed:
        for line in lines:
            packed.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
            count += 1
    done.lines += count
    return buffer.getvalue() if count else None
