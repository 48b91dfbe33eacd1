"""The project's own Python files and what they import, read without running them."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

from tools.setup import ROOT

ROOMS = ("archive", "deliver", "ingest", "manage", "match", "notify", "operate", "query", "sweep")


@cache
def tracked() -> list[Path]:
    """Files that are in git and in the work tree, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = [Path(name) for name in listed.stdout.split("\0") if name]
    return [name for name in names if (ROOT / name).is_file()]


def python_files(*folders: str) -> list[Path]:
    """Tracked Python files below the folders."""
    return [
        path
        for path in tracked()
        if path.suffix == ".py" and any(path.is_relative_to(folder) for folder in folders)
    ]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))


def imports(path: Path, *, typing_too: bool = False) -> set[str]:
    """Dotted names that a file imports; those for type checkers alone only on request.

    `from a.b import c` counts as `a.b.c`, so that a module imported by name is seen.
    """
    found: set[str] = set()
    waiting: list[ast.AST] = [tree(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and _is_type_checking(node.test) and not typing_too:
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        waiting += ast.iter_child_nodes(node)
    return found


def under(name: str, package: str) -> bool:
    """Whether a dotted name is the package or lies in it."""
    return name == package or name.startswith(f"{package}.")


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test).endswith("TYPE_CHECKING")
