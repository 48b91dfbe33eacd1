"""What the routes of this room read from requests beyond plain shapes."""

from __future__ import annotations

from hooktrace.api.http import (
    Request,
    Response,
    check_if_match,
    is_not_modified,
    read_object,
    version_tag,
)
from hooktrace.domain.errors import Fault, InvalidInput, NotFound
from hooktrace.domain.ids import is_id
from hooktrace.domain.strict_json import ParsedObject
from hooktrace.usecases.amend import VersionCheck
from hooktrace.usecases.select_events import (
    MEMBERS,
    Selection,
    parse_selection,
    refused_selection,
)

_FILTER_CODES = {"duplicate_name": "duplicate_key", "number_out_of_range": "invalid_number"}


def path_id(request: Request, prefix: str) -> str:
    """The id in the path. Raises NotFound for what cannot be an id of this kind."""
    identifier = request.path_params.get("id", "")
    if not is_id(identifier, prefix):
        raise NotFound
    return identifier


def if_match(request: Request) -> VersionCheck:
    """Holds the version that stands against the request's `If-Match`."""
    return lambda version: check_if_match(request, version_tag(version))


def not_modified(request: Request, version: int) -> Response | None:
    """304 when the caller of a GET has this version already."""
    tag = version_tag(version)
    if request.method == "GET" and is_not_modified(request, tag):
        return Response(304, None, {"etag": tag})
    return None


def tagged(request: Request, version: int, body: dict[str, object]) -> Response:
    """200 with the entity tag, or 304 when the caller of a GET has this version already."""
    same = not_modified(request, version)
    return same or Response(200, body, {"etag": version_tag(version)})


def created(path: str, version: int, body: dict[str, object]) -> Response:
    """201 with the place and the entity tag of what was made."""
    return Response(201, body, {"location": path, "etag": version_tag(version)})


def read_selecting(request: Request) -> ParsedObject:
    """The body of a call that may carry a filter.

    What JSON itself cannot say twice or at all is a fault of the filter when it stands in one.
    """
    try:
        return read_object(request)
    except InvalidInput as error:
        if not error.faults or not all(_in_filter(fault) for fault in error.faults):
            raise
        raise refused_selection([_filter_fault(fault) for fault in error.faults]) from None


def selection_of(parsed: ParsedObject) -> Selection:
    """The selection in a body, read from its text. Raises InvalidInput."""
    names = [name for name in parsed.members if name in MEMBERS]
    return parse_selection({name: parsed.raw(name).decode() for name in names})


def _in_filter(fault: Fault) -> bool:
    return fault.code in _FILTER_CODES and fault.pointer.startswith(("/filter/", "/event_pattern/"))


def _filter_fault(fault: Fault) -> Fault:
    code = _FILTER_CODES[fault.code]
    top = "/" + fault.pointer.split("/")[1]
    return Fault(top if code == "duplicate_key" else fault.pointer, code, fault.message)
