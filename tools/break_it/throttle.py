"""A table that is throttled: DynamoDB's own answer for it, from a server in front of the emulator.

The emulator never throttles. A function whose AWS_ENDPOINT_URL_DYNAMODB names this server gets
what AWS would answer while `on`; otherwise its calls are passed on as they are.
"""

from __future__ import annotations

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

REFUSAL = json.dumps(
    {
        "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        "message": "The level of configured provisioned throughput for the table was exceeded.",
    }
).encode()
LEFT_OUT = {"connection", "transfer-encoding", "content-length"}


class ThrottledTable:
    """The server, on a free port of 127.0.0.1. `refused` counts the calls that were throttled."""

    def __init__(self, endpoint_url: str) -> None:
        self.on = True
        self.refused = 0
        self._behind = urlsplit(endpoint_url)
        self._lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                status, headers, answer = owner.answer(self.path, dict(self.headers), body)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Nothing: what matters is counted."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> ThrottledTable:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(
        self, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the caller of DynamoDB gets now: status, headers, body."""
        if self.on:
            with self._lock:
                self.refused += 1
            return 400, [("content-type", "application/x-amz-json-1.0")], REFUSAL
        connection = http.client.HTTPConnection(
            self._behind.hostname or "", self._behind.port, timeout=10
        )
        try:
            connection.request("POST", path, body, headers)
            passed = connection.getresponse()
            content = passed.read()
            kept = [(k, v) for k, v in passed.getheaders() if k.lower() not in LEFT_OUT]
            return passed.status, kept, content
        finally:
            connection.close()
