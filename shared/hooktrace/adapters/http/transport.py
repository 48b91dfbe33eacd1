"""The transport under httpx: one fresh HTTP/1.1 connection for one exchange.

Nothing is kept between attempts. A kept connection can die unseen between two requests, and then
either the client repeats the POST on its own (two requests, one attempt on the record) or our dead
connection is booked as the customer's failure; and a checked address would outlive its check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpcore
import httpx

from hooktrace.adapters.http.exchange import AttemptFailed, Exchange
from hooktrace.adapters.http.lookup import Resolve
from hooktrace.adapters.http.printable import printable
from hooktrace.adapters.http.tls import Trust
from hooktrace.adapters.http.wire import Connect, Dialer
from hooktrace.domain.attempts import AttemptOutcome

EXCHANGE = "hooktrace_exchange"
"""The request extension that carries the exchange."""
BODY_SECONDS = 1.0
"""How long an answer's body is read once its status is known."""
SHOWN_BYTES = 60
"""How much of the first line of an answer that is not HTTP is shown in the reason."""
_HEAD = re.compile(
    rb"HTTP/[0-9]\.[0-9] ([2-9][0-9]{2})(?: ([^\r\n]*))?\r?\n(.*?\r?\n|)\r?\n", re.DOTALL
)
_SWITCHES = re.compile(rb"HTTP/1\.[01] 101[ \r\n]")
_INTERIM = re.compile(rb"HTTP/1\.[01] 1[0-9]{2}[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n")
_HEADER_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\x00]*?)[ \t]*")


class AttemptTransport(httpx.BaseTransport):
    """Sends the exchange that a request carries. Raises AttemptFailed when no status comes."""

    def __init__(
        self, *, resolve: Resolve, connect: Connect, trust: Trust, allow_loopback: bool
    ) -> None:
        self._resolve = resolve
        self._connect = connect
        self._trust = trust
        self._allow_loopback = allow_loopback

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, its body not read yet. The request line and the host are the exchange's."""
        exchange: Exchange = request.extensions[EXCHANGE]
        target = exchange.target
        connection = httpcore.HTTPConnection(
            httpcore.Origin(target.scheme.encode(), target.host.encode(), target.port),
            ssl_context=self._trust.context,
            network_backend=Dialer(
                exchange,
                resolve=self._resolve,
                connect=self._connect,
                trust=self._trust,
                allow_loopback=self._allow_loopback,
            ),
        )
        url = httpcore.URL(
            scheme=target.scheme.encode(),
            host=target.host.encode(),
            port=target.port,
            target=target.path_and_query.encode(),
        )
        content = request.read()
        outgoing = httpcore.Request(
            request.method.encode(), url, headers=request.headers.raw, content=content
        )
        try:
            answer = connection.handle_request(outgoing)
        except httpcore.LocalProtocolError as error:
            reason = f"The request cannot be sent as HTTP: {error}."
            raise AttemptFailed(AttemptOutcome.PROTOCOL_ERROR, reason) from error
        except httpcore.RemoteProtocolError as error:
            return _despite(error, exchange)
        exchange.head_is_read(BODY_SECONDS)
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer, connection)
        )


class _Body(httpx.SyncByteStream):
    """The body as it arrives; closing it closes the connection for good."""

    def __init__(self, answer: httpcore.Response, connection: httpcore.HTTPConnection) -> None:
        self._answer = answer
        self._connection = connection

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._answer.iter_stream()
        except httpcore.RemoteProtocolError as error:
            # What follows are the bytes in question: of any length, and perhaps of a cookie.
            words = str(error).split(": bytearray(", 1)[0]
            raise AttemptFailed(AttemptOutcome.PROTOCOL_ERROR, words) from error

    def close(self) -> None:
        self._connection.close()


def _despite(error: httpcore.RemoteProtocolError, exchange: Exchange) -> httpx.Response:
    """What an answer that the parser refuses still says; raises AttemptFailed if it says nothing.

    A complete head has told its status, even when some of its lines are no headers or its framing
    (Content-Length, Transfer-Encoding) contradicts itself: a 2xx must not be sent again for that.
    """
    received = bytes(exchange.received)
    if exchange.ended and not received:
        reason = f"{exchange.address} closed the connection without a byte of an answer."
        raise AttemptFailed(AttemptOutcome.CONNECTION_ERROR, reason) from error
    final = received
    while (interim := _INTERIM.match(final)) is not None and _SWITCHES.match(final) is None:
        final = final[interim.end() :]
    head = _HEAD.match(final)
    if head is not None:
        lines = [_HEADER_LINE.fullmatch(line) for line in head[3].splitlines()]
        headers = [(line[1], line[2]) for line in lines if line is not None]
        is_whole = len(headers) == len(lines) and b"\0" not in (head[2] or b"")
        fault = "its length is contradictory" if is_whole else "the headers before it are malformed"
        exchange.head_is_read(0.0)
        rest = _Rest(final[head.end() :], fault)
        return httpx.Response(int(head[1]), headers=headers, stream=rest)
    if _SWITCHES.match(final):
        reason = "The answer is 101 Switching Protocols, which nobody asked for."
        raise AttemptFailed(AttemptOutcome.PROTOCOL_ERROR, reason) from error
    if exchange.ended and received.startswith(b"HTTP/1."):
        reason = f"{exchange.address} closed the connection in the middle of its headers."
        raise AttemptFailed(AttemptOutcome.CONNECTION_ERROR, reason) from error
    begins = printable(received.split(b"\n", 1)[0].rstrip(b"\r")[:SHOWN_BYTES], cut=True)
    reason = f"The answer is not valid HTTP/1.1. It begins with: {begins or 'an empty line'}"
    raise AttemptFailed(AttemptOutcome.PROTOCOL_ERROR, reason) from error


class _Rest(httpx.SyncByteStream):
    """What had arrived behind a head that the parser refused, and why it did."""

    def __init__(self, data: bytes, fault: str) -> None:
        self._data = data
        self._fault = fault

    def __iter__(self) -> Iterator[bytes]:
        yield self._data
        raise AttemptFailed(AttemptOutcome.PROTOCOL_ERROR, self._fault)
