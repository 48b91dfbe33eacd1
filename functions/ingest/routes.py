"""The calls of the ingest room."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from functions.ingest.contract import (
    AcceptedEvent,
    BatchAnswer,
    BatchResult,
    IngestQuery,
    Links,
    NewBatch,
    NewEventShape,
)
from hooktrace.api.http import (
    Request,
    Response,
    Route,
    check_content_type,
    problem_for,
    read_query,
    too_large,
)
from hooktrace.api.problems import problem_of
from hooktrace.domain.errors import Conflict, Fault, InvalidInput, Unavailable
from hooktrace.domain.events import EventRecord
from hooktrace.domain.new_event import NewEvent, parse_new_event
from hooktrace.domain.strict_json import split_items
from hooktrace.domain.trace_context import valid_traceparent, valid_tracestate
from hooktrace.usecases.await_outcome import MAX_SECONDS, RETRY_AFTER_SECONDS, Waited
from hooktrace.usecases.ingest_events import Accepted

MAX_ITEMS = 100
BATCH_BODY_BYTES = 4 * 1_048_576
"""Lambda takes events of 6 MB: there JSON is escaped (20 to 30 % more), gzip is in base64."""

_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*([0-9]{1,300})\s*(?:$|[,;])", re.IGNORECASE)

_DESCRIPTION = """Answers 202 when the event is stored and queued; the id in the answer leads to its
trace at once. With `Idempotency-Key` the same request may be sent again for 24 hours: the answer
names the same event, with `"duplicate": true`. With `unmatched=reject` an event that no
subscription wants is answered with 422 and the clauses that said no, and is recorded as `rejected`.
`Prefer: wait=N` (at most 25 s) holds the answer until the outcome is known, shown as `status`. An
answer with `Retry-After` and without `Preference-Applied` did not wait: as many calls of the
project as may wait at once do so already.
"""


class Wired(Protocol):
    """What the routes need."""

    @property
    def max_event_bytes(self) -> int: ...

    def ingest(
        self, news: Sequence[NewEvent], project_id: str
    ) -> list[Accepted | InvalidInput | Conflict | Unavailable]: ...

    def reject_unmatched(self, new: NewEvent, project_id: str) -> EventRecord | None: ...

    def outcome(self, record: EventRecord, seconds: int) -> Waited: ...


def declare(wired: Callable[[], Wired]) -> tuple[Route, ...]:
    """The routes; `wired` is called when a request comes."""

    def post_event(request: Request) -> Response:
        query = read_query(request, IngestQuery)
        check_content_type(request)
        seconds = _wished_wait(request)
        key = request.headers.get("idempotency-key")
        traceparent, tracestate = _trace_context(request)
        new = parse_new_event(
            request.body, idempotency_key=key, traceparent=traceparent, tracestate=tracestate
        )
        if query.unmatched == "reject":
            rejected = wired().reject_unmatched(new, request.project_id)  # None: it may go on
            if rejected is not None:
                request.log["event"] = rejected.id
                return _unmatched(request, rejected)
        (answer,) = wired().ingest([new], request.project_id)
        if not isinstance(answer, Accepted):
            raise answer
        request.log["event"] = answer.record.id
        body = _accepted(answer)
        headers = {"location": body["links"]["self"]}
        if seconds:
            waited = wired().outcome(answer.record, seconds)
            body["status"] = waited.status or body["status"]
            if waited.had_slot:
                headers["preference-applied"] = f"wait={seconds}"
            else:
                request.log["no_slot"] = True
                headers["retry-after"] = str(RETRY_AFTER_SECONDS)
        return Response(202, body, headers)

    def post_batch(request: Request) -> Response:
        check_content_type(request)
        if "idempotency-key" in request.headers:
            message = "A batch has no `Idempotency-Key`; give each event its own `idempotency_key`."
            fault = Fault("", "invalid_header", message, parameter="idempotency-key")
            raise InvalidInput("invalid_header", message, (fault,))
        context, limit = _trace_context(request), wired().max_event_bytes
        read = [
            _read(item, context, limit)
            for item in split_items(request.body, "events", max_items=MAX_ITEMS)
        ]
        if not read:
            message = "`events` must hold at least one event."
            fault = Fault("/events", "invalid_field", message)
            raise InvalidInput("invalid_field", message, (fault,))
        good = [new for new in read if isinstance(new, NewEvent)]
        answers = iter(wired().ingest(good, request.project_id))
        results = [next(answers) if isinstance(new, NewEvent) else new for new in read]
        request.log["accepted"] = sum(isinstance(one, Accepted) for one in results)
        request.log["refused"] = sum(isinstance(one, InvalidInput) for one in results) or None
        request.log["not_stored"] = (
            sum(isinstance(one, (Conflict, Unavailable)) for one in results) or None
        )
        return Response(202, {"items": [_result(one, request) for one in results]})

    return (
        Route(
            method="POST",
            path="/v1/events",
            handler=post_event,
            scope="write",
            operation_id="createEvent",
            summary="Accept an event",
            description=_DESCRIPTION,
            tags=("Events",),
            query=IngestQuery,
            body=NewEventShape,
            responses={202: AcceptedEvent},
            problems=(
                "invalid_event_type",
                "reserved_event_type",
                "invalid_idempotency_key",
                "idempotency_key_reused",
                "idempotency_in_progress",
                "unmatched",
            ),
            headers=("Idempotency-Key", "Prefer", "Content-Encoding", "traceparent", "tracestate"),
        ),
        Route(
            method="POST",
            path="/v1/events/batch",
            handler=post_batch,
            scope="write",
            operation_id="createEvents",
            summary="Accept up to 100 events",
            description=(
                "Each event has its own result, in order; one bad event spoils none. Send those "
                "with status 503 or 409 again, and no others: they were not accepted. An event may "
                "be as large as one that comes alone, the batch at most 4 MiB, unpacked."
            ),
            tags=("Events",),
            body=NewBatch,
            responses={202: BatchAnswer},
            problems=("invalid_header", "idempotency_in_progress"),
            headers=("Content-Encoding", "traceparent", "tracestate"),
            max_body_bytes=BATCH_BODY_BYTES,
        ),
    )


def _wished_wait(request: Request) -> int:
    """Seconds of `Prefer: wait=N` (RFC 7240), at most 25; 0 without it. Others are ignored."""
    found = _WAIT.search(request.headers.get("prefer", ""))
    return min(int(found[1]), MAX_SECONDS) if found else 0


def _trace_context(request: Request) -> tuple[str | None, str | None]:
    traceparent = valid_traceparent(request.headers.get("traceparent"))
    state = valid_tracestate(request.headers.get("tracestate"))
    return traceparent, state if traceparent else None


def _read(
    item: bytes, context: tuple[str | None, str | None], limit: int
) -> NewEvent | InvalidInput:
    """The event of a batch: as large as one that comes alone, and no larger."""
    if len(item) > limit:
        return too_large(limit)
    try:
        return parse_new_event(item, in_batch=True, traceparent=context[0], tracestate=context[1])
    except InvalidInput as error:
        return error


def _accepted(answer: Accepted) -> dict[str, Any]:
    record = answer.record
    links = Links(self=f"/v1/events/{record.id}")
    body = AcceptedEvent(id=record.id, status=record.status, links=links)
    shown = body.model_dump(exclude={"duplicate"})
    return shown | ({"duplicate": True} if answer.duplicate else {})


def _result(
    one: Accepted | InvalidInput | Conflict | Unavailable, request: Request
) -> dict[str, Any]:
    if isinstance(one, Accepted):
        return {"status": 202, "event": _accepted(one)}
    refused = problem_of(one, request.request_id)
    return BatchResult(status=refused.status).model_dump(exclude={"event", "problem"}) | {
        "problem": refused.body
    }


def _unmatched(request: Request, rejected: EventRecord) -> Response:
    return problem_for(
        request,
        "unmatched",
        "No subscription wants this event; `match` says why not, clause by clause.",
        event_id=rejected.id,
        match=dict(rejected.report or {}),
        links={"self": f"/v1/events/{rejected.id}"},
    )
