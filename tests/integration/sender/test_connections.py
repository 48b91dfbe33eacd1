"""State, surroundings, broken connections and names (FC-21, 22, 30, 31, 32, 34)."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

import pytest

from hooktrace.adapters.http import HttpSender
from hooktrace.adapters.http.wire import connect_tcp
from hooktrace.domain.attempts import AttemptOutcome
from tools.receiver import Receiver, Step


class StubNames:
    """Answers lookups in turn (the last answer repeats) and counts them."""

    def __init__(self, *answers: Sequence[str] | OSError | float) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, timeout: float) -> Sequence[str]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, OSError):
            raise answer
        if isinstance(answer, float):
            time.sleep(answer)
            return ("127.0.0.1",)
        return answer


class StubConnect:
    """Counts what is dialled and leads every address to one port of 127.0.0.1, or nowhere."""

    def __init__(self, port: int | None = None, refused: frozenset[str] = frozenset()) -> None:
        self.dialled: list[str] = []
        self.port = port
        self.refused = refused

    def __call__(self, address: str, port: int, timeout: float) -> socket.socket:
        self.dialled.append(address)
        if self.port is None or address in self.refused:
            raise ConnectionRefusedError(111, "Connection refused")
        return connect_tcp("127.0.0.1", self.port, timeout)


BLOCKED = [
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:7f00:1::1",
    "::169.254.169.254",
    "::ffff:10.0.0.1",
    "fec0::1",
    "192.88.99.1",
    "192.0.0.192",
    "224.0.0.1",
    "ff02::1",
    "100.64.0.1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "240.0.0.1",
    "198.51.100.7",
    "2001:db8::1",
    "fe80::1%eth0",
    "127.0.0.1",
    "not an address",
]


@pytest.mark.parametrize("address", BLOCKED)
@pytest.mark.parametrize("beside", [(), ("93.184.216.34",)], ids=["alone", "beside-a-good-one"])
def test_fc_21_a_name_that_resolves_to_the_inside_is_blocked(send, address, beside) -> None:
    connect = StubConnect()
    with_stub = HttpSender(resolve=StubNames((*beside, address)), connect=connect)
    result = send("", url="https://inside.example/", sender=with_stub)
    assert result.outcome is AttemptOutcome.BLOCKED_ADDRESS
    assert "inside.example resolves to it" in result.reason
    assert result.address is None
    assert connect.dialled == []


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111"])
def test_fc_21_a_public_address_is_dialled(send, address) -> None:
    connect = StubConnect()
    with_stub = HttpSender(resolve=StubNames((address,)), connect=connect)
    result = send("", url="https://outside.example/", sender=with_stub)
    assert result.outcome is AttemptOutcome.CONNECTION_ERROR
    assert connect.dialled == [address]
    assert address in (result.address or "")
    assert result.reason == f"No connection: {result.address} refused the connection."


def test_fc_22_a_name_that_changes_its_mind_is_looked_up_once_an_attempt(send, receiver) -> None:
    names = StubNames(("93.184.216.34",), ("127.0.0.1",))
    connect = StubConnect()
    with_stub = HttpSender(resolve=names, connect=connect)
    url = f"http://rebind.example:{receiver.port}/"
    first = send("", url=url, sender=with_stub)
    assert (first.address, names.asked) == (f"93.184.216.34:{receiver.port}", ["rebind.example"])
    second = send("", url=url, sender=with_stub)
    assert second.outcome is AttemptOutcome.BLOCKED_ADDRESS
    assert names.asked == ["rebind.example"] * 2
    assert connect.dialled == ["93.184.216.34"]
    assert receiver.connections == 0


@pytest.mark.parametrize("url", ["https://10.0.0.5/", "https://u@x.example/", "ftp://x.example/"])
def test_a_refused_url_is_refused_at_the_attempt_too(send, url) -> None:
    connect = StubConnect()
    result = send("", url=url, sender=HttpSender(resolve=StubNames(()), connect=connect))
    assert result.outcome is AttemptOutcome.BLOCKED_ADDRESS
    assert result.reason
    assert connect.dialled == []


def test_the_second_address_is_tried_when_the_first_does_not_connect(send, receiver) -> None:
    names = StubNames(("2606:4700::1111", "2606:4700::1112", "93.184.216.34"))
    connect = StubConnect(receiver.port, refused=frozenset({"2606:4700::1111"}))
    result = send(
        "", url="http://two.example/in", sender=HttpSender(resolve=names, connect=connect)
    )
    assert result.outcome is AttemptOutcome.SUCCESS
    assert connect.dialled == ["2606:4700::1111", "93.184.216.34"]
    assert result.address == "93.184.216.34:80"
    (request,) = receiver.requests()
    assert request.header("Host") == "two.example"


def test_fc_30_no_cookie_is_kept(send, receiver: Receiver) -> None:
    cookie = (("Set-Cookie", "sid=s3cret; Path=/"), ("Set-Cookie", "x=1; Max-Age=99"))
    receiver.behave("/one", Step(headers=cookie))
    url = f"http://localhost:{receiver.port}"
    names = StubNames(("127.0.0.1",))
    one = HttpSender(allow_loopback=True, resolve=names)
    for path in ["/one"] * 3 + ["/two"] * 3:
        result = send("", url=url + path, sender=one)
        assert result.outcome is AttemptOutcome.SUCCESS
        assert "s3cret" not in repr(result)
    assert len(receiver.requests()) == 6
    assert all(request.header("Cookie") is None for request in receiver.requests())


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_fc_30_a_cookie_of_an_unfinished_head_is_not_recorded(send, receiver, end) -> None:
    raw = end.join([b"HTTP/1.1 500 Oops", b"Set-Cookie: sid=s3cret", b"X-Half"])
    receiver.behave("/in", Step(kind="raw", body=raw))
    result = send("/in")
    assert result.outcome is AttemptOutcome.CONNECTION_ERROR
    assert result.response_body == "HTTP/1.1 500 Oops"
    assert "s3cret" not in repr(result)


@pytest.mark.parametrize("start", [b"ICY 200 OK", b" HTTP/1.1 500 Oops", b"\r\nHTTP/1.1 200 OK"])
def test_fc_30_a_cookie_of_what_is_no_http_is_not_recorded(send, receiver, start) -> None:
    raw = start + b"\r\nset-cookie: sid=s3cret\r\n\r\nhello"
    receiver.behave("/in", Step(kind="raw", body=raw))
    result = send("/in")
    assert result.outcome is AttemptOutcome.PROTOCOL_ERROR
    assert start.strip().decode() in result.response_body
    assert "s3cret" not in repr(result)


BREAKS = {
    "reset": (Step(kind="reset"), AttemptOutcome.CONNECTION_ERROR),
    "close": (Step(kind="close"), AttemptOutcome.CONNECTION_ERROR),
    "half a head": (
        Step(kind="raw", body=b"HTTP/1.1 200 OK\r\nConte"),
        AttemptOutcome.CONNECTION_ERROR,
    ),
    "503": (Step(status=503), AttemptOutcome.HTTP_ERROR),
    "kept open": (Step(headers=(("Connection", "keep-alive"),)), AttemptOutcome.SUCCESS),
}


@pytest.mark.parametrize("name", BREAKS)
def test_fc_31_as_many_requests_as_attempts(send, receiver, name) -> None:
    step, expected = BREAKS[name]
    receiver.behave("/in", step, Step())
    first, second = send("/in"), send("/in")
    assert first.outcome is expected
    assert second.outcome is AttemptOutcome.SUCCESS
    assert len(receiver.requests("/in")) == 2
    assert receiver.connections == 2
    if expected is AttemptOutcome.CONNECTION_ERROR:
        assert first.status is None
        assert f"127.0.0.1:{receiver.port}" in first.reason


def test_fc_31_nobody_listens(send) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = send("", url=f"http://127.0.0.1:{port}/")
    assert result.outcome is AttemptOutcome.CONNECTION_ERROR
    assert result.reason == f"No connection: 127.0.0.1:{port} refused the connection."


def test_fc_32_proxies_and_netrc_have_no_say(send, receiver, monkeypatch, tmp_path) -> None:
    with Receiver() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login a password s3cret\n")
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
        result = send("/in", sender=HttpSender(allow_loopback=True))
        assert proxy.connections == 0
    assert result.address == f"127.0.0.1:{receiver.port}"
    (request,) = receiver.requests()
    assert request.header("Authorization") is None
    assert (request.header("User-Agent") or "").startswith("Hooktrace/")
    assert not (tmp_path / "keys").exists()


def test_fc_34_a_name_that_is_gone_for_a_while(send, receiver) -> None:
    names = StubNames(
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        1.5,
        ("127.0.0.1",),
    )
    one = HttpSender(allow_loopback=True, resolve=names)
    url = f"http://gone.example:{receiver.port}/in"
    results = [send("", url=url, sender=one, timeout=0.5) for _ in range(4)]
    assert [r.outcome for r in results] == [AttemptOutcome.DNS_ERROR] * 3 + [AttemptOutcome.SUCCESS]
    assert [r.reason for r in results] == [
        "The name gone.example does not exist, or has no address.",
        "The name servers gave no answer for gone.example for now.",
        "Looking up gone.example took longer than the 0.5 s that were left.",
        "",
    ]
    assert 500 <= results[2].duration_ms < 1000
    assert len(receiver.requests()) == 1


def test_parts_and_duration_come_from_one_clock(send, receiver) -> None:
    ticks = iter(range(1000))
    one = HttpSender(allow_loopback=True, monotonic=lambda: next(ticks) / 100)
    result = send("/in", sender=one)
    assert result.outcome is AttemptOutcome.SUCCESS
    assert set(result.parts_ms) == {"connect", "wait", "read"}
    assert sum(result.parts_ms.values()) <= result.duration_ms


@pytest.mark.parametrize(
    ("errors", "outcome", "reason"),
    [
        (
            [TimeoutError(), TimeoutError()],
            AttemptOutcome.TIMEOUT,
            "No connection within 2.0 s: 93.184.216.34:443 did not accept a connection in time; "
            "[2606:4700::1111]:443 did not accept a connection in time.",
        ),
        (
            [TimeoutError(), OSError(101, "Network is unreachable")],
            AttemptOutcome.CONNECTION_ERROR,
            "No connection: 93.184.216.34:443 did not accept a connection in time; "
            "[2606:4700::1111]:443 cannot be reached: there is no route to its network.",
        ),
    ],
)
def test_two_addresses_that_do_not_connect(send, errors, outcome, reason) -> None:
    given: list[float] = []
    left = list(errors)

    def connect(address: str, port: int, timeout: float) -> socket.socket:
        given.append(timeout)
        raise left.pop(0)

    one = HttpSender(
        resolve=StubNames(("93.184.216.34", "2606:4700::1111", "1.1.1.1")), connect=connect
    )
    result = send("", url="https://two.example/", sender=one, timeout=2.0)
    assert (result.outcome, result.reason) == (outcome, reason)
    assert given[0] <= 1.0 < given[1] <= 2.0
