"""Every member of every body, wrong in every way: the answer says where, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Never

import pytest
from pydantic import BaseModel

from functions.manage.contract import EndpointCreate, KeyCreate, ProjectCreate
from functions.manage.operation_shapes import OperationCreate
from functions.manage.routes import declare
from hooktrace.api.http import validate
from hooktrace.domain.errors import Fault, InvalidInput
from hooktrace.domain.strict_json import parse_object

JARGON = re.compile(
    r"[Ii]nput|should|valid(ation| string| integer| boolean| array| dictionary)|[Dd]iscriminator"
    r"|\btags?\b|\bmatch pattern|Extra|\bNone\b"
)
SECRET = "hunter2-" * 700
WRONG = [7, -1, 1.5, True, None, "", SECRET, [], {}, [7], [None], {"zzz": 1}, "\u0001"]


def unwired() -> Never:
    raise AssertionError("no request comes")


BODIES = sorted({route.body for route in declare(unwired) if route.body}, key=lambda m: m.__name__)


def faults_of(model: type[BaseModel], document: object) -> tuple[Fault, ...]:
    try:
        validate(parse_object(json.dumps(document).encode()), model)
    except InvalidInput as error:
        return error.faults
    return ()


def wrongs(model: type[BaseModel]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Documents with one place that is wrong, and its pointer."""
    whole = model.model_json_schema()

    def places(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for wrong in WRONG:
            yield "", wrong
        for choice in (schema, *schema.get("anyOf", []), *schema.get("oneOf", [])):
            found = choice
            if "$ref" in choice:
                found = whole["$defs"][choice["$ref"].rpartition("/")[2]]
            if found is not schema or "properties" in found:
                yield from inside(found)

    def inside(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        members: dict[str, Any] = schema.get("properties", {})
        fixed = {name: one["const"] for name, one in members.items() if "const" in one}
        for name, one in members.items():
            for pointer, wrong in places(one):
                yield f"/{name}{pointer}", fixed | {name: wrong}
        if "oneOf" in schema:
            yield from places(schema)
        if isinstance(schema.get("items"), dict):
            for pointer, wrong in places(schema["items"]):
                yield f"/0{pointer}", [wrong]
        if isinstance(schema.get("additionalProperties"), dict):
            for pointer, wrong in places(schema["additionalProperties"]):
                yield f"/aa{pointer}", {"aa": wrong}

    yield from inside(whole)


def leads_somewhere(pointer: str, document: Any, *, is_missing: bool) -> bool:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    for at, step in enumerate(steps):
        if isinstance(document, list):
            document = document[int(step)]
        elif step in document:
            document = document[step]
        else:
            return is_missing and at == len(steps) - 1
    return True


def test_the_walk_goes_through_every_body() -> None:
    assert len(BODIES) >= 10
    assert sum(1 for model in BODIES for _ in wrongs(model)) > 1_000


@pytest.mark.parametrize("model", BODIES, ids=lambda model: model.__name__)
def test_no_fault_speaks_of_the_validator_or_points_nowhere(model: type[BaseModel]) -> None:
    for place, document in wrongs(model):
        for fault in faults_of(model, document):
            told = f"{place} of {document!r:.80}: {fault}"
            assert not JARGON.search(fault.message), told
            assert "hunter2" not in fault.message, told
            assert fault.message.endswith("."), told
            is_missing = fault.code == "missing_field"
            assert leads_somewhere(fault.pointer, document, is_missing=is_missing), told


@pytest.mark.parametrize(
    ("model", "document", "pointer", "code", "message"),
    [
        (EndpointCreate, {"url": None}, "/url", "invalid_field", "Give a string, not null."),
        (EndpointCreate, {}, "/url", "missing_field", "This member is required."),
        (EndpointCreate, {"url": "x", "timeout_seconds": "5"}, "/timeout_seconds", "invalid_field",
         "Give a whole number."),
        (EndpointCreate, {"url": "x", "timeout_seconds": 31}, "/timeout_seconds", "invalid_field",
         "Give a number of at most 30."),
        (EndpointCreate, {"url": "x", "retry_schedule": [1, 0]}, "/retry_schedule/1",
         "invalid_field", "Give a number of at least 1."),
        (EndpointCreate, {"url": "x", "retry_schedule": [1] * 21}, "/retry_schedule",
         "invalid_field", "Give at most 20 entries."),
        (EndpointCreate, {"url": "x", "description": "x" * 513}, "/description", "invalid_field",
         "Give at most 512 characters."),
        (EndpointCreate, {"url": "x", "payload": "all"}, "/payload", "invalid_field",
         "Give envelope or data."),
        (EndpointCreate, {"url": "x", "auth": {}}, "/auth/type", "missing_field",
         "This member is required: basic or oauth2_client_credentials."),
        (EndpointCreate, {"url": "x", "auth": {"type": "oauth"}}, "/auth/type", "invalid_field",
         "Give basic or oauth2_client_credentials."),
        (EndpointCreate, {"url": "x", "auth": {"type": "basic", "username": "a"}},
         "/auth/password", "missing_field", "This member is required."),
        (EndpointCreate,
         {"url": "x", "auth": {"type": "basic", "username": "a", "password": "b", "user": "c"}},
         "/auth/user", "unknown_field",
         "This member is not known here. Remove it. Known: password, type and username."),
        (EndpointCreate, {"url": "x", "auth": {"type": "basic", "username": "a:b",
                                               "password": "c"}},
         "/auth/username", "invalid_field",
         "A user name has no colon: that is where the password begins."),
        (EndpointCreate, {"url": "x", "rate_limit": {"requests": 1, "per": 2}},
         "/rate_limit/per", "unknown_field",
         "This member is not known here. Remove it. Known: requests and seconds."),
        (EndpointCreate, {"url": "x", "headers": {"a": "1", "Host": "x"}}, "/headers/Host",
         "reserved_header", "The header host is set by Hooktrace."),
        (EndpointCreate, {"url": "x", "headers": {"a": "1", "b": "\n"}}, "/headers/b",
         "invalid_header_value",
         "Give at most 1024 visible ASCII characters, with spaces only between them."),
        (EndpointCreate, {"url": "x", "metadata": {"m" * 65: ""}}, f"/metadata/{'m' * 65}",
         "invalid_field", "The name of this member: give at most 64 characters."),
        (EndpointCreate, {"url": "x", "permanent_statuses": [400, 200]}, "/permanent_statuses/1",
         "invalid_status", "Statuses from 300 to 599 only."),
        (EndpointCreate, {"url": "x", "headers": {f"x-{n}": "x" * 1024 for n in range(4)}},
         "/headers", "invalid_field", "All headers together: at most 4096 characters."),
        (ProjectCreate, {"name": ""}, "/name", "invalid_field", "It must not be empty."),
        (ProjectCreate, {"name": "p", "notifications": {"endpoint_ids": ["ep_1"]}},
         "/notifications/endpoint_ids/0", "invalid_field",
         "Give the whole id of an endpoint: ep_ and 26 characters."),
        (KeyCreate, {"name": "k", "scopes": ["root"]}, "/scopes/0", "invalid_field",
         "Give one of admin, write or read."),
        (OperationCreate, {"action": "retry", "filter": {"endpoint": "ep_1"}},
         "/filter/endpoint", "unknown_field",
         "This member is not known here. Remove it. Known: endpoint_id, idempotency_key, outcome,"
         " response_status, since, status, subscription_id, trigger, type and until."),
    ],
)  # fmt: skip
def test_what_is_said(
    model: type[BaseModel], document: dict[str, Any], pointer: str, code: str, message: str
) -> None:
    assert faults_of(model, document) == (Fault(pointer, code, message),)
