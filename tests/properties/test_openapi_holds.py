"""What the OpenAPI document says of each call holds: in memory, for every route that a room has.

schemathesis makes requests that fit the document and requests that do not. No answer is a 5xx, has
a status or a content type that is not declared, or a body that does not fit its schema. The same is
asked of the deployed stack in `tests/e2e/test_openapi_holds.py`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from hooktrace.api.exchange import Route
from hooktrace.api.openapi import build_document
from tests.inhabited import kind_of, populate
from tests.whole_api import WholeApi
from tests.world import World
from tools.openapi import collect_routes

DOCUMENT = "/openapi.json"
OF_THE_BUNDLE = (DOCUMENT, "/docs")
ROUTES = [route for route in collect_routes() if route.path not in OF_THE_BUNDLE]
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]


class Served:
    """The whole API as a WSGI application, as API Gateway would hand requests on."""

    def __init__(self) -> None:
        self.api = WholeApi(World())
        _, tokens = self.api.project("documented")
        self.authorization = f"Bearer {tokens['admin']}"
        self.has = populate(self.api, tokens["admin"], "documented")
        self._state = self.api.remember()

    def begin(self) -> None:
        """As it was at the beginning."""
        self.api.restore(self._state)

    def __call__(self, environ: Mapping[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == DOCUMENT:
            document = build_document(collect_routes(), version="0") | {"servers": [{"url": "/"}]}
            start("200 OK", [("content-type", "application/json")])
            return [json.dumps(document).encode()]
        answer = self.api.handle(_event(environ))
        text = str(answer.get("body") or "")
        headers = [(name, str(value)) for name, value in answer["headers"].items()]
        start(f"{answer['statusCode']} {HTTPStatus(answer['statusCode']).phrase}", headers)
        return [text.encode("utf-8", "surrogatepass")]


def _event(environ: Mapping[str, Any]) -> dict[str, Any]:
    headers = {
        name[5:].lower().replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    size = int(environ.get("CONTENT_LENGTH") or 0)
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": environ.get("QUERY_STRING", ""),
        "headers": headers,
        "requestContext": {
            "requestId": "r",
            "stage": "$default",
            "http": {"method": environ["REQUEST_METHOD"], "path": path, "sourceIp": "192.0.2.1"},
        },
        "isBase64Encoded": True,
        "body": base64.b64encode(environ["wsgi.input"].read(size)).decode(),
    }


@pytest.fixture(scope="module")
def served() -> Served:
    return Served()


@pytest.fixture(scope="module")
def documented(served: Served) -> Any:
    return schemathesis.openapi.from_wsgi(DOCUMENT, served)


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.key)
def test_answers_are_as_documented(
    route: Route, mode: schemathesis.GenerationMode, documented: Any, served: Served
) -> None:
    operation = documented[route.path][route.method]
    checks = schemathesis.checks.CHECKS.get_by_names(CHECKS)

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def holds(case: Any, data: st.DataObject) -> None:
        if "{" in route.path and data.draw(st.booleans()):  # else nothing would ever be found
            ids = served.has.ids[kind_of(route)]
            case.path_parameters = dict.fromkeys(
                case.path_parameters, data.draw(st.sampled_from(ids))
            )
        served.begin()
        case.call_and_validate(headers={"authorization": served.authorization}, checks=checks)

    with suppress(Unsatisfiable):  # of some calls nothing can be wrong
        holds()
