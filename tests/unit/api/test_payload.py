"""Payload format 2.0: bodies, encodings, sizes, queries in; JSON and bytes out."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import Any

import pytest

from hooktrace.api.http import RawJson, Request, Response, Shape, encode_json, read_object
from hooktrace.api.payload import MAX_QUERY_FIELDS, to_gateway
from tests.unit.api.gateway import LIMIT, Edge, gateway_event, open_route

EVENT = b'{"type":"t","data":{"x":1.0}}'


def raw_data(request: Request) -> Response:
    parsed = read_object(request)
    return Response(202, {"data": RawJson(parsed.raw("data"))})


EDGE = Edge(open_route(raw_data))


def post(body: bytes | str | None, **headers: str) -> tuple[int, Any]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    status, answer, _ = EDGE(gateway_event(body=body, headers=names))
    return status, answer


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 202),
        ("application/json; charset=utf-8", 202),
        ('Application/JSON;charset="UTF-8"', 202),
        ("application/json; charset=utf8; profile=x", 202),
        ("application/json;", 202),
        ("application/json; charset=latin-1", 415),
        ("application/cloudevents+json", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("json", 415),
        ("", 202),
        (None, 202),
    ],
)
def test_fc_59_content_types(content_type: str | None, status: int) -> None:
    headers = {} if content_type is None else {"content_type": content_type}
    got, answer = post(EVENT, **headers)
    assert got == status
    if status == 415:
        assert answer["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    ("size", "status"),
    [
        (1_000, 202),
        (1_025, 202),
        (256_000, 202),
        (310_000, 202),
        (1_000_000, 202),
        (LIMIT, 202),
        (LIMIT + 1, 413),
        (11_000_000, 413),
    ],
)
@pytest.mark.parametrize("as_text", [True, False])
def test_fc_59_sizes(size: int, status: int, as_text: bool) -> None:
    body = b'{"type":"t","data":"' + b"x" * (size - 22) + b'"}'
    assert len(body) == size
    got, answer = post(body.decode() if as_text else body)
    assert got == status
    if status == 413:
        assert answer["code"] == "payload_too_large"
        assert str(LIMIT) in answer["detail"]


def test_fc_59_characters_are_counted_as_bytes() -> None:
    assert post('{"data":"' + "€" * 400_000 + '"}')[0] == 413


@pytest.mark.parametrize("name", ["gzip", "GZIP", "x-gzip"])
def test_fc_59_gzip_is_unpacked(name: str) -> None:
    assert post(gzip.compress(EVENT, mtime=0), content_encoding=name) == (202, {"data": {"x": 1.0}})


def test_fc_59_gzip_bomb_is_refused_without_unpacking_it() -> None:
    bomb = gzip.compress(b"0" * (64 << 20), compresslevel=1)
    assert len(bomb) < LIMIT
    assert post(bomb, content_encoding="gzip")[0] == 413
    exact = gzip.compress(b'{"data":"' + b"x" * (LIMIT - 11) + b'"}')
    assert post(exact, content_encoding="gzip")[0] == 202


@pytest.mark.parametrize(
    "body",
    [
        EVENT,
        b"\x1f\x8b",
        gzip.compress(EVENT, mtime=0)[:-3],
        gzip.compress(EVENT, mtime=0) + b"more",
        gzip.compress(EVENT, mtime=0) * 2,
        zlib.compress(EVENT),
        gzip.compress(EVENT, mtime=0)[:-8] + b"\0" * 8,
    ],
)
def test_fc_59_broken_gzip_is_a_400(body: bytes) -> None:
    status, answer = post(body, content_encoding="gzip")
    assert (status, answer["code"]) == (400, "invalid_encoding")


def test_fc_59_gzip_that_the_gateway_passed_as_text() -> None:
    packed = gzip.compress(EVENT, mtime=0)
    json_type = {"content_encoding": "gzip", "content_type": "application/json"}
    assert post(packed.decode("latin-1"), **json_type)[0] == 202
    status, answer = post(packed.decode("utf-8", "replace"), **json_type)
    assert (status, answer["code"]) == (415, "unsupported_encoding")
    assert "octet-stream" in answer["detail"]


def test_fc_59_packed_bodies_may_be_declared_as_bytes() -> None:
    headers = {"content_encoding": "gzip", "content_type": "application/octet-stream"}
    assert post(gzip.compress(EVENT, mtime=0), **headers)[0] == 202
    assert post(EVENT, content_type="application/octet-stream")[0] == 415


@pytest.mark.parametrize("name", ["br", "deflate", "gzip, gzip", "zstd"])
def test_fc_59_other_encodings_are_a_415(name: str) -> None:
    status, answer = post(EVENT, content_encoding=name)
    assert (status, answer["code"]) == (415, "unsupported_encoding")


def test_bodies_that_are_no_base64_or_absent() -> None:
    event = gateway_event(body=b"x") | {"body": "@@@@"}
    assert EDGE(event)[1]["code"] == "invalid_encoding"
    assert post(None)[1]["code"] == "invalid_json"
    assert post(EVENT, content_encoding="identity")[0] == 202


def test_a_route_may_have_a_limit_of_its_own() -> None:
    edge = Edge(open_route(raw_data, max_body_bytes=10))
    assert edge(gateway_event(body=b'{"data":12}'))[0] == 413
    assert edge(gateway_event(body=b'{"data":1}'))[0] == 202


def test_raw_json_goes_out_as_it_came_in() -> None:
    source = '{ "n": [1.0, 1e2, -0, 12345678901234567890123], "s": "\\u00e9 é \\\\1" }'
    event = gateway_event(body=f'{{"type":"t","data":{source}}}')
    answer: Any = EDGE.handler(event, None)
    assert answer["body"] == f'{{"data":{source}}}'


def test_query_is_decoded_in_order_with_repeats() -> None:
    edge = Edge(open_route(lambda request: Response(200, request.query), "GET"))
    raw = "b=1&a=x%20y+z&b=%E2%82%AC&empty=&bare&b=a%26b"
    assert edge(gateway_event("GET", query=raw))[1] == [
        ["b", "1"], ["a", "x y z"], ["b", "€"], ["empty", ""], ["bare", ""], ["b", "a&b"],
    ]  # fmt: skip
    for bad in ("a=%ff", "&".join(["a=1"] * (MAX_QUERY_FIELDS + 1))):
        status, body, _ = edge(gateway_event("GET", query=bad))
        assert (status, body["code"]) == (400, "invalid_parameter")


def test_header_names_are_lower_case() -> None:
    edge = Edge(open_route(lambda request: Response(200, dict(request.headers)), "GET"))
    assert edge(gateway_event("GET", headers={"X-Thing": "A"}))[1] == {"x-thing": "A"}


class Thing(Shape):
    name: str
    more: tuple[int, ...] = ()


def test_json_of_models_sets_and_raw_texts() -> None:
    value = {"thing": Thing(name="é", more=(1,)), "raw": [RawJson(b"1.0"), RawJson(b"{}")]}
    assert encode_json(value) == '{"thing":{"name":"é","more":[1]},"raw":[1.0,{}]}'
    assert encode_json(frozenset({"b", "a"})) == '["a","b"]'


class Stored(Shape):
    data: Any
    things: list[Any] = []  # noqa: RUF012 - pydantic copies it


def test_raw_texts_survive_inside_models() -> None:
    stored = Stored(data=RawJson(b"1.0"), things=[Stored(data={"x": RawJson(b"1e2")})])
    assert encode_json({"stored": stored}) == (
        '{"stored":{"data":1.0,"things":[{"data":{"x":1e2},"things":[]}]}}'
    )


def test_fc_12_output_is_valid_utf_8_whatever_is_inside() -> None:
    text = encode_json({"title": "a \ud83d b", "k": "é"})
    assert text.encode() == '{"title":"a \\ud83d b","k":"é"}'.encode()
    assert json.loads(text) == {"title": "a \ud83d b", "k": "é"}


def test_answers_in_bytes_and_without_body() -> None:
    page = Response(200, b"<p>", {"Content-Type": "text/html"})
    answer: Any = to_gateway(page, "r")
    assert (answer["body"], answer["isBase64Encoded"]) == ("<p>", False)
    assert answer["headers"]["content-type"] == "text/html"
    answer = to_gateway(Response(200, b"\xff"), "r")
    assert (base64.b64decode(answer["body"]), answer["isBase64Encoded"]) == (b"\xff", True)
    answer = to_gateway(Response(304, None, {"etag": '"v1"', "cache-control": "no-cache"}), "r")
    assert "body" not in answer
    assert answer["headers"] == {
        "x-request-id": "r",
        "x-content-type-options": "nosniff",
        "cache-control": "no-cache",
        "etag": '"v1"',
    }
