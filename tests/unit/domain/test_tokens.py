"""Asking for a token and reading what comes back, by RFC 6749."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from hooktrace.domain.attempts import AttemptOutcome, RawAnswer, SendResult
from hooktrace.domain.endpoint_auth import ClientCredentials
from hooktrace.domain.tokens import Token, read_token, token_request
from tests.fakes import answer

NOW_MS = 1_800_000_000_000
SECRET = "s p+ä:"


def credentials(**more: Any) -> ClientCredentials:
    fields = {"token_url": "https://id.example.com/token", "client_id": "c:1"} | more
    return ClientCredentials(client_secret=SECRET, **fields)


def test_the_client_names_itself_in_the_header() -> None:
    asked = token_request(credentials(), timeout_seconds=3, allow_http=False)
    headers = dict(asked.headers)
    user, _, word = base64.b64decode(headers["authorization"].removeprefix("Basic ")).partition(
        b":"
    )
    assert (user, word) == (b"c%3A1", b"s+p%2B%C3%A4%3A")
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.body == b"grant_type=client_credentials"
    assert (asked.url, asked.timeout_seconds) == ("https://id.example.com/token", 3)


def test_or_in_the_body_with_scope_and_audience() -> None:
    given = credentials(auth_style="body", scope="a b", audience="https://api.example.com/")
    asked = token_request(given, timeout_seconds=3, allow_http=False)
    assert "authorization" not in dict(asked.headers)
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["c:1"],
        "client_secret": [SECRET],
        "scope": ["a b"],
        "audience": ["https://api.example.com/"],
    }


def test_neither_shows_itself() -> None:
    given = credentials()
    asked = token_request(given, timeout_seconds=3, allow_http=False)
    assert SECRET not in repr(given)
    assert "Basic" not in repr(asked)
    assert "abc" not in repr(Token("abc", 0, 0))


@pytest.mark.parametrize(
    ("expires_in", "used_seconds"),
    [
        (3600, 3570),
        ("3600", 3570),
        (60, 30),
        (10, 5),
        (0, 0),
        (None, 270),
        (-5, 270),
        ("soon", 270),
        (True, 270),
        ([], 270),
        (1e12, 86_370),
        (float("nan"), 270),
        (float("inf"), 86_370),
    ],
)
def test_a_token_is_used_until_shortly_before_its_end(expires_in: Any, used_seconds: int) -> None:
    said = json.dumps({"access_token": "t.o-k_e~n+/==", "expires_in": expires_in}).encode()
    token = read_token(RawAnswer(answer(200), said), NOW_MS)
    assert token == Token("t.o-k_e~n+/==", NOW_MS, NOW_MS + used_seconds * 1000)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "holds no access_token"),
        (b"<html>", "holds no access_token"),
        (b"[" * 100_000, "holds no access_token"),
        (b"[]", "holds no access_token"),
        (b'{"access_token": 7}', "holds no access_token"),
        (b'{"access_token": ""}', "is no bearer token"),
        (b'{"access_token": "a\\r\\nX-A: b"}', "is no bearer token"),
        (b'{"access_token": "a b"}', "is no bearer token"),
        (b'{"access_token": "%s"}' % (b"x" * 16_385), "holds no access_token"),
        (b'{"access_token": "a", "token_type": "mac"}', "not of the type bearer"),
        (b'{"access_token": "a", "token_type": 1}', "not of the type bearer"),
    ],
)
def test_an_answer_without_a_usable_token(body: bytes, why: str) -> None:
    failed = read_token(RawAnswer(answer(200), body), NOW_MS)
    assert isinstance(failed, SendResult)
    assert failed.outcome is AttemptOutcome.PROTOCOL_ERROR
    assert (failed.phase, failed.status, failed.response_body) == ("token", None, "")
    assert failed.reason.startswith("The token endpoint answered 200, but ")
    assert why in failed.reason


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": "invalid_client"}', " (invalid_client)"),
        (b'{"error": "the secret is hunter2"}', ""),
        (b'{"error": ["invalid_client"]}', ""),
        (b"no json", ""),
    ],
)
def test_a_refusal_tells_its_status_and_known_codes_only(body: bytes, said: str) -> None:
    refused = answer(410, reason="The endpoint answered 410 Gone; its body is broken.")
    failed = read_token(RawAnswer(refused, body), NOW_MS)
    assert isinstance(failed, SendResult)
    assert failed.reason == (
        f"The token endpoint answered 410 Gone{said}. No request was made to the endpoint."
    )
    # A status here would be taken for the endpoint's own: 410 would disable it.
    assert (failed.outcome, failed.status) == (AttemptOutcome.HTTP_ERROR, None)


def test_a_token_endpoint_that_is_not_reached() -> None:
    result = SendResult(AttemptOutcome.DNS_ERROR, "The name does not exist.", duration_ms=4)
    failed = read_token(RawAnswer(result), NOW_MS)
    assert isinstance(failed, SendResult)
    assert (failed.outcome, failed.phase, failed.duration_ms) == ("dns_error", "token", 4)
    assert failed.reason == (
        "The token endpoint: The name does not exist. No request was made to the endpoint."
    )
