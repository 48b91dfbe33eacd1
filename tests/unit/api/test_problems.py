"""One table of problem codes: all that is raised is in it, all of it is documented."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from hooktrace.api.problems import COMMON, PROBLEMS, WITH_BODY, WITH_KEY, WITH_QUERY

ROOT = Path(__file__).resolve().parents[3]

INTERNAL = {
    "unreadable_message": "a queue message, which no caller of the API has written",
    "unreadable_payload": "a stored payload, which is ours",
}
CODE_ARGUMENT = {"InvalidInput": 0, "problem": 1, "problem_for": 1}
REFUSALS = {"NotFound", "Conflict", "PreconditionFailed", "Unauthorized", "InsufficientScope"}


def codes_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        places: list[ast.expr] = []
        if name in CODE_ARGUMENT and len(node.args) > CODE_ARGUMENT[name]:
            places.append(node.args[CODE_ARGUMENT[name]])
        if name in REFUSALS:
            places += [word.value for word in node.keywords if word.arg == "code"]
        for place in places:
            if isinstance(place, ast.Constant) and isinstance(place.value, str):
                yield place.value


def test_every_code_that_is_raised_is_in_the_table() -> None:
    files = [*ROOT.glob("shared/hooktrace/**/*.py"), *ROOT.glob("functions/**/*.py")]
    raised = {code: path.name for path in files for code in codes_in(path)}
    assert "invalid_url" in raised, "the search finds what is there"
    missing = {code: name for code, name in raised.items() if code not in {*PROBLEMS, *INTERNAL}}
    assert missing == {}


def test_every_code_is_documented_with_status_and_title() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE)
    documented = {code: (int(status), title) for code, status, title in rows}
    assert len(documented) == len(rows), "a code stands twice"
    assert documented == {code: (kind.status, kind.title) for code, kind in PROBLEMS.items()}


def test_groups_name_codes_of_the_table() -> None:
    assert {*COMMON, *WITH_KEY, *WITH_QUERY, *WITH_BODY} <= set(PROBLEMS)
