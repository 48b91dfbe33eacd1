"""Makes one HTTP request of a delivery and says what came of it.

httpx's transport over httpcore, without httpx's client, which would steer or repeat a request: no
proxies or netrc from the environment, no cookies, no redirects, no retries, no kept connections, no
decompression. (The client reads `Location` even when it does not follow it, and raises for one that
is no URL.) One deadline bounds name lookup, connect, TLS, request, headers and body together.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from hooktrace.adapters.http.exchange import AttemptFailed, Exchange, Monotonic
from hooktrace.adapters.http.lookup import Resolve, system_resolve
from hooktrace.adapters.http.printable import printable
from hooktrace.adapters.http.tls import Trust
from hooktrace.adapters.http.transport import BODY_SECONDS, EXCHANGE, AttemptTransport
from hooktrace.adapters.http.wire import Connect, connect_tcp
from hooktrace.domain.attempts import AttemptOutcome, OutgoingRequest, RawAnswer, SendResult
from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.targets import Target, parse_target

VERSION = "0.1.0"
MAX_BODY_BYTES = 64 * 1024
"""How much of an answer's body is read."""
RECORDED_BODY_BYTES = 1024
_RECORDED_VALUE_BYTES = 512
_RECORDED_HEADER_BYTES = 2048
"""Of all values together: a trace with a hundred attempts must fit into one answer (6 MB)."""
_RECORDED_HEADERS = frozenset(
    {
        "allow",
        "content-encoding",
        "content-length",
        "content-type",
        "cf-ray",
        "date",
        "location",
        "request-id",
        "retry-after",
        "server",
        "traceparent",
        "www-authenticate",
        "x-amz-cf-id",
        "x-amz-request-id",
        "x-amzn-requestid",
        "x-amzn-trace-id",
        "x-correlation-id",
        "x-request-id",
        "x-trace-id",
    }
)
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
"""Headers that only the sender sets, whatever the request names."""


class HttpSender:
    """Sends requests to endpoints; safe to use from many threads at once.

    `allow_loopback` lets 127.0.0.0/8, ::1 and localhost through (local stack, tests),
    `extra_ca_file` names a PEM file of further trusted authorities. `resolve`, `connect` and
    `monotonic` stand for name lookup, TCP connect and the clock, in seconds.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        extra_ca_file: str | None = None,
        resolve: Resolve = system_resolve,
        connect: Connect = connect_tcp,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._monotonic = monotonic
        self._transport = AttemptTransport(
            resolve=resolve,
            connect=connect,
            trust=Trust(extra_ca_file),
            allow_loopback=allow_loopback,
        )

    def send(self, request: OutgoingRequest) -> SendResult:
        """Makes the request once. What an endpoint or the network does never raises."""
        return self.fetch(request).result

    def fetch(self, request: OutgoingRequest) -> RawAnswer:
        """Like `send`, with the body's bytes, at most `MAX_BODY_BYTES` of them."""
        try:
            target = parse_target(
                request.url, allow_http=request.allow_http, allow_loopback=self._allow_loopback
            )
        except InvalidInput as error:
            return RawAnswer(SendResult(AttemptOutcome.BLOCKED_ADDRESS, error.message))
        exchange = Exchange(target, request.timeout_seconds, self._monotonic)
        outgoing = httpx.Request(
            "POST",
            f"{target.scheme}://{target.authority}/",
            headers=_headers(request, target),
            content=request.body,
            extensions={EXCHANGE: exchange},
        )
        try:
            answer = self._transport.handle_request(outgoing)
        except AttemptFailed as failure:
            return RawAnswer(_without_status(failure, exchange))
        except OSError as error:
            reason = f"The connection failed: {error.strerror or error}."
            failed = AttemptFailed(AttemptOutcome.CONNECTION_ERROR, reason)
            return RawAnswer(_without_status(failed, exchange))
        return _with_status(answer, exchange)

    def close(self) -> None:
        """Lets the client go. There are no kept connections to close."""
        self._transport.close()


