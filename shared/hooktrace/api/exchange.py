"""Requests, responses and routes, as handlers see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from hooktrace.api.auth import ApiKeyIdentity
from hooktrace.domain.keys import Scope


class Shape(BaseModel):
    """The base of the HTTP shapes: unknown members are refused, values do not change.

    A string under a field is its description in the OpenAPI document.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        # Imported here because only the building of the document comes along.
        from hooktrace.api.attribute_docs import attribute_docs

        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in attribute_docs(cls).items():
            if name in properties:
                properties[name].setdefault("description", text)
        return schema


class RawJson:
    """A JSON text (valid UTF-8) that goes into a response as it stands.

    Not a dataclass: pydantic would take one that stands in a field of type Any to pieces.
    """

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RawJson) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"RawJson({self.text!r})"


@dataclass(frozen=True, slots=True)
class Request:
    """A decoded and, where its route has a scope, authenticated request.

    `query` keeps order and repeats. Names in `headers` are lower-case. `body` is unpacked.
    What a handler writes into `log` (ids, counts; no content) goes into the line of this call.
    """

    method: str
    route_key: str
    path: str
    path_params: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    key: ApiKeyIdentity | None
    request_id: str
    source_ip: str
    log: dict[str, object] = field(default_factory=dict)

    @property
    def caller(self) -> ApiKeyIdentity:
        """The key that was authenticated; only for routes that have a scope."""
        if self.key is None:
            raise RuntimeError(f"{self.route_key} has no scope, so nobody was authenticated")
        return self.key

    @property
    def project_id(self) -> str:
        """The project of the caller's key."""
        return self.caller.project_id


@dataclass(frozen=True, slots=True)
class Response:
    """What a handler answers.

    `body` becomes JSON (dicts, sequences, pydantic models, `RawJson` anywhere inside), except
    `bytes`, which are sent as they stand, and None, which sends no body.
    """

    status: int
    body: object | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One call of the API: how it is dispatched, and all that its documentation says.

    `path` is a template such as `/v1/events/{id}`; a part in braces matches one segment.
    `scope` None means that no key is needed. `responses` maps a status to the model of its body
    (None: no JSON body), `problems` names the problem codes of this call beyond those of every
    call. `headers` names request headers that it honours (described in `hooktrace.api.openapi`).
    `max_body_bytes` replaces the limit of the room.
    """

    method: str
    path: str
    handler: Handler
    scope: Scope | None
    operation_id: str
    summary: str
    description: str = ""
    tags: tuple[str, ...] = ()
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    responses: Mapping[int, type[BaseModel] | None] = field(default_factory=lambda: {200: None})
    problems: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    max_body_bytes: int | None = None

    @property
    def key(self) -> str:
        """The route key of API Gateway: `GET /v1/events/{id}`."""
        return f"{self.method} {self.path}"
