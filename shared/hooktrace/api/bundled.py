"""The OpenAPI document as the bundle ships it: `hooktrace/openapi.json`.

Apart from the builder, so that a room which serves it does not import what makes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BUNDLED = Path(__file__).resolve().parent.parent / "openapi.json"


def read_document(path: Path = BUNDLED) -> bytes:
    """The document as JSON text. Raises FileNotFoundError outside a bundle."""
    return path.read_bytes()


def load_document(path: Path = BUNDLED) -> dict[str, Any]:
    """The document as values, for `docs_page.render` and `methods_by_path`."""
    document: dict[str, Any] = json.loads(read_document(path))
    return document


def methods_by_path(document: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Path template to methods, for `make_handler(api_methods=...)`."""
    return {
        path: tuple(method.upper() for method in operations)
        for path, operations in document["paths"].items()
    }
