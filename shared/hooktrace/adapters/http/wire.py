"""The byte streams under httpcore: dialling the checked address, TLS, and one deadline for all.

`Dialer` is a network backend of httpcore, `Wire` its stream. Their time limits come from the
exchange and not from httpcore, whose read timeout starts anew with every byte.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore

from hooktrace.adapters.http.exchange import AttemptFailed, Exchange, Stage
from hooktrace.adapters.http.lookup import Resolve, lookup
from hooktrace.adapters.http.tls import Trust, explain_certificate, explain_tls
from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.targets import address_verdict

Connect = Callable[[str, int, float], socket.socket]
"""Opens a TCP connection: address, port, seconds → socket. Raises OSError."""

MAX_HEAD_BYTES = 64 * 1024
STUCK_SECONDS = 0.5
"""A request that makes no way for so long may have been answered already."""
_READ_BYTES = 16 * 1024
_WORDS = {
    errno.ECONNREFUSED: "refused the connection",
    errno.ECONNRESET: "reset the connection",
    errno.EHOSTUNREACH: "cannot be reached",
    errno.ENETUNREACH: "cannot be reached: there is no route to its network",
}


def connect_tcp(address: str, port: int, timeout: float) -> socket.socket:
    """Connects to an address (never a name) within `timeout` seconds. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect((address, port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        raise
    return sock


class Dialer(httpcore.NetworkBackend):
    """Connects one exchange: looks the name up once, checks every answer, dials by address."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        resolve: Resolve,
        connect: Connect,
        trust: Trust,
        allow_loopback: bool,
    ) -> None:
        self._exchange = exchange
        self._resolve = resolve
        self._connect = connect
        self._trust = trust
        self._allow_loopback = allow_loopback

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A stream to the exchange's target; the arguments repeat what the exchange knows."""
        addresses = self._checked_addresses()
        sock, address = self._dial(addresses)
        self._exchange.lap("connect")
        return Wire(sock, self._exchange, lambda: self._explain(address))

    def _checked_addresses(self) -> tuple[str, ...]:
        exchange, target = self._exchange, self._exchange.target
        if target.address is not None:
            addresses: tuple[str, ...] = (target.address,)
        else:
            addresses = lookup(self._resolve, target.host, target.port, exchange.remaining())
            exchange.lap("dns")
        for address in addresses:
            verdict = address_verdict(address, allow_loopback=self._allow_loopback)
            if verdict is not None:
                where = "" if target.address else f"{target.host} resolves to it: "
                reason = f"The address was refused: {where}{verdict}."
                raise AttemptFailed(AttemptOutcome.BLOCKED_ADDRESS, reason)
        return addresses

    def _dial(self, addresses: Sequence[str]) -> tuple[socket.socket, str]:
        """Connects to the first address, or to a second one when that fails."""
        exchange, port = self._exchange, self._exchange.target.port
        candidates = _two_of(addresses)
        failures: list[str] = []
        for position, address in enumerate(candidates):
            is_last = position == len(candidates) - 1
            left = exchange.remaining()
            exchange.address = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            try:
                sock = self._connect(address, port, left if is_last else left / 2)
            except TimeoutError:
                failures.append(f"{exchange.address} did not accept a connection in time")
                outcome = AttemptOutcome.TIMEOUT
            except OSError as error:
                words = _WORDS.get(error.errno or 0, f"cannot be reached ({error.strerror})")
                failures.append(f"{exchange.address} {words}")
                outcome = AttemptOutcome.CONNECTION_ERROR
            else:
                return sock, address
        if outcome is AttemptOutcome.TIMEOUT:
            limit = f"No connection within {exchange.timeout_seconds:.1f} s: "
            raise AttemptFailed(outcome, f"{limit}{'; '.join(failures)}.")
        raise AttemptFailed(outcome, f"No connection: {'; '.join(failures)}.")

    def _explain(self, address: str) -> str | None:
        """What the refused certificate says of itself, by one more handshake that sends nothing."""
        exchange = self._exchange
        try:
            left = min(1.0, exchange.remaining())
            with self._connect(address, exchange.target.port, left) as sock:
                sock.settimeout(min(1.0, exchange.remaining()))
                return explain_certificate(sock, exchange.target.host, self._trust)
        except (OSError, AttemptFailed):
            return None


def _two_of(addresses: Sequence[str]) -> tuple[str, ...]:
    """The preferred address and an alternative, of the other family if there is one."""
    first, *others = addresses
    other_family = [a for a in others if (":" in a) != (":" in first)]
    return (first, *(other_family or others)[:1])


class Wire(httpcore.NetworkStream):
    """A socket whose every operation gets what is left of the exchange's deadline."""

    def __init__(
        self, sock: socket.socket, exchange: Exchange, explain: Callable[[], str | None]
    ) -> None:
        self._sock = sock
        self._exchange = exchange
        self._explain = explain
        self._early: bytes | None = None

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """The TLS stream over this one; the name checked is that of the target."""
        exchange = self._exchange
        exchange.stage = Stage.TLS
        try:
            self._sock.settimeout(exchange.remaining())
            self._sock = ssl_context.wrap_socket(self._sock, server_hostname=exchange.target.host)
        except TimeoutError:
            self.close()
            raise exchange.timed_out() from None
        except ssl.SSLCertVerificationError as error:
            self.close()
            reason = explain_tls(error, exchange.target.host, self._explain())
            raise AttemptFailed(AttemptOutcome.TLS_ERROR, reason) from error
        except AttemptFailed:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise _handshake_failure(error, exchange) from error
        exchange.lap("tls")
        return self

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends all of `buffer`. A connection that breaks here may still hold an answer.

        Some servers answer without reading the request: then the rest of it is not sent.
        """
        exchange = self._exchange
        exchange.stage = Stage.SEND
        view = memoryview(buffer)
        while view:
            self._sock.settimeout(min(exchange.remaining(), STUCK_SECONDS))
            try:
                sent = self._sock.send(view)
            except TimeoutError:
                self._take_early_answer()
                continue
            except OSError as error:
                raise httpcore.WriteError(str(error)) from error
            view = view[sent:]
        exchange.stage = Stage.WAIT

    def _take_early_answer(self) -> None:
        """Raises httpcore.WriteError, after which the answer is read, if there is one."""
        self._sock.settimeout(0.0)
        try:
            self._early = self._sock.recv(_READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error
        raise httpcore.WriteError("the answer came before the end of the request")

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next bytes of the answer; empty when the other side has closed."""
        exchange = self._exchange
        in_head = exchange.stage is not Stage.BODY
        if in_head and exchange.stage is not Stage.HEAD:
            exchange.stage = Stage.WAIT
        self._sock.settimeout(exchange.remaining())
        try:
            if self._early is None:
                data = self._sock.recv(min(max_bytes, _READ_BYTES))
            else:
                data, self._early = self._early, None
        except TimeoutError:
            raise exchange.timed_out() from None
        except OSError as error:
            raise _read_failure(error, exchange) from error
        exchange.ended = not data
        if in_head and data:
            exchange.stage = Stage.HEAD
            exchange.received += data
            if len(exchange.received) > MAX_HEAD_BYTES + _READ_BYTES:
                reason = "The answer has more than 64 KB of headers or interim answers."
                raise AttemptFailed(AttemptOutcome.PROTOCOL_ERROR, reason)
        return data

    def close(self) -> None:
        """Closes the socket; what was not read is dropped."""
        self._sock.close()

    def get_extra_info(self, info: str) -> Any:
        """Nothing: httpcore asks for the ALPN choice and gets HTTP/1.1 by default."""
        return None


def _handshake_failure(error: OSError, exchange: Exchange) -> AttemptFailed:
    if isinstance(error, ssl.SSLError) and not isinstance(
        error, ssl.SSLEOFError | ssl.SSLZeroReturnError
    ):
        return AttemptFailed(
            AttemptOutcome.TLS_ERROR, explain_tls(error, exchange.target.host, None)
        )
    reason = f"{exchange.address} closed the connection during the TLS handshake."
    return AttemptFailed(AttemptOutcome.CONNECTION_ERROR, reason)


def _read_failure(error: OSError, exchange: Exchange) -> AttemptFailed:
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return AttemptFailed(
            AttemptOutcome.TLS_ERROR, explain_tls(error, exchange.target.host, None)
        )
    did = "reset" if isinstance(error, ConnectionResetError) else "broke off"
    when = "in the middle of its answer" if exchange.received else "before any answer"
    return AttemptFailed(
        AttemptOutcome.CONNECTION_ERROR, f"{exchange.address} {did} the connection {when}."
    )
