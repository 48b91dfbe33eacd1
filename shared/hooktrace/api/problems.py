"""Errors as RFC 9457 problem documents, each with a stable code.

`PROBLEMS` is the one table of the codes that a caller can meet; `docs/api.md` explains each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from hooktrace.api.exchange import Request, Response
from hooktrace.domain.errors import (
    Fault,
    HooktraceError,
    InvalidInput,
    Refusal,
    Unauthorized,
    Unavailable,
)

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:hooktrace:problem:"
RETRY_AFTER_SECONDS = 2
MAX_FAULTS = 10
MAX_TEXT = 500
"""Characters of a detail, a pointer or a parameter. A name may be as long as the body that holds
it; a hundred problems of a batch must still fit into what Lambda may answer (6 MB)."""
MAX_MESSAGE = 300


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """The status and the title that belong to a code."""

    status: int
    title: str


PROBLEMS: Mapping[str, ProblemKind] = {
    "invalid_json": ProblemKind(400, "The body is not valid JSON"),
    "invalid_unicode": ProblemKind(400, "The body is not valid Unicode text"),
    "duplicate_name": ProblemKind(400, "A member name stands twice in one object"),
    "too_deep": ProblemKind(400, "The body is nested too deeply"),
    "number_out_of_range": ProblemKind(400, "A number is out of range"),
    "not_an_object": ProblemKind(400, "The body is not a JSON object"),
    "missing_field": ProblemKind(400, "A required member is missing"),
    "unknown_field": ProblemKind(400, "The body has a member that this call does not know"),
    "invalid_field": ProblemKind(400, "A member has a value that is not allowed"),
    "invalid_event_type": ProblemKind(400, "The event type is not valid"),
    "reserved_event_type": ProblemKind(400, "The event type is reserved"),
    "invalid_idempotency_key": ProblemKind(400, "The idempotency key is not valid"),
    "missing_parameter": ProblemKind(400, "A required parameter is missing"),
    "unknown_parameter": ProblemKind(400, "The query has a parameter that is not known"),
    "invalid_parameter": ProblemKind(400, "A parameter has a value that is not allowed"),
    "invalid_cursor": ProblemKind(400, "The cursor does not belong to this list"),
    "invalid_header": ProblemKind(400, "A header has a value that is not allowed"),
    "invalid_encoding": ProblemKind(400, "The body cannot be unpacked"),
    "invalid_event_types": ProblemKind(422, "The event types are not valid"),
    "invalid_filter": ProblemKind(422, "The filter is not valid"),
    "invalid_event_pattern": ProblemKind(422, "The event pattern is not valid"),
    "invalid_url": ProblemKind(422, "The URL cannot be an endpoint"),
    "http_not_allowed": ProblemKind(422, "The project allows https only"),
    "blocked_address": ProblemKind(422, "The URL leads to an address that is not allowed"),
    "invalid_secret": ProblemKind(400, "The signing secret is not valid"),
    "unauthorized": ProblemKind(401, "A valid API key is needed"),
    "insufficient_scope": ProblemKind(403, "The API key may not do this"),
    "not_found": ProblemKind(404, "Not found"),
    "method_not_allowed": ProblemKind(405, "This method does not exist here"),
    "conflict": ProblemKind(409, "The present state does not allow this"),
    "endpoint_disabled": ProblemKind(409, "The endpoint is disabled"),
    "delivery_in_flight": ProblemKind(409, "An attempt of this delivery is under way or queued"),
    "data_expunged": ProblemKind(409, "The data of this event was expunged"),
    "statistics_off": ProblemKind(409, "This deployment keeps no statistics"),
    "idempotency_in_progress": ProblemKind(409, "Other requests with this key are at work"),
    "too_many_keys": ProblemKind(409, "The project has as many keys as it may have"),
    "too_many_secrets": ProblemKind(409, "As many secrets sign already as may do so"),
    "precondition_failed": ProblemKind(412, "It has changed since you read it"),
    "payload_too_large": ProblemKind(413, "The body is too large"),
    "unsupported_media_type": ProblemKind(415, "The body must be application/json"),
    "unsupported_encoding": ProblemKind(415, "The body may be packed with gzip only"),
    "idempotency_key_reused": ProblemKind(422, "The key was used with another body"),
    "unmatched": ProblemKind(422, "The event matches no subscription"),
    "unknown_reference": ProblemKind(422, "The body names something that does not exist"),
    "internal_error": ProblemKind(500, "Something went wrong on our side"),
    "unavailable": ProblemKind(503, "Not available just now"),
}

COMMON = ("internal_error", "unavailable")
"""Codes that every call can answer."""

WITH_KEY = ("unauthorized", "insufficient_scope")
"""Codes of every call that needs a key."""

WITH_QUERY = ("unknown_parameter", "invalid_parameter")
"""Codes of every call with query parameters."""

WITH_BODY = (
    "invalid_json",
    "invalid_unicode",
    "duplicate_name",
    "too_deep",
    "number_out_of_range",
    "not_an_object",
    "missing_field",
    "unknown_field",
    "invalid_field",
    "invalid_encoding",
    "payload_too_large",
    "unsupported_media_type",
    "unsupported_encoding",
)
"""Codes of every call with a JSON body."""


def problem(
    request_id: str,
    code: str,
    detail: str,
    *,
    faults: Iterable[Fault] = (),
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, object] | None = None,
) -> Response:
    """A problem response. `extra` are extension members; a code not in the table is a 400."""
    kind = PROBLEMS.get(code, ProblemKind(400, "The request is refused"))
    body: dict[str, object] = {
        "type": TYPE_PREFIX + code,
        "title": kind.title,
        "status": kind.status,
        "detail": _shown(detail, MAX_TEXT),
        "code": code,
    }
    errors = [_entry(fault) for fault in islice(faults, MAX_FAULTS)]
    if errors:
        body["errors"] = errors
    body["request_id"] = request_id
    body.update(extra or {})
    return Response(kind.status, body, {"content-type": CONTENT_TYPE, **(headers or {})})


def problem_for(request: Request, code: str, detail: str, **more: object) -> Response:
    """`problem` for handlers that answer with one instead of raising; `more` is `extra`."""
    return problem(request.request_id, code, detail, extra=more)


def _entry(fault: Fault) -> dict[str, str]:
    name, text = ("parameter", fault.parameter) if fault.parameter else ("pointer", fault.pointer)
    message = _shown(fault.message, MAX_MESSAGE)
    return {name: _shown(text, MAX_TEXT), "code": fault.code, "message": message}


def _shown(text: str, most: int) -> str:
    """The text, cut with a mark where it repeats something long of the caller's."""
    mark = "..."
    return text if len(text) <= most + len(mark) else text[:most] + mark


def refusal_status(error: HooktraceError) -> int:
    """The HTTP status that an exception of ours is answered with."""
    return problem_of(error, "").status


def problem_of(error: Exception, request_id: str) -> Response:
    """The problem that an exception is answered with."""
    match error:
        case InvalidInput():
            return problem(request_id, error.code, error.message, faults=error.faults)
        case Unauthorized():
            headers = {"www-authenticate": "Bearer"}
            return problem(request_id, error.code, error.message, headers=headers)
        case Refusal():
            headers = {}
            if error.retry_after_seconds is not None:
                headers["retry-after"] = str(error.retry_after_seconds)
            return problem(request_id, error.code, error.message, headers=headers)
        case Unavailable():
            detail = "The service could not store or read this just now. Try again."
            headers = {"retry-after": str(RETRY_AFTER_SECONDS)}
            return problem(request_id, "unavailable", detail, headers=headers)
        case _:
            detail = "The service failed to handle this request. Its log has the request id."
            return problem(request_id, "internal_error", detail)
