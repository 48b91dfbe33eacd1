"""The Lambda handler of the query room."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from functions.query.routes import declare
from functions.query.wiring import wired
from hooktrace.api.http import GatewayHandler, make_handler
from hooktrace.api.log import print_line
from hooktrace.domain.forget_traces import decode_forget, is_forget

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
    """One API Gateway request (payload 2.0) in, one answer out; never raises.

    Other rooms call it too, to have traces forgotten: it raises when that did not work.
    """
    if is_forget(event):
        return _forget(event)
    return _handler()(event, context)


def _forget(message: Mapping[str, Any]) -> dict[str, object]:
    refs = decode_forget(message)
    wired().cache.forget(refs)
    print_line({"room": "query", "forgot": len(refs)})
    return {"forgot": len(refs)}
