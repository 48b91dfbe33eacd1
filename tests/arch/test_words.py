"""The project speaks of itself alone: nothing of the machines that it is built on."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.arch.sources import python_files, tracked
from tools.setup import ROOT

BINARY = {".png", ".jpg", ".ico", ".woff2", ".gz", ".zip", ".svg"}
REGISTRIES = ("py" + "pi.org", "python" + "hosted.org", "registry." + "npmjs", "deb." + "debian")
FORBIDDEN = re.compile(
    r"(?<![\w.])/(?:work|root|Users)/"
    r"|/home/\w+/"
    r"|https?_proxy\s*="
    r"|" + "|".join(map(re.escape, REGISTRIES)),
    re.IGNORECASE,
)
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
FULFILS = re.compile(r"Fulfils `(hooktrace(?:\.\w+)+)\.(\w+)`")
BARE = re.compile(r"#\s*type:\s*ignore(?!\[)|#\s*noqa(?!:)")
REASONLESS = re.compile(
    r"#\s*(?:type:\s*ignore\[[\w, -]+\]|noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)\s*$"
)


def texts() -> list[Path]:
    return [path for path in tracked() if path.suffix not in BINARY]


def _hits(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:80]}"
        for path in paths
        for number, line in enumerate(
            (ROOT / path).read_text(encoding="utf-8", errors="replace").splitlines(), 1
        )
        if pattern.search(line)
    ]


def test_no_file_names_a_machine_a_registry_or_a_proxy() -> None:
    assert _hits(FORBIDDEN, texts()) == []


def test_no_lock_holds_an_address() -> None:
    locks = [*Path("requirements").glob("*.txt"), Path("package-lock.json")]
    assert len(locks) >= 4
    assert _hits(re.compile(r"https?://|file:|--(extra-)?index-url|--find-links"), locks) == []


@pytest.mark.parametrize(
    "pattern", [UNFINISHED, BARE, REASONLESS], ids=["unfinished", "bare", "mute"]
)
def test_code_is_finished_and_exceptions_have_reasons(pattern: re.Pattern[str]) -> None:
    assert _hits(pattern, [path for path in texts() if path.suffix == ".py"]) == []


def test_what_an_adapter_says_it_fulfils_is_there() -> None:
    named = {
        pair
        for path in python_files("shared")
        for pair in FULFILS.findall((ROOT / path).read_text(encoding="utf-8"))
    }
    gone = [pair for pair in named if not hasattr(importlib.import_module(pair[0]), pair[1])]
    assert len(named) >= 10
    assert gone == []


def test_no_text_of_a_foreign_error_becomes_part_of_ours() -> None:
    """Ours are logged; `refusals.named` has the code and the operation of a foreign one."""
    quoted = re.compile(r"Unavailable\([^)]*\{(?:error|exc|err|e)\}")
    assert _hits(quoted, python_files("shared", "functions")) == []
