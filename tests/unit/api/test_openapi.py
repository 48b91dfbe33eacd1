"""The OpenAPI document and its page, from a small API and from the real rooms."""

from __future__ import annotations

import importlib.util
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import ConfigDict, Field

from hooktrace.api import bundled, docs_page
from hooktrace.api.http import Request, Response, Shape
from hooktrace.api.openapi import HEADERS, build_document, problem_codes, unwired
from tests.unit.api.gateway import route
from tools.openapi import ROOMS, collect_routes, main

ROOT = Path(__file__).resolve().parents[3]


class Part(Shape):
    size: int


class NewThing(Shape):
    """A thing to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "<a>", "parts": []}]})

    name: str
    """What it is `called`."""
    parts: list[Part] = Field(default_factory=list)
    colour: Literal["red", "green"] = Field("red", examples=["green"])


class Thing(NewThing):
    id: str
    """Its id."""


class Filters(Shape):
    limit: int = Field(50, ge=1, le=200, description="How many.")
    status: list[str] | None = None
    cursor: str


def answer(request: Request) -> Response:
    return Response(200)


ROUTES = [
    route(answer, "GET", "/v1/things", scope="read", query=Filters, responses={200: Thing}),
    route(
        answer,
        "POST",
        "/v1/things",
        operation_id="createThing",
        summary="Make a thing <b>.",
        tags=("things",),
        scope="write",
        body=NewThing,
        responses={201: Thing, 422: Thing},
        problems=("unmatched",),
        headers=("Idempotency-Key",),
    ),
    route(answer, "DELETE", "/v1/things/{id}", scope="admin", responses={204: None}),
    route(answer, "GET", "/healthz"),
]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return build_document(ROUTES, version="1.2.3")


def test_each_call_may_be_throttled_by_the_gateway(document: dict[str, Any]) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            throttled = operation["responses"]["429"]
            assert list(throttled["content"]) == ["application/json"]
            assert "doubles each time" in throttled["description"]


def test_the_document_is_valid_openapi_31(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert json.loads(json.dumps(document)) == document


def test_operations_say_what_the_routes_say(document: dict[str, Any]) -> None:
    create = document["paths"]["/v1/things"]["post"]
    assert create["security"] == [{"apiKey": []}]
    assert create["x-required-scope"] == "write"
    assert create["requestBody"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/NewThing"}}
    }
    assert set(create["responses"]) == {
        "201", "400", "401", "403", "413", "415", "422", "429", "500", "503",
    }  # fmt: skip
    assert set(create["responses"]["422"]["content"]) == {
        "application/json",
        "application/problem+json",
    }
    assert [entry["name"] for entry in create["parameters"]] == ["Idempotency-Key"]
    health = document["paths"]["/healthz"]["get"]
    assert health["security"] == []
    assert set(health["responses"]) == {"200", "400", "429", "500", "503"}
    delete = document["paths"]["/v1/things/{id}"]["delete"]
    assert delete["parameters"][0] == {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
    }
    assert "404" in delete["responses"]
    assert "content" not in delete["responses"]["204"]


def test_query_parameters(document: dict[str, Any]) -> None:
    limit, status, cursor = document["paths"]["/v1/things"]["get"]["parameters"]
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    assert (limit["description"], limit["required"]) == ("How many.", False)
    assert status["schema"] == {"type": "array", "items": {"type": "string"}}
    assert cursor["required"] is True
    assert "Filters" not in document["components"]["schemas"]


def test_schemas_keep_examples_and_descriptions(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["NewThing"]
    assert schema["examples"] == [{"name": "<a>", "parts": []}]
    assert schema["properties"]["name"]["description"] == "What it is `called`."
    assert schema["additionalProperties"] is False
    answered = document["components"]["schemas"]["Thing"]["properties"]
    assert answered["name"]["description"] == "What it is `called`."
    assert answered["id"]["description"] == "Its id."


def test_the_same_operation_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="createThing"):
        build_document([*ROUTES, route(answer, "PUT", operation_id="createThing")], version="1")


def test_methods_by_path_for_allow(document: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    methods = bundled.methods_by_path(bundled.load_document(file))
    assert set(methods["/v1/things"]) == {"GET", "POST"}


def test_routes_declared_for_the_document_cannot_be_used() -> None:
    with pytest.raises(RuntimeError, match="documentation"):
        unwired()


class Links(HTMLParser):
    """Collects what a browser would fetch or follow, and checks that tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "action") and value is not None:
                self.found.append(value)
            if name == "id" and value is not None:
                self.ids.add(value)
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check_page(document: dict[str, Any]) -> str:
    page = docs_page.render(document)
    links = Links()
    links.feed(page)
    assert links.open == []
    targets = {link.removeprefix("#") for link in links.found if link.startswith("#")}
    assert targets <= links.ids
    assert {link for link in links.found if not link.startswith("#")} == {"openapi.json"}
    assert "<script" not in page
    assert re.search(r"https?://|url\(|@import", page) is None
    return page


def test_the_page_needs_nothing_from_outside_and_escapes(document: dict[str, Any]) -> None:
    page = check_page(document)
    assert "Make a thing &lt;b&gt;." in page
    assert "&lt;a&gt;" in page
    assert "What it is <code>called</code>." in page
    assert "For example <code>&quot;green&quot;</code>" in page


REAL = all(importlib.util.find_spec(f"functions.{room}") for room in ROOMS) and all(
    importlib.util.find_spec(f"functions.{room}.routes") for room in ROOMS
)


@pytest.mark.skipif(not REAL, reason="the rooms behind the API are not there yet")
def test_the_document_of_the_rooms_is_valid_and_complete(tmp_path: Path) -> None:
    target = tmp_path / "build" / "openapi.json"
    main([str(target)])
    document = bundled.load_document(target)
    OpenAPIV31SpecValidator(document).validate()
    check_page(document)
    routes = collect_routes()
    for one in routes:
        operation = document["paths"][one.path][one.method.lower()]
        assert operation["summary"]
        assert one.tags, f"{one.key} has no tag"
        assert set(one.headers) <= set(HEADERS)
        listed = json.dumps(operation["responses"])
        assert all(f"`{code}`" in listed for code in problem_codes(one))
    open_paths = {one.path for one in routes if one.scope is None}
    assert open_paths == {"/openapi.json", "/docs", "/healthz"}
