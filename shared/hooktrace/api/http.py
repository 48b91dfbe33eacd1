"""What rooms behind the API import.

A room declares its routes without wiring, so that the OpenAPI document can be made from them
without AWS and without environment (see `hooktrace.api.openapi` for the convention), and makes its
Lambda handler from them:

    # functions/<room>/handler.py
    handler = make_handler(
        declare(wired),
        authenticate=lambda authorization: wired().authenticate(authorization),
        room="manage",
        max_body_bytes=settings.max_body_bytes,
    )

A handler takes a `Request`, reads it with `read_json` / `read_query` / `read_object`, calls one
use case and returns a `Response`. What is refused is raised (`hooktrace.domain.errors`) and becomes
a problem document at the edge; a problem with members of its own is returned with `problem_for`.
"""

from __future__ import annotations

from hooktrace.api.auth import ApiKeyIdentity, Authenticator
from hooktrace.api.edge import Authenticate, GatewayHandler, make_handler
from hooktrace.api.etags import check_if_match, is_not_modified, version_tag
from hooktrace.api.exchange import Handler, RawJson, Request, Response, Route, Shape
from hooktrace.api.inputs import check_content_type, read_json, read_object, read_query, validate
from hooktrace.api.payload import encode_json, too_large
from hooktrace.api.problems import problem_for, refusal_status

__all__ = [
    "ApiKeyIdentity",
    "Authenticate",
    "Authenticator",
    "GatewayHandler",
    "Handler",
    "RawJson",
    "Request",
    "Response",
    "Route",
    "Shape",
    "check_content_type",
    "check_if_match",
    "encode_json",
    "is_not_modified",
    "make_handler",
    "problem_for",
    "read_json",
    "read_object",
    "read_query",
    "refusal_status",
    "too_large",
    "validate",
    "version_tag",
]
