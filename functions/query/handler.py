"""The Lambda handler of the query room."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from functions.query.routes import declare
from functions.query.wiring import wired
from hooktrace.api.http import GatewayHandler, make_handler

MAX_BODY_BYTES = 1_024  # nothing here takes a body


@cache
def _handler() -> GatewayHandler:
    return make_handler(
        declare(wired),
        authenticate=lambda authorization: wired().authenticate(authorization),
        room="query",
        max_body_bytes=MAX_BODY_BYTES,
    )


def handle(event: Mapping[str, Any], context: Any) -> dict[str, object]:
    """One API Gateway request (payload 2.0) in, one answer out; never raises."""
    return _handler()(event, context)
