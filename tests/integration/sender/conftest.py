"""A receiver, and a way to send to it with the loopback exception on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hooktrace.adapters.http import HttpSender
from hooktrace.domain.attempts import OutgoingRequest, SendResult
from tools.receiver import Receiver

Send = Callable[..., SendResult]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def sender() -> Iterator[HttpSender]:
    made = HttpSender(allow_loopback=True)
    yield made
    made.close()


@pytest.fixture
def send(receiver: Receiver, sender: HttpSender) -> Send:
    """Sends to a path of the receiver: `send("/hang", timeout=0.3)`."""

    def make(path: str, *, timeout: float = 3.0, body: bytes = b"{}", **more: Any) -> SendResult:
        headers = more.get("headers", (("webhook-id", "evt_1"),))
        url = more.get("url", receiver.url + path)
        return more.get("sender", sender).send(
            OutgoingRequest(url, headers, body, timeout, allow_http=True)
        )

    return make
