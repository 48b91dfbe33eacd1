"""Strict JSON against the standard library, over generated documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.strict_json import parse_object, parse_value, split_items

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=5)
SPACE = st.text(" \t\n\r", max_size=3)


def outcome(parse: Callable[[bytes], Any], body: bytes) -> Any:
    """What `parse` returns, or the refusal; any other exception fails the test."""
    try:
        return parse(body)
    except InvalidInput as refusal:
        return refusal


@given(OBJECTS, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_values_are_those_of_json_loads(
    document: dict[str, object], ascii_only: bool, indent: int | str | None
) -> None:
    body = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    parsed = parse_object(body)
    assert parsed.members == json.loads(body)
    assert parse_value(body) == json.loads(body)
    for name in document:
        assert json.loads(parsed.raw(name)) == document[name]


@given(st.dictionaries(TEXT, st.tuples(SPACE, VALUES, SPACE), max_size=5), SPACE, SPACE)
def test_raw_is_the_exact_source_text(
    document: dict[str, tuple[str, object, str]], before: str, after: str
) -> None:
    sources = {
        name: json.dumps(value, ensure_ascii=False, indent=2)
        for name, (_, value, _) in document.items()
    }
    members = ",".join(
        f"{json.dumps(name)}{lead}:{lead}{sources[name]}{trail}"
        for name, (lead, _, trail) in document.items()
    )
    parsed = parse_object(f"{before}{{{after}{members}}}{after}".encode())
    assert {name: parsed.raw(name).decode() for name in document} == sources


@given(st.binary(max_size=60) | st.text('{}[]",:\\u0123dD8 e+-.NI\n', max_size=60).map(str.encode))
def test_any_bytes_are_parsed_like_json_loads_or_refused(body: bytes) -> None:
    value = outcome(parse_value, body)
    if isinstance(value, InvalidInput):
        assert value.faults
    else:
        assert value == json.loads(body)


@given(st.text('{}[]",:\\ua1 ', max_size=40))
def test_splitting_never_fails_otherwise_than_by_refusing(inner: str) -> None:
    body = f'{{"events":[{inner}]}}'.encode()
    items = outcome(lambda body: split_items(body, "events", max_items=50), body)
    if isinstance(items, InvalidInput):
        assert items.faults
    else:
        assert b",".join(items).replace(b" ", b"") == inner.encode().replace(b" ", b"")


@given(st.lists(OBJECTS, max_size=6))
def test_split_items_are_the_items(documents: list[dict[str, object]]) -> None:
    body = json.dumps({"events": documents}).encode()
    items = split_items(body, "events", max_items=6)
    assert [parse_object(item).members for item in items] == documents
