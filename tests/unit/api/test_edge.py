"""The edge: dispatch, authentication, what becomes of exceptions, the line that is logged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hooktrace.api.http import Request, Response, problem_for
from hooktrace.domain.errors import (
    Conflict,
    Fault,
    IllegalTransition,
    InvalidInput,
    NotFound,
    PreconditionFailed,
    Unavailable,
)
from tests.unit.api.gateway import Edge, gateway_event, open_route


def echo(request: Request) -> Response:
    request.log["thing_id"] = request.path_params.get("id")
    return Response(200, {"id": request.path_params.get("id"), "route": request.route_key})


def raising(error: Exception) -> Edge:
    def handler(request: Request) -> Response:
        raise error

    return Edge(open_route(handler))


def test_dispatch_by_route_key_and_by_path() -> None:
    edge = Edge(
        open_route(echo, "GET", "/v1/things/{id}"), open_route(echo, "GET", "/v1/things/mine")
    )
    by_key = gateway_event("GET", "/x", route_key="GET /v1/things/{id}", params={"id": "a"})
    assert edge(by_key)[1] == {"id": "a", "route": "GET /v1/things/{id}"}
    assert edge(gateway_event("GET", "/v1/things/b"))[1]["id"] == "b"
    assert edge(gateway_event("GET", "/v1/things/mine"))[1]["route"] == "GET /v1/things/mine"
    assert edge(gateway_event("GET", "/prod/v1/things/c", stage="prod"))[1]["id"] == "c"


def test_unknown_path_is_a_problem() -> None:
    status, body, headers = Edge(open_route(echo))(gateway_event("GET", "/v2/things"))
    assert (status, body["code"], body["request_id"]) == (404, "not_found", "req-1")
    assert headers["content-type"] == "application/problem+json"


def test_wrong_method_names_the_allowed_ones() -> None:
    edge = Edge(open_route(echo, "GET"), open_route(echo, "POST"))
    status, body, headers = edge(gateway_event("DELETE"))
    assert (status, body["code"], headers["allow"]) == (405, "method_not_allowed", "GET, POST")


def test_the_room_for_the_rest_knows_the_methods_of_the_whole_api() -> None:
    api = {"/v1/events/{id}/replay": ("POST",), "/v1/things": ("PATCH",)}
    edge = Edge(open_route(echo), api_methods=lambda: api)
    assert edge(gateway_event("GET", "/v1/events/evt_1/replay"))[2]["allow"] == "POST"
    assert edge(gateway_event("GET", "/v1/things"))[2]["allow"] == "PATCH, POST"
    assert edge(gateway_event("GET", "/v1/events/a/b/replay"))[0] == 404


def test_two_handlers_for_one_route_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="two routes"):
        Edge(open_route(echo), open_route(echo))


def test_authentication_comes_before_the_body_and_the_query() -> None:
    edge = Edge(open_route(echo, scope="write"))
    broken = {"body": "x" * (2 << 20), "query": "a=%ff"}
    status, body, headers = edge(gateway_event(**broken))
    assert (status, body["code"]) == (401, "unauthorized")
    assert headers["www-authenticate"] == "Bearer"
    status, body, _ = edge(gateway_event(**broken, headers={"authorization": "Bearer reader"}))
    assert (status, body["code"]) == (403, "insufficient_scope")
    status, body, _ = edge(gateway_event(**broken, headers={"Authorization": "Bearer admin"}))
    assert (status, body["code"]) == (400, "invalid_parameter")
    status, _, _ = edge(gateway_event(headers={"Authorization": "Bearer admin"}))
    assert status == 200


def test_caller_of_an_open_route_is_a_mistake_of_ours() -> None:
    edge = Edge(open_route(lambda request: Response(200, request.project_id)))
    assert edge(gateway_event())[0] == 500


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidInput("invalid_json", "no"), 400, "invalid_json"),
        (InvalidInput("payload_too_large", "no"), 413, "payload_too_large"),
        (InvalidInput("idempotency_key_reused", "no"), 422, "idempotency_key_reused"),
        (InvalidInput("a_code_not_in_the_table", "no"), 400, "a_code_not_in_the_table"),
        (NotFound("no"), 404, "not_found"),
        (Conflict("no", code="endpoint_disabled"), 409, "endpoint_disabled"),
        (PreconditionFailed(), 412, "precondition_failed"),
        (Unavailable("the table said no"), 503, "unavailable"),
        (IllegalTransition("no"), 500, "internal_error"),
        (KeyError("secret"), 500, "internal_error"),
    ],
)
def test_exceptions_become_problems(error: Exception, status: int, code: str) -> None:
    got, body, headers = raising(error)(gateway_event())
    assert (got, body["status"], body["code"]) == (status, status, code)
    assert body["type"] == f"urn:hooktrace:problem:{code}"
    assert body["title"]
    assert headers["content-type"] == "application/problem+json"


def test_retry_after() -> None:
    assert raising(Unavailable("x"))(gateway_event())[2]["retry-after"] == "2"
    busy = Conflict("Wait.", code="idempotency_in_progress", retry_after_seconds=1)
    assert raising(busy)(gateway_event())[2]["retry-after"] == "1"
    assert "retry-after" not in raising(Conflict())(gateway_event())[2]


def test_faults_are_listed_with_their_place() -> None:
    faults = (
        Fault("/data/a", "invalid_field", "Not so."),
        Fault("", "unknown_parameter", "Not known.", parameter="limt"),
    )
    body = raising(InvalidInput("invalid_field", "no", faults))(gateway_event())[1]
    assert body["errors"] == [
        {"pointer": "/data/a", "code": "invalid_field", "message": "Not so."},
        {"parameter": "limt", "code": "unknown_parameter", "message": "Not known."},
    ]


def test_a_handler_may_answer_with_a_problem_of_more_members() -> None:
    def handler(request: Request) -> Response:
        return problem_for(request, "unmatched", "Nothing matches.", report={"considered": 3})

    edge = Edge(open_route(handler))
    status, body, _ = edge(gateway_event())
    assert (status, body["report"]) == (422, {"considered": 3})
    assert edge.lines[0]["code"] == "unmatched"


def test_one_line_for_each_call_with_ids_and_without_content() -> None:
    ticks = iter([10.0, 10.0125])
    edge = Edge(open_route(echo, "GET", "/v1/things/{id}", scope="read"), timer=lambda: next(ticks))
    headers = {"authorization": "Bearer reader"}
    edge(gateway_event("GET", "/v1/things/t1", headers=headers, query="q=private"))
    assert edge.lines == [
        {
            "room": "test",
            "route": "GET /v1/things/{id}",
            "project": "prj_1",
            "key": "key_1",
            "thing_id": "t1",
            "status": 200,
            "ms": 12.5,
        }
    ]


def test_a_failure_is_logged_with_its_place_and_without_foreign_text() -> None:
    edge = raising(ValueError("the body was s3cr3t"))
    status, body, _ = edge(gateway_event(body="s3cr3t"))
    line = json.dumps(edge.lines[0])
    assert (status, edge.lines[0]["level"], edge.lines[0]["status"]) == (500, "error", 500)
    assert "ValueError" in line
    assert "test_edge.py" in line
    assert "s3cr3t" not in line + json.dumps(body)


def test_our_own_words_and_the_cause_are_logged() -> None:
    try:
        try:
            raise TimeoutError("socket 7")
        except TimeoutError as cause:
            raise Unavailable("the ledger did not answer") from cause
    except Unavailable as error:
        edge = raising(error)
    _, body, _ = edge(gateway_event())
    assert edge.lines[0]["error"] == ["Unavailable: the ledger did not answer", "TimeoutError"]
    assert "ledger" not in body["detail"]


@pytest.mark.parametrize(
    "event", [{}, {"requestContext": None}, {"requestContext": 5}, {"headers": 5}, None, []]
)
def test_events_of_another_form_are_answered_too(event: Any) -> None:
    edge = Edge(open_route(echo))
    assert edge(event)[0] == 500
    assert len(edge.lines) == 1


def test_what_cannot_be_encoded_is_a_problem() -> None:
    for body in ({"x": float("nan")}, {"x": object()}):
        edge = Edge(open_route(lambda request, body=body: Response(200, body)))
        assert edge(gateway_event())[1]["code"] == "internal_error"
        assert edge.lines[0]["status"] == 500


def test_what_a_call_does_not_take_is_refused() -> None:
    edge = Edge(open_route(echo, query=None, body=None))
    status, body, _ = edge(gateway_event("POST", "/v1/things", query="x=1", body=""))
    assert (status, body["code"]) == (400, "unknown_parameter")
    assert body["errors"][0]["parameter"] == "x"
    status, body, _ = edge(gateway_event("POST", "/v1/things", body='{"secret":"x"}'))
    assert (status, body["code"]) == (400, "unknown_field")
    for nothing in ("", "{}", " {} "):
        assert edge(gateway_event("POST", "/v1/things", body=nothing))[0] == 200
