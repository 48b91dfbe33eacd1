"""The filter language as data: every case of `tests/data/filter_cases`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.filter_check import check

CASES = Path(__file__).parents[1] / "data" / "filter_cases"


def _load() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted(CASES.glob("*.json"))
        for case in json.loads(path.read_text(encoding="utf-8"))
    ]


def _same(left: object, right: object) -> bool:
    """Equality that keeps true and 1, and 1 and 1.0, apart."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def test_every_case_is_there() -> None:
    assert len(_load()) >= 886


@pytest.mark.parametrize("case", _load())
def test_case(case: dict[str, Any]) -> None:
    got = check(case)
    if "errors" in case:
        assert {(e["pointer"], e["code"]) for e in got.get("errors", [])} == {
            (e["pointer"], e["code"]) for e in case["errors"]
        }
        return
    assert got.get("matches") is case["matches"], got
    assert bool(got["why"]) is (not got["matches"] and "event_types" not in case)
    if "why" in case:
        assert len(got["why"]) == len(case["why"])
        for entry, wanted in zip(got["why"], case["why"], strict=True):
            assert ("actual" in entry) is ("actual" in wanted)
            for key, value in wanted.items():
                assert _same(entry[key], value), (key, entry, wanted)
