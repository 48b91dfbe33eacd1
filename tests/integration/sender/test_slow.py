"""Slow, endless and oversized answers: one deadline for the whole attempt (FC-27, 28, 29)."""

from __future__ import annotations

import resource
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from hooktrace.adapters.http import HttpSender
from hooktrace.domain.attempts import AttemptOutcome, SendResult
from tools.receiver import Step
from tools.receiver.certificates import make_authority, make_certificate


def test_fc_27_silence_is_a_timeout_at_the_deadline(send, receiver) -> None:
    result = send("/hang", timeout=0.6)
    assert result.outcome is AttemptOutcome.TIMEOUT
    assert 600 <= result.duration_ms <= 1100
    assert result.reason == (
        "No answer within 0.6 s: connected, request sent, waiting for the status line."
    )
    assert result.address == f"127.0.0.1:{receiver.port}"
    assert len(receiver.requests()) == 1


def test_fc_27_a_late_answer_is_not_waited_for(send, receiver) -> None:
    receiver.behave("/in", Step(delay=2.0))
    assert send("/in", timeout=0.3).outcome is AttemptOutcome.TIMEOUT


def test_fc_27_a_port_that_accepts_and_never_speaks_tls(send) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        result = send("", url=f"https://127.0.0.1:{port}/", timeout=0.4)
    assert result.outcome is AttemptOutcome.TIMEOUT
    assert result.reason == "No answer within 0.4 s: connected, the TLS handshake did not end."
    assert 400 <= result.duration_ms <= 900


def test_fc_27_a_large_request_that_nobody_reads(send) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        result = send("", url=f"http://127.0.0.1:{port}/", body=bytes(20_000_000), timeout=0.5)
    assert result.outcome is AttemptOutcome.TIMEOUT
    assert result.reason == "No answer within 0.5 s: connected, still sending the request."


@contextmanager
def taken(send, folder, secured, body) -> Iterator[tuple[socket.socket, Future[SendResult]]]:
    """A request under way to a server that has taken the connection and read nothing."""
    authority = make_authority(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(authority, "good", ("127.0.0.1",)))
    trusting = HttpSender(allow_loopback=True, extra_ca_file=str(authority.file))
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        url = f"http{'s' * secured}://127.0.0.1:{server.getsockname()[1]}/"
        future = pool.submit(send, "", url=url, body=body, timeout=9.0, sender=trusting)
        plain, _ = server.accept()
        with context.wrap_socket(plain, server_side=True) if secured else plain as connection:
            yield connection, future


@pytest.mark.parametrize("secured", [False, True], ids=["http", "https"])
def test_fc_27_an_answer_to_a_request_that_nobody_reads_is_seen(send, tmp_path, secured) -> None:
    with taken(send, tmp_path, secured, bytes(20_000_000)) as (connection, future):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nseen")
        result = future.result(timeout=9)
    assert (result.outcome, result.status) == (AttemptOutcome.SUCCESS, 200)
    assert result.response_body == "seen"
    assert result.duration_ms < 3000


@pytest.mark.parametrize("secured", [False, True], ids=["http", "https"])
def test_fc_27_a_slow_reader_gets_the_whole_request(send, tmp_path, secured) -> None:
    body = bytes(range(256)) * 80_000
    received = bytearray()
    with taken(send, tmp_path, secured, body) as (connection, future):
        time.sleep(1.2)
        while len(received) < len(body) or not received.endswith(body[-256:]):
            received += connection.recv(1 << 20)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        result = future.result(timeout=9)
    assert (result.outcome, result.status) == (AttemptOutcome.SUCCESS, 200)
    assert received.endswith(b"\r\n\r\n" + body)


def test_fc_28_dripping_headers_end_at_the_deadline(send, receiver) -> None:
    result = send("/drip", timeout=0.9)
    assert result.outcome is AttemptOutcome.TIMEOUT
    assert result.status is None
    assert 900 <= result.duration_ms <= 1400
    assert result.reason == (
        "No answer within 0.9 s: the answer began, but its headers did not end."
    )
    assert result.response_body.startswith("HTTP/1.1 200 OK")


@pytest.mark.parametrize("path", ["/endless", "/gzip-bomb"])
def test_fc_29_a_body_without_end_is_a_success_that_takes_little(send, path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda _: send(path, timeout=5.0), range(10)))
    for result in results:
        assert (result.outcome, result.status) == (AttemptOutcome.SUCCESS, 200)
        assert result.duration_ms < 2000
        assert result.response_body_bytes == 64 * 1024
        assert len(result.response_body.encode()) >= 1024
        assert result.response_truncated
        assert "longer than the 64 KB" in result.reason
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 100_000


@pytest.mark.parametrize("status", [200, 500])
def test_fc_29_a_body_that_stops_coming_is_given_up_after_a_second(send, receiver, status) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        future = pool.submit(
            send, "", url=f"http://127.0.0.1:{server.getsockname()[1]}/", timeout=5.0
        )
        connection, _ = server.accept()
        with connection:
            head = b"HTTP/1.1 %d X\r\nContent-Length: 100\r\n\r\npart" % status
            connection.recv(65536)
            connection.sendall(head)
            result = future.result(timeout=4)
    assert result.status == status
    assert result.response_body == "part"
    assert 1000 <= result.duration_ms < 2000
    assert "its body did not end within 1 s" in result.reason


def test_fc_29_the_body_has_no_more_time_than_the_attempt(send) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        future = pool.submit(
            send, "", url=f"http://127.0.0.1:{server.getsockname()[1]}/", timeout=0.5
        )
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
            result = future.result(timeout=4)
    assert result.outcome is AttemptOutcome.SUCCESS
    assert 500 <= result.duration_ms < 900
