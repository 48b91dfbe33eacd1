"""Bodies and queries of requests as checked models."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from hooktrace.api.exchange import Request
from hooktrace.api.problems import PROBLEMS
from hooktrace.domain.errors import Fault, InvalidInput
from hooktrace.domain.strict_json import ParsedObject, parse_object

M = TypeVar("M", bound=BaseModel)

_JSON = "application/json"
_PACKED = ("application/octet-stream", "application/gzip")
_BUILT_IN = frozenset(get_args(ErrorType))
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_SEQUENCES = (list, tuple, set, frozenset)


def check_content_type(request: Request) -> None:
    """Raises InvalidInput (415) unless the body is declared as JSON in UTF-8, or not at all.

    A gzip body may be declared as bytes: the gateway damages one that is declared as text.
    """
    declared = request.headers.get("content-type", "").strip()
    if not declared:
        return
    media_type, *parameters = (part.strip().lower() for part in declared.split(";"))
    packed = request.headers.get("content-encoding", "").strip().lower() not in ("", "identity")
    allowed = (_JSON, *_PACKED) if packed else (_JSON,)
    charsets = [part[8:].strip(' "') for part in parameters if part.startswith("charset=")]
    if media_type not in allowed or any(name not in ("utf-8", "utf8") for name in charsets):
        message = "Send `Content-Type: application/json` (in UTF-8), or no content type at all."
        fault = Fault("", "unsupported_media_type", message, parameter="content-type")
        raise InvalidInput("unsupported_media_type", message, (fault,))


def read_object(request: Request) -> ParsedObject:
    """The body as a strictly parsed JSON object. Raises InvalidInput (400, 415)."""
    check_content_type(request)
    return parse_object(request.body)


def read_json(request: Request, model: type[M]) -> M:
    """The body as a checked model. Raises InvalidInput (400, 415).

    Values must have the JSON type that the model wants (no "1" for a number). The code is that of
    the first fault: `missing_field`, `unknown_field` or `invalid_field`. What a validator of the
    model raises as `PydanticCustomError` becomes a fault with the code chosen there, and, if that
    is a problem code, the code of the whole.
    """
    return validate(read_object(request), model)


def validate(parsed: ParsedObject, model: type[M]) -> M:
    """A parsed object as a checked model, as `read_json` does it."""
    try:
        return model.model_validate_json(parsed.source, strict=True, extra="forbid")
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        faults = [_body_fault(detail, parsed.members) for detail in details]
        raise _invalid(faults, "invalid_field") from None


def read_query(request: Request, model: type[M]) -> M:
    """The query as a checked model. Raises InvalidInput (400).

    Parameters of sequence fields may stand several times, all others once. Whole numbers are
    decimal digits alone: pydantic would also take ` 10`, `1_0` and `10.0`.
    """
    values: dict[str, list[str]] = {}
    for name, value in request.query:
        values.setdefault(name, []).append(value)
    repeatable = _repeatable(model)
    faults = [
        Fault("", "invalid_parameter", "This parameter may stand only once.", parameter=name)
        for name, given in values.items()
        if len(given) > 1 and name in _names(model) and name not in repeatable
    ]
    data: dict[str, Any] = {
        name: given if name in repeatable else given[0] for name, given in values.items()
    }
    for name in _numbers(model) & data.keys():
        if _WHOLE.fullmatch(data[name]) is None:
            message = "Give a whole number in decimal digits, such as 50."
            faults.append(Fault("", "invalid_parameter", message, parameter=name))
            del data[name]
    try:
        checked = model.model_validate(data, extra="forbid")
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        faults += [_query_fault(detail) for detail in details]
        raise _invalid(faults, "invalid_parameter") from None
    if faults:
        raise _invalid(faults, "invalid_parameter")
    return checked


def _invalid(faults: Sequence[Fault], otherwise: str) -> InvalidInput:
    first = faults[0]
    place = first.pointer or first.parameter
    detail = f"{place}: {first.message}" if place else first.message
    code = first.code if first.code in PROBLEMS else otherwise
    return InvalidInput(code, detail, tuple(faults))


def _body_fault(detail: ErrorDetails, document: object) -> Fault:
    kind = detail["type"]
    code = {"missing": "missing_field", "extra_forbidden": "unknown_field"}.get(
        kind, "invalid_field" if kind in _BUILT_IN else kind
    )
    message = {
        "missing_field": "This member is required.",
        "unknown_field": "This member is not known here. Remove it.",
    }.get(code, f"{detail['msg'].removesuffix('.')}.")
    return Fault(_pointer(detail["loc"], document, code == "missing_field"), code, message)


def _query_fault(detail: ErrorDetails) -> Fault:
    name = str(detail["loc"][0]) if detail["loc"] else ""
    match detail["type"]:
        case "missing":
            return Fault("", "missing_parameter", "This parameter is required.", parameter=name)
        case "extra_forbidden":
            message = "This parameter is not known here. Remove it."
            return Fault("", "unknown_parameter", message, parameter=name)
        case kind:
            code = "invalid_parameter" if kind in _BUILT_IN else kind
            return Fault("", code, f"{detail['msg'].removesuffix('.')}.", parameter=name)


def _pointer(loc: Iterable[int | str], document: object, last_is_new: bool) -> str:
    """The JSON pointer of an error. Steps that lead nowhere are pydantic's own labels: left out."""
    pointer, steps = "", list(loc)
    for at, step in enumerate(steps):
        new = last_is_new and at == len(steps) - 1
        if isinstance(step, int) and isinstance(document, list) and step < len(document):
            document = document[step]
        elif isinstance(step, str) and isinstance(document, dict) and (new or step in document):
            document = document.get(step)
        else:
            continue
        pointer += "/" + str(step).replace("~", "~0").replace("/", "~1")
    return pointer


@cache
def _names(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in model.model_fields.items())


@cache
def _numbers(model: type[BaseModel]) -> frozenset[str]:
    """The parameters whose field is a whole number."""
    return frozenset(
        field.alias or name for name, field in model.model_fields.items() if field.annotation is int
    )


@cache
def _repeatable(model: type[BaseModel]) -> frozenset[str]:
    """The parameters whose field is a sequence."""
    return frozenset(
        field.alias or name
        for name, field in model.model_fields.items()
        if _is_sequence(field.annotation)
    )


def _is_sequence(annotation: Any) -> bool:
    origin = get_origin(annotation) or annotation
    if origin is Annotated:
        return _is_sequence(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return any(_is_sequence(choice) for choice in get_args(annotation))
    return origin in _SEQUENCES
