"""References beyond the cases: headers, types, what is told about them."""

from __future__ import annotations

from hooktrace.domain.filters import FilterEvent, parse_filter

EVENT = FilterEvent(
    "order.paid",
    {"X-Was": "eu", "X-Is": "eu", "Retry.Count": "3"},
    {"a": 1, "list": [1, 2], "object": {"b": 1}, "x.y": 1},
)


def test_a_header_is_compared_with_a_header_in_any_case() -> None:
    assert parse_filter({"headers": {"x-is": {"$ref": "X-WAS"}}}).matches(EVENT)
    assert not parse_filter({"headers": {"x-is": {"$neq": {"$ref": "x-was"}}}}).matches(EVENT)
    assert parse_filter({"headers": {"x-is": {"$neq": {"$ref": "retry.count"}}}}).matches(EVENT)


def test_a_name_with_a_dot_is_escaped() -> None:
    assert parse_filter({"data": {"a": {"$ref": "x\\.y"}}}).matches(EVENT)


def test_a_type_the_operator_cannot_use_makes_negatives_fail_too() -> None:
    for operator, path in (("$nin", "object"), ("$contains", "list"), ("$gt", "object")):
        (entry,) = parse_filter({"data": {"a": {operator: {"$ref": path}}}}).explain(EVENT)
        assert (entry.operator, entry.reason) == (operator, "type")


def test_the_reference_as_written_is_kept_for_redaction() -> None:
    (entry,) = parse_filter({"data": {"a": {"$gt": {"$ref": "list[1]"}}}}).explain(EVENT)
    assert entry.to_json()["expected"] == 2
    redacted = entry.to_json(redact_actual=True)
    assert redacted["expected"] == {"$ref": "list[1]"}
    assert "actual" not in redacted


def test_an_object_with_more_than_a_reference_is_a_literal() -> None:
    literal = {"$ref": "a", "b": 1}
    asked = parse_filter({"data": {"v": {"$eq": literal}}})
    assert asked.matches(FilterEvent("a", {}, {"v": literal}))
