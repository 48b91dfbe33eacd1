"""The OpenAPI 3.1 document, made from the rooms' own route tables.

Convention: a room behind the API has a module `functions/<room>/routes.py` with

    def declare(wired: Callable[[], Room]) -> tuple[Route, ...]

`Room` is whatever its handlers need. Importing the module and calling `declare` reads no
environment and touches no AWS: `wired` is called only while a request is handled. The handler
module passes the real wiring, `tools/openapi.py` passes `unwired`. The document is written when the
bundle is built, and `hooktrace.api.bundled` reads it there.

What a route says in code is what its documentation says: models, parameters, statuses, problem
codes, scope. Examples are those of the models (`json_schema_extra={"examples": [...]}`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal, NoReturn

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from hooktrace.api import problems
from hooktrace.api.exchange import Route
from hooktrace.api.webhooks import webhooks_and_schemas

Json = dict[str, Any]
_Model = type[BaseModel]
_Mode = Literal["validation", "serialization"]
_Refs = Mapping[tuple[_Model, _Mode], Json]

_REF = "#/components/schemas/"
_PATH_PART = re.compile(r"\{(\w+)\}")

_DESCRIPTION = """Send an event once; Hooktrace signs it, delivers it to every matching endpoint and
retries, and keeps a trace from the event to its outcome. Every error of Hooktrace is a problem
document (RFC 9457) with a stable `code`; what API Gateway does not let through, it
answers itself, above all with 429."""

HEADERS: Mapping[str, str] = {
    "Idempotency-Key": (
        "1 to 255 visible ASCII characters, with spaces only between them. The same key with the "
        "same body within 24 hours gives the same answer and makes nothing new."
    ),
    "If-Match": 'The change is made only if the entity tag is still this one, such as `"v7"`.',
    "If-None-Match": "The answer is 304 without a body if the entity tag is still this one.",
    "Prefer": "`wait=N` waits up to N seconds for the outcome.",
    "Content-Encoding": "`gzip`, or nothing.",
    "traceparent": "W3C trace context, passed on with every attempt.",
    "tracestate": "W3C trace context, passed on with every attempt.",
}
"""The request headers that routes may name."""

_PROBLEM: Json = {
    "type": "object",
    "description": "An error as RFC 9457 has it; some problems carry further members.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "A URN that ends with the code."},
        "title": {"type": "string", "description": "What the code means."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What is wrong here and what to do."},
        "code": {"type": "string", "description": "The stable code to act on."},
        "errors": {
            "type": "array",
            "description": "Each thing that is wrong, at most ten.",
            "items": {"$ref": _REF + "ProblemError"},
        },
        "request_id": {"type": "string", "description": "The id to ask us about."},
    },
}
_PROBLEM_ERROR: Json = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "pointer": {"type": "string", "description": "JSON pointer into the body."},
        "parameter": {"type": "string", "description": "The query parameter or header."},
        "code": {"type": "string"},
        "message": {"type": "string"},
    },
}

_THROTTLED: Json = {
    "description": (
        "Too many requests: the answer of API Gateway itself, no problem document and without "
        "`Retry-After`. Nothing was done. Send the request again after a pause that doubles each "
        "time, with jitter."
    ),
    "content": {
        "application/json": {
            "schema": {"type": "object", "properties": {"message": {"type": "string"}}}
        }
    },
}


def build_document(routes: Sequence[Route], *, version: str) -> Json:
    """The OpenAPI document of the routes. Raises ValueError for two with the same operation."""
    _check_unique(routes)
    refs, schemas = _schemas(routes)
    paths: dict[str, Json] = {}
    for route in sorted(routes, key=lambda route: (route.path, route.method)):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs, schemas)
    for route in routes:
        if route.query is not None:
            schemas.pop(_name(refs, route.query), None)
    webhooks, told = webhooks_and_schemas()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hooktrace",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "./", "description": "Where this document is served"}],
        "tags": [{"name": tag} for tag in sorted({tag for route in routes for tag in route.tags})],
        "paths": paths,
        "webhooks": webhooks,
        "components": {
            "schemas": schemas | told | {"Problem": _PROBLEM, "ProblemError": _PROBLEM_ERROR},
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "ht_<key id>_<secret>",
                    "description": "An API key. Scopes: admin contains write, write contains read.",
                }
            },
        },
    }


def unwired() -> NoReturn:
    """The `wired` for declaring routes without handling requests."""
    raise RuntimeError("these routes were declared for their documentation only")


def problem_codes(route: Route) -> tuple[str, ...]:
    """All codes that the route can answer, by status."""
    codes = {*problems.COMMON, *route.problems}
    if route.scope is not None:
        codes.update(problems.WITH_KEY)
    codes.update(problems.WITH_QUERY if route.query is not None else ("unknown_parameter",))
    if route.body is not None:
        codes.update(problems.WITH_BODY)
    elif route.method != "GET":
        codes.add("unknown_field")
    if {"If-Match", "If-None-Match"} & set(route.headers):
        codes.add("invalid_header")
    if "{" in route.path:
        codes.add("not_found")
    return tuple(sorted(codes, key=lambda code: (problems.PROBLEMS[code].status, code)))


def _check_unique(routes: Iterable[Route]) -> None:
    seen: set[str] = set()
    for route in routes:
        for name in (route.key, route.operation_id):
            if name in seen:
                raise ValueError(f"two routes have {name!r}")
            seen.add(name)


def _schemas(routes: Iterable[Route]) -> tuple[_Refs, dict[str, Json]]:
    wanted: dict[tuple[_Model, _Mode], None] = {}
    for route in routes:
        for model in (route.query, route.body):
            if model is not None:
                wanted[(model, "validation")] = None
        for answer in route.responses.values():
            if answer is not None:
                wanted[(answer, "serialization")] = None
    found, definitions = models_json_schema(list(wanted), ref_template=_REF + "{model}")
    refs: _Refs = {(model, mode): found[(model, mode)] for model, mode in wanted}
    return refs, definitions.get("$defs", {})


def _name(refs: _Refs, model: _Model) -> str:
    return str(refs[(model, "validation")]["$ref"]).removeprefix(_REF)


def _operation(route: Route, refs: _Refs, schemas: Mapping[str, Json]) -> Json:
    operation: Json = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "tags": list(route.tags),
    }
    description = [route.description] if route.description else []
    if route.scope is not None:
        description.append(f"Needs an API key with the scope `{route.scope}`.")
        operation["security"] = [{"apiKey": []}]
        operation["x-required-scope"] = route.scope
    else:
        operation["security"] = []
    operation["description"] = "\n\n".join(description)
    parameters = _parameters(route, refs, schemas)
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        content = {"application/json": {"schema": refs[(route.body, "validation")]}}
        operation["requestBody"] = {"required": True, "content": content}
    operation["responses"] = _responses(route, refs)
    return operation


def _parameters(route: Route, refs: _Refs, schemas: Mapping[str, Json]) -> list[Json]:
    found: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PATH_PART.findall(route.path)
    ]
    if route.query is not None:
        schema = schemas[_name(refs, route.query)]
        required = schema.get("required", [])
        for name, entry in schema.get("properties", {}).items():
            found.append(_query_parameter(name, entry, required=name in required))
    for name in route.headers:
        description = HEADERS[name]
        schema = {"type": "string"}
        found.append({"name": name, "in": "header", "description": description, "schema": schema})
    return found


def _query_parameter(name: str, entry: Json, *, required: bool) -> Json:
    schema = {key: value for key, value in entry.items() if key not in ("description", "title")}
    choices = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    if len(choices) == 1:
        schema = {key: value for key, value in schema.items() if key != "anyOf"} | choices[0]
    if schema.get("default", "") is None:
        del schema["default"]
    parameter: Json = {"name": name, "in": "query", "required": required, "schema": schema}
    if "description" in entry:
        parameter["description"] = entry["description"]
    return parameter


def _responses(route: Route, refs: _Refs) -> dict[str, Json]:
    responses: dict[str, Json] = {}
    for status, model in sorted(route.responses.items()):
        response: Json = {"description": HTTPStatus(status).phrase}
        if model is not None:
            schema = refs[(model, "serialization")]
            response["content"] = {"application/json": {"schema": schema}}
        responses[str(status)] = response
    by_status: dict[int, list[str]] = {}
    for code in problem_codes(route):
        by_status.setdefault(problems.PROBLEMS[code].status, []).append(code)
    for number, codes in by_status.items():
        entry = responses.setdefault(str(number), {"description": HTTPStatus(number).phrase})
        listed = ", ".join(f"`{code}`" for code in codes)
        entry["description"] = f"{entry['description']}: {listed}"
        entry.setdefault("content", {})[problems.CONTENT_TYPE] = {
            "schema": {
                "allOf": [{"$ref": _REF + "Problem"}],
                "properties": {"code": {"enum": codes}},
            }
        }
    return dict(sorted((responses | {"429": _THROTTLED}).items()))