def _headers(request: OutgoingRequest, target: Target) -> list[tuple[bytes, bytes]]:
    given = [(name, value) for name, value in request.headers if name.lower() not in _OURS]
    names = {name.lower() for name, _ in given}
    headers = [("Host", target.authority), ("User-Agent", f"Hooktrace/{VERSION}")]
    if "accept" not in names:
        headers.append(("Accept", "*/*"))
    headers.append(("Accept-Encoding", "identity"))
    if "content-type" not in names:
        headers.append(("Content-Type", "application/json"))
    headers.append(("Content-Length", str(len(request.body))))
    headers += given
    headers.append(("Connection", "close"))
    return [(_bytes(name), _bytes(value.strip())) for name, value in headers]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _without_status(failure: AttemptFailed, exchange: Exchange) -> SendResult:
    came = bytes(exchange.received)
    # Cookies are no business of the record, in no kind of head.
    if came.startswith(b"HTTP/"):
        came = came.splitlines()[0]
    elif (cookie := came.lower().find(b"set-cookie")) >= 0:
        came = came[:cookie]
    return SendResult(
        failure.outcome,
        failure.reason,
        response_body=printable(came[:RECORDED_BODY_BYTES], cut=len(came) > RECORDED_BODY_BYTES),
        response_body_bytes=len(came),
        response_truncated=bool(came),
        address=exchange.address,
        duration_ms=exchange.duration_ms(),
        parts_ms=exchange.parts_ms,
    )


@dataclass(frozen=True, slots=True)
class _Body:
    read: bytes
    fault: str

    @property
    def start(self) -> bytes:
        """What is recorded of it."""
        return self.read[:RECORDED_BODY_BYTES]

    @property
    def seen(self) -> int:
        return len(self.read)


def _read_body(answer: httpx.Response) -> _Body:
    """Reads up to the limits; whatever goes wrong with a body, the status has been given."""
    data = bytearray()
    fault = ""
    try:
        for chunk in answer.iter_raw():
            data += chunk
            if len(data) > MAX_BODY_BYTES:
                fault = "its body is longer than the 64 KB that are read"
                break
    except AttemptFailed as failure:
        fault = _body_fault(failure)
    finally:
        answer.close()
    return _Body(bytes(data[:MAX_BODY_BYTES]), fault)


def _body_fault(failure: AttemptFailed) -> str:
    if failure.outcome is AttemptOutcome.TIMEOUT:
        return f"its body did not end within {BODY_SECONDS:.0f} s"
    if failure.outcome is AttemptOutcome.PROTOCOL_ERROR:
        return f"its body is incomplete or malformed ({failure.reason.rstrip('.')})"
    return "the connection broke before its body ended"


def _with_status(answer: httpx.Response, exchange: Exchange) -> RawAnswer:
    body = _read_body(answer)
    exchange.lap("read")
    fault = body.fault
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity" and body.seen:
        shown = printable(encoding.encode()[:40])
        fault = f"{fault}, and " if fault else ""
        fault += f"its body is marked as {shown}-encoded and recorded as it arrived"
    succeeded = 200 <= answer.status_code <= 299
    result = SendResult(
        AttemptOutcome.SUCCESS if succeeded else AttemptOutcome.HTTP_ERROR,
        "" if succeeded and not fault else _sentence(answer, fault),
        status=answer.status_code,
        response_headers=_recorded_headers(answer),
        response_body=printable(body.start, cut=body.seen > len(body.start)),
        response_body_bytes=body.seen,
        response_truncated=bool(body.fault) or body.seen > len(body.start),
        address=exchange.address,
        duration_ms=exchange.duration_ms(),
        parts_ms=exchange.parts_ms,
        retry_after=_recorded(answer.headers.get("retry-after")),
    )
    return RawAnswer(result, body.read)


def _sentence(answer: httpx.Response, fault: str) -> str:
    status = answer.status_code
    try:
        words = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        words = str(status)
    if 300 <= status <= 399 and "location" in answer.headers:
        words += ", a redirect, and redirects are not followed"
    return f"The endpoint answered {words}" + (f"; {fault}." if fault else ".")


def _recorded_headers(answer: httpx.Response) -> tuple[tuple[str, str], ...]:
    """The first of each name that is recorded, as far as there is room."""
    found: dict[str, str] = {}
    left = _RECORDED_HEADER_BYTES
    for name, value in answer.headers.raw:
        low = name.decode("ascii", "replace").lower()
        if low in _RECORDED_HEADERS and low not in found:
            shown = value[: min(left, _RECORDED_VALUE_BYTES)]
            found[low] = printable(shown)
            left -= len(shown)
    return tuple(found.items())


def _recorded(value: str | None) -> str | None:
    return None if value is None else printable(value.encode()[:_RECORDED_VALUE_BYTES])
