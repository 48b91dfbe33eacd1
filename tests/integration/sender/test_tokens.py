"""Tokens over real connections: by the same rules as every request, within one deadline."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from hooktrace.adapters.http import HttpSender
from hooktrace.adapters.system import SystemClock
from hooktrace.domain.attempts import OutgoingRequest, SendResult
from hooktrace.domain.endpoint_auth import ClientCredentials
from hooktrace.usecases.authorize_requests import AuthorizedSender
from tools.receiver import Receiver, Step

GOOD = Step(body=json.dumps({"access_token": "x" * 3_000, "expires_in": 60}).encode())


def send(
    receiver: Receiver,
    http: HttpSender,
    *steps: Step,
    timeout: float = 3.0,
    token_url: str | None = None,
    allow_http: bool = True,
    **more: Any,
) -> SendResult:
    """One request to `/in` with a token from `/token`, by a worker that has none yet."""
    receiver.behave("/token", *(steps or (GOOD,)))
    url = receiver.url + "/token" if token_url is None else token_url
    one = AuthorizedSender(http, http, clock=SystemClock(), monotonic=time.monotonic)
    credentials = ClientCredentials(url, "client", "the-client-secret", **more)
    return one.send(
        OutgoingRequest(receiver.url + "/in", (), b"{}", timeout, allow_http, "ep_1", credentials)
    )


def test_a_long_token_arrives_whole(receiver: Receiver, sender: HttpSender) -> None:
    result = send(receiver, sender, auth_style="body", scope="a b")
    assert result.outcome == "success"
    (request,) = receiver.requests("/in")
    assert request.header("authorization") == "Bearer " + "x" * 3_000
    (asked,) = receiver.requests("/token")
    assert asked.method == "POST"
    assert asked.header("content-type") == "application/x-www-form-urlencoded"
    assert b"client_secret=the-client-secret" in asked.body


@pytest.mark.parametrize(
    ("step", "outcome", "said"),
    [
        (Step(status=500), "http_error", "answered 500 Internal Server Error."),
        (
            Step(status=302, headers=(("Location", "/elsewhere"),)),
            "http_error",
            "302 Found, a redirect, and redirects are not followed.",
        ),
        (Step(body=b'{"access_token": "' + b"x" * 100_000), "protocol_error", "no access_token"),
        (Step(kind="reset"), "connection_error", "the connection"),
        (Step(kind="hang"), "timeout", "No answer within"),
    ],
    ids=["500", "redirect", "too long", "reset", "hang"],
)
def test_without_a_token_no_request_is_made(
    receiver: Receiver, sender: HttpSender, step: Step, outcome: str, said: str
) -> None:
    result = send(receiver, sender, step, timeout=0.5)
    assert (result.outcome, result.phase, result.status) == (outcome, "token", None)
    assert said in result.reason
    assert result.reason.endswith("No request was made to the endpoint.")
    assert receiver.requests("/in") == []
    assert receiver.requests("/elsewhere") == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://10.0.0.1/token", "is refused"),
        ("http://169.254.169.254/token", "is refused"),
        ("http://service.internal/token", "local machine or network"),
    ],
)
def test_no_way_inside_for_tokens_either(
    receiver: Receiver, sender: HttpSender, url: str, said: str
) -> None:
    result = send(receiver, sender, token_url=url)
    assert (result.outcome, result.phase) == ("blocked_address", "token")
    assert said in result.reason


def test_http_for_tokens_is_for_projects_that_allow_it(
    receiver: Receiver, sender: HttpSender
) -> None:
    result = send(receiver, sender, allow_http=False)
    assert (result.outcome, result.phase) == ("blocked_address", "token")
    assert receiver.requests("/token") == []


def test_token_and_request_share_one_deadline(receiver: Receiver, sender: HttpSender) -> None:
    slow = Step(body=GOOD.body, delay=0.6)
    receiver.behave("/in", Step(kind="hang"))
    began = time.monotonic()
    result = send(receiver, sender, slow, timeout=1.0)
    assert time.monotonic() - began < 1.4
    assert (result.outcome, result.phase) == ("timeout", "request")
    assert result.parts_ms["token"] >= 600
    assert 900 <= result.duration_ms <= 1_400
