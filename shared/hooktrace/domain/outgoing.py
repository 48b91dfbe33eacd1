"""The request that carries an event to an endpoint: its body, its headers, its signature."""

from __future__ import annotations

from hooktrace.domain.attempts import OutgoingRequest
from hooktrace.domain.confidential import opened
from hooktrace.domain.deliveries import Attempt, DeliveryRecord
from hooktrace.domain.endpoint_auth import BasicAuth, ClientCredentials
from hooktrace.domain.endpoint_secrets import texts_never_recorded
from hooktrace.domain.events import Payload
from hooktrace.domain.ids import ulid_ms
from hooktrace.domain.registry import Endpoint
from hooktrace.domain.signing import build_body, sign
from hooktrace.domain.times import rfc3339

UNAUTHORIZED = 401
KEPT_BACK = frozenset(
    {
        "host",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "cookie",
        "authorization",
        "accept-encoding",
        "user-agent",
        "traceparent",
        "tracestate",
        "idempotency-key",
    }
)
_KEPT_BACK_PREFIXES = ("content-", "webhook-", "hooktrace-", "x-forwarded-")
"""Producer headers that filters see but that are not passed on: they are about the hop, or about
the body that the producer sent, which is not the one that we send."""


def passes_on(name: str) -> bool:
    """Whether a producer's header (lower case) is sent to the endpoint."""
    return name not in KEPT_BACK and not name.startswith(_KEPT_BACK_PREFIXES)


def outgoing_request(
    *,
    delivery: DeliveryRecord,
    attempt: Attempt,
    event_type: str,
    payload: Payload,
    endpoint: Endpoint,
    allow_http: bool,
    traceparent: str | None,
    tracestate: str | None,
) -> OutgoingRequest:
    """The signed request of one attempt. The body is the same on every attempt; time and
    signature are those of this one. The bytes signed are the bytes sent. `endpoint` is opened.
    """
    sent_as = payload.time if payload.time is not None else rfc3339(ulid_ms(delivery.event_id))
    body = build_body(event_type, sent_as, payload.data, endpoint.payload)
    seconds = attempt.started_ms // 1000
    headers = {name.lower(): value for name, value in payload.headers.items()}
    headers = {name: value for name, value in headers.items() if passes_on(name)}
    headers |= {name.lower(): opened(value) for name, value in endpoint.headers}
    never_recorded = [*texts_never_recorded(endpoint)]
    if isinstance(endpoint.auth, BasicAuth):
        headers["authorization"] = endpoint.auth.header()
        never_recorded.append(headers["authorization"].removeprefix("Basic "))
    headers |= {
        "content-type": "application/json",
        "webhook-id": delivery.event_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": sign(
            endpoint.signing_secrets(attempt.started_ms),
            message_id=delivery.event_id,
            timestamp=seconds,
            body=body,
        ),
        "hooktrace-delivery-id": delivery.id,
        "hooktrace-attempt": str(attempt.number),
        "hooktrace-trigger": attempt.trigger,
    }
    if traceparent is not None:
        headers["traceparent"] = traceparent
        if tracestate is not None:
            headers["tracestate"] = tracestate
    return OutgoingRequest(
        url=endpoint.url,
        headers=tuple(headers.items()),
        body=body,
        timeout_seconds=endpoint.timeout_seconds,
        allow_http=allow_http,
        endpoint_id=endpoint.id,
        credentials=endpoint.auth if isinstance(endpoint.auth, ClientCredentials) else None,
        token_after_ms=_refused_token_ms(delivery),
        never_recorded=tuple(never_recorded),
    )


def _refused_token_ms(delivery: DeliveryRecord) -> int:
    """Until when a token may be one that the endpoint refused: the last attempt got a 401."""
    if len(delivery.attempts) < 2 or delivery.attempts[-2].status != UNAUTHORIZED:
        return 0
    return delivery.attempts[-2].started_ms
