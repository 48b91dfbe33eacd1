"""A real HTTP(S) endpoint that records what it gets and misbehaves on demand.

It verifies nothing: what arrived is kept byte for byte, for others to check. Behaviour comes from
the path (`steps_from_path`), or from steps set for a path; the last step repeats. Over HTTP:
`GET /_requests?path=/x`, `DELETE /_requests`, `PUT /_behaviour/x` and `DELETE /_behaviour/x`.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tools.receiver.behaviour import Step, steps_from_json, steps_from_path
from tools.receiver.misbehave import perform

MAX_RECORDED = 100_000


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came: headers in their order and spelling, the body's exact bytes."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: float
    server_name: str | None

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    def to_json(self) -> dict[str, Any]:
        """For `GET /_requests`; the body is base64, `at` Unix seconds."""
        return {
            "method": self.method,
            "path": self.path,
            "headers": [list(pair) for pair in self.headers],
            "body": base64.b64encode(self.body).decode("ascii"),
            "at": self.at,
            "server_name": self.server_name,
        }


class Receiver:
    """The endpoint, on 127.0.0.1 (or `host`), in threads of its own. Use it with `with`.

    `certificate` and `key` are PEM files that make it HTTPS. `connections` counts what was
    accepted, whether or not a request came.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        self.stopping = threading.Event()
        self.connections = 0
        self._requests: list[Received] = []
        self._steps: dict[str, list[Step]] = {}
        self._change = threading.Condition()
        self._tls = _tls_context(certificate, key)
        self._server = _Server((host, port), self, self._tls)
        self.port: int = self._server.server_address[1]
        self.url = f"{'http' if self._tls is None else 'https'}://{host}:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="receiver", daemon=True
        )

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends all that is going on and frees the port."""
        self.stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def behave(self, path: str, *steps: Step) -> None:
        """Sets what requests to `path` (without query) meet; no steps: as the path says."""
        with self._change:
            if steps:
                self._steps[path] = list(steps)
            else:
                self._steps.pop(path, None)

    def requests(self, path: str | None = None) -> list[Received]:
        """What came so far, oldest first; with `path` (without query) only that."""
        with self._change:
            return [r for r in self._requests if path in {None, urlsplit(r.path).path}]

    def wait_for(self, count: int, path: str | None = None, timeout: float = 5) -> list[Received]:
        """The requests as soon as there are `count`. Raises TimeoutError."""
        with self._change:
            if not self._change.wait_for(lambda: len(self.requests(path)) >= count, timeout):
                raise TimeoutError(f"{len(self.requests(path))} of {count} requests came")
            return self.requests(path)

    def clear(self) -> None:
        """Forgets the recorded requests."""
        with self._change:
            self._requests.clear()

    def take(self, request: Received) -> Step:
        """Records a request and says what to do with it."""
        path = urlsplit(request.path).path
        with self._change:
            if len(self._requests) < MAX_RECORDED:
                self._requests.append(request)
            steps = self._steps.setdefault(path, list(steps_from_path(request.path)))
            step = steps.pop(0) if len(steps) > 1 else steps[0]
            self._change.notify_all()
        return step


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], receiver: Receiver, tls: ssl.SSLContext | None
    ) -> None:
        self.receiver = receiver
        self.tls = tls
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.receiver.connections += 1
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Makes the handshake in the connection's own thread, so that none holds up the rest."""
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        try:
            secured = self.tls.wrap_socket(request, server_side=True)
        except OSError:
            return
        with secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: a sender that goes away is no fault of the receiver."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        self._serve()

    do_GET = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_POST  # noqa: N815 - as above

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as overridden
        """Keeps quiet: what came is asked for over HTTP."""

    def _serve(self) -> None:
        body = self._body()
        if self.path.startswith("/_"):
            self._control(body)
            return
        name = getattr(self.connection, "hooktrace_server_name", None)
        received = Received(
            self.command, self.path, tuple(self.headers.items()), body, time.time(), name
        )
        receiver = self.server.receiver
        step = receiver.take(received)
        self.close_connection = not perform(step, self.connection, receiver.stopping)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _control(self, body: bytes) -> None:
        receiver = self.server.receiver
        split = urlsplit(self.path)
        status, answer = 200, "{}"
        if split.path == "/_requests" and self.command == "DELETE":
            receiver.clear()
        elif split.path == "/_requests":
            path = parse_qs(split.query).get("path", [None])[0]
            answer = json.dumps([request.to_json() for request in receiver.requests(path)])
        elif split.path.startswith("/_behaviour/"):
            status, answer = self._set_behaviour(split.path.removeprefix("/_behaviour"), body)
        else:
            status, answer = 404, '{"error": "no such control"}'
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def _set_behaviour(self, path: str, body: bytes) -> tuple[int, str]:
        try:
            steps = () if self.command == "DELETE" else steps_from_json(json.loads(body))
        except ValueError as error:
            return 400, json.dumps({"error": str(error)})
        self.server.receiver.behave(path, *steps)
        return 200, "{}"


def _tls_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def remember(secured: Any, name: str | None, _: ssl.SSLContext) -> None:
        secured.hooktrace_server_name = name

    context.sni_callback = remember
    return context
