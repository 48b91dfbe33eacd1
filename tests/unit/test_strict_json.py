"""Strict JSON: the vectors of the field cases, each refusal with its code and place."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.json_faults import MAX_INTEGER_DIGITS
from hooktrace.domain.strict_json import (
    MAX_DEPTH,
    parse_object,
    parse_value,
    split_items,
)


def refusal(body: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse_object(body)
    return caught.value


ALMOST_JSON = [
    (b'{"type":"t","data":NaN}', "invalid_json", "/data"),
    (b'{"type":"t","data":[-Infinity,Infinity]}', "invalid_json", "/data/0"),
    (b'{"type":"t","data":{"a":1,}}', "invalid_json", ""),
    (b"{'type':'t','data':{}}", "invalid_json", ""),
    (b'{"type":"t","data":{}} x', "invalid_json", ""),
    (b'{"type":"t","data":{}}{"type":"t","data":{}}', "invalid_json", ""),
    (b"", "invalid_json", ""),
    (b" \n", "invalid_json", ""),
    (b"null", "not_an_object", ""),
    (b"[]", "not_an_object", ""),
    (b'"t"', "not_an_object", ""),
    (b'{"type":"t","data":{"a":01}}', "invalid_json", ""),
    (b'{"type":"t","data":"tab\there raw: \t"}', "invalid_json", ""),
    (b'\xef\xbb\xbf{"type":"t","data":{}}', "invalid_json", ""),
    ('{"type":"t","data":{}}'.encode("utf-16"), "invalid_unicode", ""),
    (b'{"type":"t","data":"caf\xe9"}', "invalid_unicode", ""),
    (b'{"type":"t","data":"\xed\xa0\xbd"}', "invalid_unicode", ""),
    (b'{"a"', "invalid_json", ""),
    (b'{"a":', "invalid_json", ""),
    (b'{"a":1', "invalid_json", ""),
    (b'{"a":1 "b":2}', "invalid_json", ""),
    (b"{,}", "invalid_json", ""),
    (b'{"a":+1}', "invalid_json", ""),
    (b'{"a":.5}', "invalid_json", ""),
    (b'{"a":1.}', "invalid_json", ""),
    (b'{"a":True}', "invalid_json", ""),
    (b'{"a":"\\x41"}', "invalid_json", ""),
    (b'{"a":"\\u12"}', "invalid_json", ""),
    (b'{"a":1}\x0c', "invalid_json", ""),
    ('{"a":\u00a01}'.encode(), "invalid_json", ""),
    ('{"a":\u0661}'.encode(), "invalid_json", ""),
]


@pytest.mark.parametrize(("body", "code", "pointer"), ALMOST_JSON)
def test_fc_09_almost_json_is_refused_with_code_and_place(
    body: bytes, code: str, pointer: str
) -> None:
    error = refusal(body)
    assert (error.code, error.faults[0].code) == (code, code)
    assert error.faults[0].pointer == pointer


def test_fc_09_escaped_nul_is_legal_and_kept() -> None:
    parsed = parse_object(b'{"type":"t","data":"nul \\u0000 inside"}')
    assert parsed.members["data"] == "nul \0 inside"
    assert parsed.raw("data") == b'"nul \\u0000 inside"'


def test_syntax_error_names_byte_line_and_column() -> None:
    error = refusal('{"ä": 1,\n "b": oops}'.encode())
    assert "at byte 16 (line 2, column 7)" in error.message


DEEP = [
    b'{"type":"t","data":' + b"[" * 20000 + b"]" * 20000 + b"}",
    b'{"type":"t","data":' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}",
    b"[" * 100000,
    b'{"a":' * 100000,
    b'{"a":[' * 70 + b"]}" * 70,
]


@pytest.mark.parametrize("body", DEEP)
def test_fc_10_deep_nesting_is_refused_naming_the_limit(body: bytes) -> None:
    error = refusal(body)
    assert error.code == "too_deep"
    assert "128 levels" in error.message


def test_fc_10_a_hundred_levels_are_accepted() -> None:
    raw = b"[" * 100 + b"]" * 100
    assert parse_object(b'{"type":"t","data":' + raw + b"}").raw("data") == raw


def test_depth_limit_is_exact_and_brackets_in_strings_do_not_count() -> None:
    within = b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    beyond = b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}"
    assert "a" in parse_object(within).members
    assert refusal(beyond).code == "too_deep"
    text = b'"\\"' + b"[{" * 500 + b'\\\\"'
    assert parse_object(b'{"a":' + text + b"}").raw("a") == text
    assert len(parse_object(b'{"a":[' + b"[]," * 500 + b"[]]}").raw("a")) == 500 * 3 + 4


def test_fc_11_numbers_are_kept_or_refused_with_their_path() -> None:
    data = (
        b'{"id":8123456789012345679,"big":123456789012345678901234567890123456789012,'
        b'"x":1.0,"y":1e2,"z":0.1,"m":-0,"tiny":1e-400,"p":3.141592653589793238462643383279}'
    )
    parsed = parse_object(b'{"type":"n","data":' + data + b"}")
    values = parsed.members["data"]
    assert isinstance(values, dict)
    assert values["big"] == 123456789012345678901234567890123456789012
    assert values["tiny"] == 0.0
    assert parsed.raw("data") == data
    error = refusal(b'{"type":"n","data":{"a":[1,-1e400]}}')
    assert (error.code, error.faults[0].pointer) == ("number_out_of_range", "/data/a/1")


def test_integers_are_exact_up_to_the_documented_length() -> None:
    digits = "9" * MAX_INTEGER_DIGITS
    assert parse_object(f'{{"a":-{digits}}}'.encode()).members["a"] == -int(digits)
    error = refusal(f'{{"a":{{"b":{digits}9}}}}'.encode())
    assert (error.code, error.faults[0].pointer) == ("number_out_of_range", "/a/b")
    assert str(MAX_INTEGER_DIGITS) in error.message


def test_fc_12_half_an_emoji_is_refused_naming_each_path() -> None:
    error = refusal(b'{"type":"t","data":{"title":"a \\ud83d b","k\\udc00":1}}')
    assert error.code == "invalid_unicode"
    assert [fault.pointer for fault in error.faults] == ["/data/k\\udc00", "/data/title"]


@pytest.mark.parametrize(
    "escapes", [b"\\ud83d", b"\\ude00\\ud83d", b"\\ud83d\\ud83d\\ude00", b"\\ud83dx\\ude00"]
)
def test_lone_surrogates_are_refused_wherever_they_stand(escapes: bytes) -> None:
    assert refusal(b'{"a":["' + escapes + b'"]}').faults[0].pointer == "/a/0"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\uD83D\\uDE00"', "\U0001f600"),
        (b'"\\\\ud83d"', "\\ud83d"),
        (b'"\\\\\\ud83d\\ude00"', "\\\U0001f600"),
        (b'"\\ud7ff\\ue000"', "\ud7ff\ue000"),
    ],
)
def test_paired_surrogates_and_escaped_backslashes_are_text(text: bytes, value: str) -> None:
    parsed = parse_object(b'{"a":' + text + b"}")
    assert (parsed.members["a"], parsed.raw("a")) == (value, text)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"type":"t","data":{"amount":5,"amount":900000}}', "/data/amount"),
        (b'{"type":"a","type":"b","data":{}}', "/type"),
        (b'{"a":[{},{"x/y":{"~":1,"\\u007e":2}}]}', "/a/1/x~1y/~0"),
    ],
)
def test_fc_13_a_name_twice_is_refused_naming_it(body: bytes, pointer: str) -> None:
    error = refusal(body)
    assert (error.code, error.faults[0].pointer) == ("duplicate_name", pointer)


def test_the_same_name_in_different_objects_is_fine() -> None:
    assert parse_object(b'{"a":{"a":[{"a":1},{"a":2}]}}').raw("a") == b'{"a":[{"a":1},{"a":2}]}'


def test_faults_are_at_most_ten_and_pointers_bounded() -> None:
    error = refusal(b'{"' + b"k" * 100_000 + b'":[' + b"NaN," * 50 + b"1]}")
    assert len(error.faults) == 10
    assert all(len(fault.pointer) < 600 for fault in error.faults)


def test_raw_gives_the_bytes_as_received() -> None:
    body = ' {\n"data" : { "é" : 1.50 } , "x":\t[ 1 ]\r} '.encode()
    parsed = parse_object(body)
    assert parsed.raw("data") == '{ "é" : 1.50 }'.encode()
    assert parsed.raw("x") == b"[ 1 ]"
    assert parse_object(b" { } ").members == {}
    with pytest.raises(KeyError):
        parsed.raw("é")


def test_parse_value_takes_any_document() -> None:
    assert parse_value(b" [1, 2.5, null] ") == [1, 2.5, None]
    for body in (b"[1] 2", b"NaN", b"[1e999]", b'{"a":1,"a":2}', b"9" * 5000, b'"\\ud800"'):
        with pytest.raises(InvalidInput):
            parse_value(body)


MEBIBYTE = 1 << 20
HOSTILE = {
    "escapes": b'{"d":"' + b'\\"' * (MEBIBYTE // 2) + b'"}',
    "open string": b'{"d":"' + b'\\"' * (MEBIBYTE // 2),
    "many open strings": b'{"d":[' + b"[" * 200 + b'"\\"' * (MEBIBYTE // 3),
    "brackets": b'{"d":[' + b"[]," * (MEBIBYTE // 3) + b"[]]}",
    "lone surrogates": b'{"d":[' + b'"\\ud83d",' * (MEBIBYTE // 9) + b"1]}",
    "one huge integer": b'{"d":' + b"9" * MEBIBYTE + b"}",
    "huge exponent": b'{"d":1e' + b"9" * MEBIBYTE + b"}",
    "faults under a long name": b'{"' + b"k" * 500_000 + b'":[' + b"NaN," * 100_000 + b"1]}",
    "one name many times": b"{" + b'"k":1,' * 150_000 + b'"k":1}',
    "space": b" " * MEBIBYTE + b"x",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_take_linear_time(name: str) -> None:
    """Linear means well under a second for 1 MiB; the quadratic ways took minutes."""
    started = time.process_time()
    with suppress(InvalidInput):
        parse_object(HOSTILE[name])
    assert time.process_time() - started < 5


def test_split_items_gives_the_raw_items_and_lets_a_bad_one_be() -> None:
    items = [b'{"type":"a","data":{"x":[1,2],"s":"]},{"}}', b'{"a":1,"a":2}', b"{oops]", b"nul"]
    body = b' { "events" : [ ' + b" , ".join(items) + b" ] } "
    assert split_items(body, "events", max_items=4) == items
    assert split_items(b'{"events":[]}', "events", max_items=4) == []
    assert split_items(b'{"events":[1,]}', "events", max_items=4) == [b"1", b""]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"[]", "not_an_object"),
        (b"{}", "invalid_field"),
        (b'{"events":{}}', "invalid_field"),
        (b'{"other":[1]}', "invalid_field"),
        (b'{"events":[1],"other":2}', "invalid_field"),
        (b'{"events":[1,2,3,4]}', "invalid_field"),
        (b'{"events":[1', "invalid_json"),
        (b'{"events":["]}', "invalid_json"),
        (b'{"events":[1]} x', "invalid_field"),
    ],
)
def test_split_items_refuses_other_documents(body: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        split_items(body, "events", max_items=3)
    assert caught.value.code == code


def test_a_usual_event_costs_microseconds() -> None:
    """The budget is 60 us of CPU for 1 KB; the bound leaves room for a busy machine."""
    data = {"id": "ord_1", "items": [{"sku": f"s{n}", "price": n + 0.5} for n in range(30)]}
    body = json.dumps({"type": "order.created", "data": data}).encode()
    assert 900 < len(body) < 1200
    started = time.process_time()
    for _ in range(500):
        parse_object(body)
    assert (time.process_time() - started) / 500 < 0.0005
