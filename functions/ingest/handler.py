"""The Lambda handler of the ingest room."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from functions.ingest.routes import declare
from functions.ingest.wiring import settings, wired
from hooktrace.api.http import GatewayHandler, make_handler


@cache
def _handler() -> GatewayHandler:
    return make_handler(
        declare(wired),
        authenticate=lambda authorization: wired().authenticate(authorization),
        room="ingest",
        max_body_bytes=settings().max_body_bytes,
    )


def handle(event: Mapping[str, Any], context: Any) -> dict[str, object]:
    """One API Gateway request (payload 2.0) in, one answer out; never raises."""
    return _handler()(event, context)
