"""Slow, endless and oversized answers: one deadline for the whole attempt (FC-27, 28, 29)."""

from __future__ import annotations

import resource
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from hooktrace.domain.attempts import AttemptOutcome
from tools.receiver import Step


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
