"""The Lambda handler of the manage room."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import hooktrace
from functions.manage.routes import declare
from functions.manage.wiring import authenticate, settings, wired
from hooktrace.api.http import GatewayHandler, make_handler

BUNDLED = Path(hooktrace.__file__).parent / "openapi.json"
"""The API's description, written when the bundle is built."""


@cache
def _handler() -> GatewayHandler:
    return make_handler(
        declare(wired),
        authenticate=lambda authorization: authenticate()(authorization),
        room="manage",
        max_body_bytes=settings().max_body_bytes,
        api_methods=_api_methods,
    )


def _api_methods() -> Mapping[str, list[str]]:
    """The whole API's paths: this room answers for those that no room has."""
    if not BUNDLED.exists():
        return {}
    paths = json.loads(BUNDLED.read_bytes())["paths"]
    return {path: [method.upper() for method in methods] for path, methods in paths.items()}


def handle(event: Mapping[str, Any], context: Any) -> dict[str, object]:
    """One API Gateway request (payload 2.0) in, one answer out; never raises."""
    return _handler()(event, context)
