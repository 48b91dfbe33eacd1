"""Writes the OpenAPI document of the rooms behind the API.

    python tools/openapi.py [build/openapi.json]

The bundle ships the file as `hooktrace/openapi.json`, where the query room serves it.
"""

from __future__ import annotations

import json
import sys
import tomllib
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "shared")]

from hooktrace.api.exchange import Route  # noqa: E402 - the source roots come first
from hooktrace.api.openapi import build_document, unwired  # noqa: E402 - as above

ROOMS = ("ingest", "query", "manage")


def collect_routes() -> list[Route]:
    """The routes of every room, declared without wiring."""
    return [
        route
        for room in ROOMS
        for route in import_module(f"functions.{room}.routes").declare(unwired)
    ]


def project_version() -> str:
    """The version in pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])


def main(arguments: list[str]) -> None:
    """Builds the document and writes it; the directory is made if needed."""
    target = Path(arguments[0]) if arguments else ROOT / "build" / "openapi.json"
    document = build_document(collect_routes(), version=project_version())
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
