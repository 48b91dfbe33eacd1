"""One HTTP request of a delivery: what is asked of a sender and what it says came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from hooktrace.domain.endpoint_auth import ClientCredentials

Phase = Literal["token", "request"]
"""How far an attempt went: to the token endpoint only, or to its request."""


class AttemptOutcome(StrEnum):
    """What came of an attempt. Only `success` ends a delivery well."""

    SUCCESS = "success"
    HTTP_ERROR = "http_error"
    TIMEOUT = "timeout"
    CONNECTION_ERROR = "connection_error"
    TLS_ERROR = "tls_error"
    DNS_ERROR = "dns_error"
    PROTOCOL_ERROR = "protocol_error"
    BLOCKED_ADDRESS = "blocked_address"
    WORKER_LOST = "worker_lost"


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """One POST to an endpoint.

    `headers` and `body` are sent as they are (the body is what was signed). `timeout_seconds`
    bounds the whole attempt: name lookup, connect, TLS, request, headers and body together.

    With `credentials` a token of that client goes with it, one taken after `token_after_ms`;
    tokens are kept apart by `endpoint_id`. `never_recorded` are texts that an answer may repeat,
    but that no record of it may hold.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    timeout_seconds: float
    allow_http: bool
    endpoint_id: str = ""
    credentials: ClientCredentials | None = None
    token_after_ms: int = 0
    never_recorded: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class SendResult:
    """What came of one request.

    `reason` is one sentence that says what failed ("" on success unless something is worth
    saying). `response_headers` are a few that help an operator, never a cookie.
    `response_body` is the first 1 KB in printable form, `response_body_bytes` how many bytes of
    the body were seen, `response_truncated` whether there was more than the record shows or the
    body ended early. `address` is the "ip:port" connected to. `parts_ms` holds those of dns,
    connect, tls, wait and read that are known, in milliseconds. `retry_after` is the raw header.
    `phase` is `token` when the attempt ended before its request, for lack of a token.
    """

    outcome: AttemptOutcome
    reason: str = ""
    status: int | None = None
    response_headers: tuple[tuple[str, str], ...] = ()
    response_body: str = ""
    response_body_bytes: int = 0
    response_truncated: bool = False
    address: str | None = None
    duration_ms: int = 0
    parts_ms: Mapping[str, int] = field(default_factory=dict)
    retry_after: str | None = None
    phase: Phase = "request"


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came of one request, with the answer's body as bytes (as much as is read of one)."""

    result: SendResult
    body: bytes = field(default=b"", repr=False)
