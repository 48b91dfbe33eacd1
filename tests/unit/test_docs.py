"""What can be set, called or answered is documented, and what the documents point to exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import AliasChoices, BaseModel

from hooktrace.api.problems import PROBLEMS
from infra.settings import Settings as StackSettings
from tools.openapi import collect_routes

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
ROOMS = sorted(path.parent.name for path in ROOT.glob("functions/*/settings.py"))

LINK = re.compile(r"\]\(([^)#\s]+)?(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
MAKE = re.compile(r"`make ([a-z]+)|^make ([a-z]+)", re.MULTILINE)


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def variables(model: type[BaseModel]) -> Iterator[str]:
    """The environment variables that a room's settings are read from."""
    for name, field in model.model_fields.items():
        alias = field.validation_alias or name
        if isinstance(alias, AliasChoices):
            yield from (str(choice) for choice in alias.choices)
        else:
            yield str(alias)


@pytest.mark.parametrize("room", ROOMS)
def test_every_environment_variable_of_a_room_is_documented(room: str) -> None:
    settings = import_module(f"functions.{room}.settings").Settings
    text = page("docs/deploy.md")
    assert [name for name in variables(settings) if f"`{name}`" not in text] == []


def test_every_setting_of_the_stack_is_documented() -> None:
    text = page("docs/deploy.md")
    assert [name for name in StackSettings.model_fields if f"`{name}`" not in text] == []


def test_every_problem_code_is_documented() -> None:
    text = page("docs/api.md")
    assert [code for code in PROBLEMS if f"| `{code}` |" not in text] == []


def test_the_readme_lists_exactly_the_routes_that_exist() -> None:
    rows = re.findall(
        r"^\| `(GET|POST|PATCH|PUT|DELETE) (\S+)` \|", page("README.md"), re.MULTILINE
    )
    exist = {(route.method, route.path) for route in collect_routes()}
    assert set(rows) == exist
    assert len(rows) == len(exist)


def test_every_route_says_what_it_does_and_what_it_answers() -> None:
    for route in collect_routes():
        assert route.summary, route.key
        assert route.operation_id, route.key


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target, anchor in LINK.findall(text):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        goal = (path.parent / target).resolve() if target else path
        assert goal.exists(), f"{target} does not exist"
        if anchor:
            found = {slug(head) for head in HEADING.findall(goal.read_text(encoding="utf-8"))}
            assert anchor in found, f"{target} has no heading #{anchor}"


def slug(heading: str) -> str:
    """A heading's anchor as GitHub makes it."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.strip().replace(" ", "-")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_that_are_named_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", page("Makefile"), re.MULTILINE))
    named = {a or b for a, b in MAKE.findall(path.read_text(encoding="utf-8"))}
    assert named <= targets
