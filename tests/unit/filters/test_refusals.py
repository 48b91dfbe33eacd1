"""What a refused filter is told."""

from __future__ import annotations

import pytest

from hooktrace.domain.errors import Fault, InvalidInput
from hooktrace.domain.filters import parse_event_pattern, parse_filter


def faults_of(value: object) -> tuple[Fault, ...]:
    with pytest.raises(InvalidInput) as refused:
        parse_filter(value)
    assert refused.value.code == "invalid_filter"
    return refused.value.faults


@pytest.mark.parametrize(
    ("value", "pointer", "part"),
    [
        ({"status": "paid"}, "/filter/status", "use `data.status`. Scopes are data, headers, type"),
        ({"topic": "a"}, "/filter/topic", "the event type is the scope `type`"),
        ({"metadata": {"a": 1}}, "/filter/metadata", "`headers`"),
        ({"Body": {"a": 1}}, "/filter/Body", "write `body`"),
        ({"data": {"a": {"$exists": True}}}, "/filter/data/a/$exists", "did you mean `$exist`?"),
        ({"data": {"a": {"$ne": 1}}}, "/filter/data/a/$ne", "did you mean `$neq`?"),
        ({"data": {"a": {"$startswith": "x"}}}, "/filter/data/a/$startswith", "`$startsWith`?"),
        ({"data": {"$type": "x"}}, "/filter/data/$type", "written `\\$type`"),
        ({"data": {"a": {"$in": []}}}, "/filter/data/a/$in", "An empty `$in` can never match"),
        ({"data": {"a": {}}}, "/filter/data/a", '`{"$exist": true}`'),
        (
            {"data": {"a": {"$regex": "(?=x)"}}},
            "/filter/data/a/$regex",
            "invalid perl operator: (?= (look-around is not supported)",
        ),
    ],
)
def test_a_message_says_what_to_do(value: object, pointer: str, part: str) -> None:
    (fault,) = faults_of(value)
    assert fault.pointer == pointer
    assert part in fault.message


def test_faults_come_in_the_order_written_and_ten_are_kept() -> None:
    value = {"data": {f"f{number}": {"$gt": None} for number in range(12)}, "nope": 1}
    assert [fault.pointer for fault in faults_of(value)] == [
        f"/filter/data/f{number}/$gt" for number in range(10)
    ]


def test_operands_after_the_tenth_fault_do_no_harm() -> None:
    bad = {f"f{number}": {"$gt": None} for number in range(10)}
    more = {"a": {"$regex": 4}, "b": {"$gt": {}}, "c": {"$in": {}}, "d": {"$cidr": 1}, "e": [[]]}
    assert len(faults_of({"data": {**bad, **more}})) == 10


def test_text_nested_too_deep_for_the_parser() -> None:
    deep = '{"data":' * 100_000
    assert faults_of(deep)[0].code in ("too_deep", "invalid_json")
    assert faults_of('{"data": ' + "[" * 200 + "1" + "]" * 200 + "}")[0].code == "too_deep"


def test_a_value_nested_too_deep_for_the_stack() -> None:
    value: object = 1
    for _ in range(2_000):
        value = {"a": value}
    assert [fault.code for fault in faults_of({"data": value})] == ["too_deep"]
    for _ in range(50_000):
        value = [value]
    assert [fault.code for fault in faults_of({"data": value})] == ["too_large"]


def test_numbers_that_are_no_json() -> None:
    for number in (float("inf"), float("nan")):
        assert [fault.code for fault in faults_of({"data": {"a": number}})] == ["invalid_number"]
        (fault,) = faults_of({"data": {"a": {"$eq": {"b": [1, number]}}}})
        assert fault.pointer == "/filter/data/a/$eq/b/1"


def test_a_string_is_json_text() -> None:
    assert parse_filter('{"data": {"a": 1}}') == parse_filter({"data": {"a": 1}})
    assert parse_filter("null").source_text == parse_filter(None).source_text == "{}"
    assert faults_of("paid")[0].code == "invalid_json"


def test_the_pointer_of_a_pattern_leads_into_the_pattern() -> None:
    long = "x." * 300
    pattern = {"detail": {"ok": ["a"], "s": [{"exists": False}, "b", {"equals-ignore-case": long}]}}
    with pytest.raises(InvalidInput) as refused:
        parse_event_pattern(pattern)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/event_pattern/detail/s/2", "invalid_regex")
    ]


def test_a_pattern_is_converted_to_a_filter_that_can_be_stored() -> None:
    chosen = parse_event_pattern(
        {
            "detail-type": ["order.paid", {"prefix": "order."}],
            "detail": {
                "state": ["on", {"exists": False}],
                "n": [{"numeric": [">", 0, "<=", 5]}],
                "$x": [{"anything-but": {"suffix": ["a", "b"]}}],
                "$or": [{"p": [{"wildcard": "a*.b\\*"}]}, {"q": [1, None]}],
            },
        }
    )
    none = '{"$not":{"$any":{"$exist":true}}}'
    assert chosen.source_text == (
        '{"type":{"$any":{"$or":[{"$in":["order.paid"]},{"$startsWith":"order."}]}},'
        '"data":{"state":{"$or":[{"$any":{"$in":["on"]}},' + none + "]},"
        '"n":{"$any":{"$gt":0,"$lte":5}},'
        '"\\\\$x":{"$any":{"$not":{"$or":[{"$endsWith":"a"},{"$endsWith":"b"}]}}},'
        '"$or":[{"p":{"$any":{"$regex":"(?s)\\\\Aa.*\\\\.b\\\\*\\\\z"}}},'
        '{"q":{"$any":{"$in":[1,null]}}}]}}'
    )
    assert parse_filter(chosen.source_text).source_text == chosen.source_text
