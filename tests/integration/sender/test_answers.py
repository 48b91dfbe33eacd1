"""What an endpoint answers, and what the record says of it (FC-14, 16, 23, 24, 25, 26)."""

from __future__ import annotations

import gzip
import json
import time
import tomllib
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from hooktrace.adapters.http.sender import VERSION
from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.signing import build_body, new_secret, sign
from tools.receiver import Received, Receiver, Step

RAW = '{"name":"Zoë 📦 \u2028 日本 \\u003cb\\u003e \\/"}'.encode()
ESCAPED = b'{"name":"Zo\\u00eb \\ud83d\\udce6 \\u2028 \\u65e5\\u672c \\u003cb\\u003e \\/"}'
SECRET = new_secret(bytes(range(32)))


def signed(body: bytes, at: int) -> tuple[tuple[str, str], ...]:
    signature = sign([SECRET], message_id="evt_7", timestamp=at, body=body)
    return (
        ("webhook-id", "evt_7"),
        ("webhook-timestamp", str(at)),
        ("webhook-signature", signature),
    )


def verify(request: Received) -> None:
    Webhook(SECRET).verify(request.body, {k.lower(): v for k, v in request.headers})


@pytest.mark.parametrize("data", [RAW, ESCAPED], ids=["raw", "escaped"])
@pytest.mark.parametrize("mode", ["envelope", "data"])
def test_fc_14_bytes_beyond_ascii_arrive_as_signed(send, receiver: Receiver, data, mode) -> None:
    body = build_body("order.created", "2026-03-29T10:00:00Z", data, mode)
    result = send("/in", body=body, headers=signed(body, int(time.time())))
    assert result.outcome is AttemptOutcome.SUCCESS
    (request,) = receiver.requests("/in")
    assert request.body == body
    assert data in request.body
    assert request.header("Content-Length") == str(len(body))
    assert request.header("Content-Type") == "application/json"
    verify(request)


def test_fc_16_a_retry_has_the_same_id_and_body_and_a_time_of_its_own(send, receiver) -> None:
    receiver.behave("/in", Step(status=503), Step())
    now = int(time.time())
    for at in (now - 200, now):
        send("/in", body=RAW, headers=signed(RAW, at))
    first, second = receiver.requests("/in")
    assert first.header("webhook-id") == second.header("webhook-id") == "evt_7"
    assert first.header("webhook-timestamp") != second.header("webhook-timestamp")
    assert first.body == second.body == RAW
    verify(first)
    verify(second)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["http://169.254.169.254/latest/", "/landing"])
def test_fc_23_a_redirect_is_an_error_and_not_followed(send, receiver, status, to) -> None:
    result = send(f"/redirect/{status}?to={to}")
    assert (result.outcome, result.status) == (AttemptOutcome.HTTP_ERROR, status)
    assert dict(result.response_headers)["location"] == to
    assert "redirects are not followed" in result.reason
    assert len(receiver.requests()) == 1
    assert receiver.connections == 1


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
def test_fc_24_any_2xx_is_success(send, status) -> None:
    result = send(f"/status/{status}")
    assert (result.outcome, result.status) == (AttemptOutcome.SUCCESS, status)
    assert result.reason == ""


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (300, "300 Multiple Choices"),
        (304, "304 Not Modified"),
        (400, "400 Bad Request"),
        (410, "410 Gone"),
        (429, "429 Too Many Requests"),
        (503, "503 Service Unavailable"),
        (520, "520"),
        (599, "599"),
    ],
)
def test_fc_24_everything_else_is_an_error_that_names_the_status(send, status, words) -> None:
    result = send(f"/status/{status}")
    assert (result.outcome, result.status) == (AttemptOutcome.HTTP_ERROR, status)
    assert result.reason == f"The endpoint answered {words}."


PLAIN = b"not gzip at all"
BROKEN_BODIES = {
    "gzip that is none": (Step(headers=(("Content-Encoding", "gzip"),), body=PLAIN), PLAIN, False),
    "unknown encoding": (Step(headers=(("Content-Encoding", "zz"),), body=PLAIN), PLAIN, False),
    "ten bytes of a thousand": (Step(kind="truncated"), b"0123456789", True),
    "no last chunk": (Step(kind="chunked_without_end"), b"hello", True),
    "204 with a body": (Step(status=204, body=b"surprise"), b"", False),
}


@pytest.mark.parametrize("name", BROKEN_BODIES)
def test_fc_25_a_2xx_with_a_broken_body_is_success(send, receiver, name) -> None:
    step, recorded, incomplete = BROKEN_BODIES[name]
    receiver.behave("/in", step)
    result = send("/in")
    assert (result.outcome, result.status) == (AttemptOutcome.SUCCESS, step.status)
    assert result.response_body == recorded.decode()
    assert result.response_body_bytes == len(recorded)
    assert result.response_truncated is incomplete
    assert bool(result.reason) is (name != "204 with a body")
    assert len(receiver.requests()) == 1


