"""Bodies and queries as models; entity tags."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from hooktrace.api.http import (
    Request,
    Shape,
    check_if_match,
    is_not_modified,
    read_json,
    read_query,
    version_tag,
)
from hooktrace.domain.errors import InvalidInput, PreconditionFailed
from tests.unit.api.gateway import request


def _no_ftp(url: str) -> str:
    if url.startswith("ftp"):
        raise PydanticCustomError("invalid_url", "No ftp here")
    if url.startswith("odd"):
        raise PydanticCustomError("odd_url", "Nothing odd")
    return url


class Inner(Shape):
    size: int


class Body(Shape):
    name: Annotated[str, Field(min_length=1)]
    inner: Inner | None = None
    sizes: tuple[int, ...] = ()
    ratio: float = 1.0
    url: Annotated[str, AfterValidator(_no_ftp)] = ""


class Query(Shape):
    status: list[str] | None = None
    kinds: Annotated[tuple[int, ...], Field(max_length=2)] = ()
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    since: str | None = None


class NeedsCursor(Shape):
    cursor: str


def refused(call: object, *args: object) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        call(*args)  # type: ignore[operator]  # any of the readers
    return caught.value


def test_a_body_becomes_a_model() -> None:
    body = b'{"name":"a","inner":{"size":3},"sizes":[1],"ratio":2}'
    assert read_json(request(body), Body) == Body(
        name="a", inner=Inner(size=3), sizes=(1,), ratio=2.0
    )


@pytest.mark.parametrize(
    ("body", "code", "faults"),
    [
        (b"{}", "missing_field", [("/name", "missing_field")]),
        (b'{"name":"a","nme":1}', "unknown_field", [("/nme", "unknown_field")]),
        (b'{"name":""}', "invalid_field", [("/name", "invalid_field")]),
        (b'{"name":"a","inner":{"size":"3"}}', "invalid_field", [("/inner/size", "invalid_field")]),
        (b'{"name":"a","inner":{"x~/y":1,"size":1}}', "unknown_field",
         [("/inner/x~0~1y", "unknown_field")]),
        (b'{"name":1,"sizes":[1,true]}', "invalid_field",
         [("/name", "invalid_field"), ("/sizes/1", "invalid_field")]),
        (b'{"name":"a","url":"ftp:x"}', "invalid_url", [("/url", "invalid_url")]),
        (b'{"name":"a","url":"odd"}', "invalid_field", [("/url", "odd_url")]),
        (b'{"name":"a","name":"b"}', "duplicate_name", [("/name", "duplicate_name")]),
        (b"[]", "not_an_object", [("", "not_an_object")]),
    ],
)  # fmt: skip
def test_bodies_are_refused_with_code_and_pointers(
    body: bytes, code: str, faults: list[tuple[str, str]]
) -> None:
    error = refused(read_json, request(body), Body)
    assert error.code == code
    assert [(fault.pointer, fault.code) for fault in error.faults] == faults


def test_the_content_type_is_checked_first() -> None:
    bad = request(b"oops", content_type="text/plain")
    assert refused(read_json, bad, Body).code == "unsupported_media_type"


def test_a_query_becomes_a_model() -> None:
    given = [("status", "a"), ("limit", "7"), ("status", "b"), ("kinds", "1")]
    assert read_query(request(query=given), Query) == Query(status=["a", "b"], kinds=(1,), limit=7)
    assert read_query(request(), Query) == Query()


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ([("limt", "1")], "unknown_parameter", "limt"),
        ([("limit", "x")], "invalid_parameter", "limit"),
        ([("limit", "0")], "invalid_parameter", "limit"),
        ([("limit", "1"), ("limit", "2")], "invalid_parameter", "limit"),
        ([("kinds", "1"), ("kinds", "2"), ("kinds", "3")], "invalid_parameter", "kinds"),
    ],
)
def test_queries_are_refused_naming_the_parameter(
    query: list[tuple[str, str]], code: str, parameter: str
) -> None:
    error = refused(read_query, request(query=query), Query)
    assert (error.code, error.faults[0].parameter) == (code, parameter)
    assert parameter in error.message


def test_a_required_parameter_is_missing() -> None:
    assert refused(read_query, request(), NeedsCursor).code == "missing_parameter"


def with_if_match(value: str) -> Request:
    return request(if_match=value)


def test_if_match() -> None:
    tag = version_tag(7)
    assert tag == '"v7"'
    check_if_match(request(), tag)
    for value in ("*", '"v7"', '"v6", "v7"', ' "v6" ,, "v7",'):
        check_if_match(with_if_match(value), tag)
    for value in ('"v6"', 'W/"v7"', '"v6", W/"v7"', '""'):
        with pytest.raises(PreconditionFailed):
            check_if_match(with_if_match(value), tag)
    for value in ("v7", "", '"v7', '"v7" "v8"', "*, *", 'w/"v7"'):
        assert refused(check_if_match, with_if_match(value), tag).code == "invalid_header"


def test_if_none_match() -> None:
    tag = version_tag(7)
    assert not is_not_modified(request(), tag)
    for value, same in (("*", True), ('W/"v7"', True), ('"v1", "v7"', True), ('"v1"', False)):
        assert is_not_modified(request(if_none_match=value), tag) is same
