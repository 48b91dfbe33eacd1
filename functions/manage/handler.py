"""The Lambda handler of the manage room."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from functions.manage.routes import declare
from functions.manage.wiring import authenticate, settings, wired
from hooktrace.api.bundled import load_document, methods_by_path
from hooktrace.api.http import GatewayHandler, make_handler


@cache
def _handler() -> GatewayHandler:
    return make_handler(
        declare(wired),
        authenticate=lambda authorization: authenticate()(authorization),
        room="manage",
        max_body_bytes=settings().max_body_bytes,
        api_methods=_api_methods,
    )


def _api_methods() -> Mapping[str, Collection[str]]:
    """The whole API's paths: this room answers for those that no room has."""
    return methods_by_path(load_document())


def handle(event: Mapping[str, Any], context: Any) -> dict[str, object]:
    """One API Gateway request (payload 2.0) in, one answer out; never raises."""
    return _handler()(event, context)