NO_URLS = ["http://[::1", "http://x:port/", "http://\xff\xfe/", "//", "", "http://a:99999999/"]


@pytest.mark.parametrize("to", NO_URLS)
def test_fc_23_a_redirect_to_what_is_no_url_is_an_answer_like_any_other(send, receiver, to) -> None:
    receiver.behave("/in", Step(status=302, headers=(("Location", to),)))
    result = send("/in")
    assert (result.outcome, result.status) == (AttemptOutcome.HTTP_ERROR, 302)
    assert len(receiver.requests()) == 1


CONTRADICTIONS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nhello",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\nContent-Length: -1\n\nhello",
]


@pytest.mark.parametrize("raw", CONTRADICTIONS)
def test_a_2xx_with_contradictory_framing_is_success_too(send, receiver, raw) -> None:
    receiver.behave("/in", Step(kind="raw", body=raw))
    result = send("/in")
    assert (result.outcome, result.status) == (AttemptOutcome.SUCCESS, 200)
    assert "length is contradictory" in result.reason
    assert result.response_body in {"", "hello"}


MALFORMED_LINES = [
    b"X-A : space before the colon",
    b"no colon here",
    b": no name",
    "X-\u00c9: beyond ASCII".encode(),
    b"X-A: nul\x00",
    b"X-A: bare\rreturn",
    b"X A: space in the name",
    b" X-A: folded onto nothing",
    b"Set-Cookie : sid=s3cret",
]


@pytest.mark.parametrize("line", MALFORMED_LINES)
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"])
def test_fc_25_a_2xx_with_a_malformed_header_is_success_too(send, receiver, line, before) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + line + b"\r\nX-Request-Id: 7\r\nContent-Length: 5\r\n\r\n"
    receiver.behave("/in", Step(kind="raw", body=before + head + b"hello"))
    result = send("/in")
    assert (result.outcome, result.status) == (AttemptOutcome.SUCCESS, 200)
    assert "the headers before it are malformed" in result.reason
    assert dict(result.response_headers)["x-request-id"] == "7"
    assert result.response_body in {"", "hello"}
    assert "s3cret" not in repr(result)


def test_fc_25_a_malformed_trailer_is_not_quoted(send, receiver) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
    trailer = b"Set-Cookie sid=s3cret" + b"x" * 50_000
    receiver.behave("/in", Step(kind="raw", body=head + trailer + b"\r\n\r\n"))
    result = send("/in")
    assert (result.outcome, result.response_body) == (AttemptOutcome.SUCCESS, "hello")
    assert len(result.reason) < 200
    assert "s3cret" not in repr(result)


def test_a_switch_of_protocols_is_refused_in_words(send, receiver) -> None:
    raw = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
    receiver.behave("/in", Step(kind="raw", body=raw))
    result = send("/in")
    assert (result.outcome, result.status) == (AttemptOutcome.PROTOCOL_ERROR, None)
    assert result.reason == "The answer is 101 Switching Protocols, which nobody asked for."


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"hello",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello\r\n\r\n",
        b"x" * 200_000,
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000,
    ],
)
def test_what_is_not_http_is_a_protocol_error(send, receiver, raw) -> None:
    receiver.behave("/in", Step(kind="raw", body=raw))
    result = send("/in")
    assert (result.outcome, result.status) == (AttemptOutcome.PROTOCOL_ERROR, None)
    assert result.reason


@pytest.mark.parametrize(
    "location",
    [
        b"http://[",
        b"http://x:99999/",
        b"http://x:port/",
        b"http:relative",
        b"//",
        b"http:///path",
        b"Retry-After: \xef\xbc\x91",
        b"http://\xff\xfe/",
        b"http://xn--zzzz\xad.example/",
        b"javascript:alert(1)",
        b"",
        b"http://x/\x7f",
        b"mailto:a@b",
    ],
)
@pytest.mark.parametrize("status", [201, 302, 308])
def test_a_location_that_is_no_url_is_recorded_like_any_other_like_fc_23(
    send, receiver, status, location
) -> None:
    """Whatever stands there, nobody goes there, and no worker dies of reading it."""
    raw = b"HTTP/1.1 %d X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, location)
    receiver.behave("/in", Step(kind="raw", body=raw))
    result = send("/in")
    assert result.status == status
    is_success = result.outcome is AttemptOutcome.SUCCESS
    assert is_success is (status == 201)
    assert "location" in dict(result.response_headers)
    assert len(receiver.requests()) == 1


