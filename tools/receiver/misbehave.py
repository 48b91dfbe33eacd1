"""Carries out a step on an open connection."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
from collections.abc import Callable
from http import HTTPStatus

from tools.receiver.behaviour import Step

DRIP_SECONDS = 0.2
GZIP_BOMB_BYTES = 200 * 1024 * 1024
_CHUNK = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"


def perform(step: Step, connection: socket.socket, stopping: threading.Event) -> bool:
    """Does what `step` says; answers whether the connection may be used again."""
    if step.delay and stopping.wait(step.delay):
        return False
    if step.kind == "answer":
        connection.sendall(_head(step, len(step.body)) + step.body)
        return True
    _KINDS[step.kind](step, connection, stopping)
    return False


def _head(step: Step, length: int | None) -> bytes:
    """The head of an answer; headers of the step win over the ones made here."""
    given = {name.lower() for name, _ in step.headers}
    try:
        phrase = HTTPStatus(step.status).phrase
    except ValueError:
        phrase = "Unnamed"
    lines = [f"HTTP/1.1 {step.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in step.headers]
    if length is not None and "content-length" not in given:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _chunked_head(step: Step) -> bytes:
    return _head(step, None).removesuffix(b"\r\n") + b"Transfer-Encoding: chunked\r\n\r\n"


def _hang(_: Step, connection: socket.socket, stopping: threading.Event) -> None:
    """Silence, until the other side leaves or the receiver stops."""
    connection.settimeout(0.05)
    while not stopping.is_set():
        try:
            if not connection.recv(1024):
                return
        except TimeoutError:
            continue


def _drip(step: Step, connection: socket.socket, stopping: threading.Event) -> None:
    """A status line, then a header, byte by byte, without end."""
    connection.sendall(_head(step, None).split(b"\r\n", 1)[0] + b"\r\nX-Drip: ")
    while not stopping.wait(DRIP_SECONDS):
        connection.sendall(b"x")


def _reset(_: Step, connection: socket.socket, __: threading.Event) -> None:
    """A TCP reset: lingering for zero seconds drops the connection without a goodbye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _close(_: Step, connection: socket.socket, __: threading.Event) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def _truncated(step: Step, connection: socket.socket, _: threading.Event) -> None:
    """Ten bytes of a thousand."""
    connection.sendall(_head(step, 1000) + (step.body or b"0123456789"))


def _chunked_without_end(step: Step, connection: socket.socket, _: threading.Event) -> None:
    connection.sendall(_chunked_head(step) + b"5\r\nhello\r\n")


def _endless(step: Step, connection: socket.socket, stopping: threading.Event) -> None:
    connection.sendall(_chunked_head(step))
    while not stopping.is_set():
        connection.sendall(_CHUNK)


def _gzip_bomb(step: Step, connection: socket.socket, _: threading.Event) -> None:
    """Some 200 KB that unpack to 200 MB."""
    megabyte = bytes(1024 * 1024)
    packed = gzip.compress(megabyte) * (GZIP_BOMB_BYTES // len(megabyte))
    head = _head(step, len(packed)).removesuffix(b"\r\n") + b"Content-Encoding: gzip\r\n\r\n"
    connection.sendall(head + packed)


def _raw(step: Step, connection: socket.socket, _: threading.Event) -> None:
    """Exactly the bytes of the step's body, then the end."""
    connection.sendall(step.body)


_KINDS: dict[str, Callable[[Step, socket.socket, threading.Event], None]] = {
    "chunked_without_end": _chunked_without_end,
    "close": _close,
    "drip": _drip,
    "endless": _endless,
    "gzip_bomb": _gzip_bomb,
    "hang": _hang,
    "raw": _raw,
    "reset": _reset,
    "truncated": _truncated,
}