def test_what_is_not_http_is_shown(send, receiver) -> None:
    receiver.behave("/in", Step(kind="raw", body=b"SSH-2.0-OpenSSH\r\n\x00"))
    result = send("/in")
    assert result.response_body == "SSH-2.0-OpenSSH\r\n\\x00"


def test_interim_answers_are_skipped(send, receiver) -> None:
    raw = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 201 Created\r\n\r\nmade"
    receiver.behave("/in", Step(kind="raw", body=raw))
    result = send("/in")
    assert (result.status, result.response_body) == (201, "made")


def test_fc_26_bytes_that_are_no_text_are_escaped(send, receiver) -> None:
    odd = bytes.fromhex("636166e920fffe001b5b33316d")
    headers = (("X-Note", "caf\xe9"), ("X-Request-Id", "caf\xe9"))
    receiver.behave("/in", Step(status=500, headers=headers, body=odd))
    result = send("/in")
    assert result.outcome is AttemptOutcome.HTTP_ERROR
    assert result.response_body == "caf\\xe9 \\xff\\xfe\\x00\\x1b[31m"
    assert result.response_body_bytes == len(odd)
    assert dict(result.response_headers)["x-request-id"] == "caf\\xe9"
    assert json.loads(json.dumps(result.response_body)) == result.response_body


def test_fc_26_the_record_is_cut_at_1_kb_between_characters(send, receiver) -> None:
    text = "a" + "é" * 1000
    receiver.behave("/in", Step(status=500, body=text.encode()))
    result = send("/in")
    assert result.response_body == "a" + "é" * 511
    assert result.response_body_bytes == 2001
    assert result.response_truncated


def test_fc_26_recorded_headers_have_a_limit_together(send, receiver) -> None:
    odd = "\x01" * 512  # four characters each where they are shown
    many = [(name, odd) for name in ("Date", "Server", "Location", "Allow", "X-Request-Id")]
    receiver.behave("/in", Step(status=503, headers=(*many, ("Retry-After", "7"))))
    result = send("/in")
    assert sum(len(value) for _, value in result.response_headers) == 4 * 2048
    assert dict(result.response_headers)["retry-after"] == ""
    assert result.retry_after == "7"


def test_retry_after_is_given_raw(send) -> None:
    assert send("/retry-after/429/30").retry_after == "30"
    assert send("/status/503").retry_after is None


def test_an_encoded_body_is_not_unpacked(send, receiver) -> None:
    packed = gzip.compress(b"hello", mtime=0)
    receiver.behave("/in", Step(headers=(("Content-Encoding", "gzip"),), body=packed))
    result = send("/in")
    assert result.response_body_bytes == len(packed)
    assert result.reason.endswith("gzip-encoded and recorded as it arrived.")


def test_the_request_line_and_headers_are_what_was_asked_for(send, receiver) -> None:
    given = (("X-Static", "1"), ("Host", "evil"), ("Content-Length", "9"), ("Cookie", "a=b"))
    result = send("/a/../b%2F?q=%zz", headers=given)
    assert result.outcome is AttemptOutcome.SUCCESS
    (request,) = receiver.requests()
    assert (request.method, request.path) == ("POST", "/a/../b%2F?q=%zz")
    assert [k for k, _ in request.headers] == [
        "Host",
        "User-Agent",
        "Accept",
        "Accept-Encoding",
        "Content-Type",
        "Content-Length",
        "X-Static",
        "Connection",
    ]
    assert request.header("Host") == f"127.0.0.1:{receiver.port}"
    assert request.header("User-Agent") == f"Hooktrace/{VERSION}"
    assert request.header("Accept-Encoding") == "identity"
    assert request.header("Content-Length") == "2"


def test_the_user_agent_names_the_released_version() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION


def test_a_header_value_beyond_ascii_is_sent_as_utf_8(send, receiver) -> None:
    assert send("/in", headers=(("X-A", "é"), ("X-B", "\ud800"))).status == 200
    (request,) = receiver.requests()
    assert (request.header("X-A") or "").encode("latin-1") == "é".encode()
    assert request.header("X-B") == "?"


@pytest.mark.parametrize("bad", [("X-Ünicode", "a"), ("X-A", "b\r\nEvil: 1"), ("", "a")])
def test_a_header_that_cannot_be_sent_is_no_crash_and_no_request(send, receiver, bad) -> None:
    result = send("/in", headers=(bad,))
    assert result.outcome is AttemptOutcome.PROTOCOL_ERROR
    assert "cannot be sent" in result.reason
    assert receiver.requests() == []


def test_an_unusual_status_is_named_in_words(send, receiver) -> None:
    receiver.behave("/pot", Step(status=418, body=b"tea"))
    result = send("/pot")
    assert (result.status, result.response_body) == (418, "tea")
    assert result.reason == "The endpoint answered 418 I'm a Teapot."
