"""Marked secrets of every kind go in; nothing that anybody can read may hold one of them.

Read are: all API answers, log lines, notifications, queue messages, the ledger's stream, and every
stored item as it is (there only ciphertext).
"""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from functions.deliver.lines import deliver_lines
from hooktrace.adapters.records import status_changes
from hooktrace.domain.attempts import AttemptOutcome, OutgoingRequest, RawAnswer, SendResult
from hooktrace.domain.notifications import notification_of
from hooktrace.usecases.delivery_jobs import Attempted, PutBack
from tests.fakes import answer
from tests.inhabited import IDENTIFIER, kind_of, with_id
from tests.whole_api import WholeApi
from tests.world import World

HEADER, PASSWORD, CLIENT_SECRET = "header-Mk1x-value", "password-Mk2x-ü", "client-Mk3x-secret"
TOKEN = "access-Mk4x-token"
SECRET_KEY = base64.b64encode(b"signing-Mk5x-secret-of-32-bytes!").decode()
PRIVATE_KEY = base64.b64encode(b"private-Mk6x-key-of-32-bytes!!!!").decode()
BASIC = base64.b64encode(f"hooks:{PASSWORD}".encode()).decode()
CLIENT = base64.b64encode(f"client:{CLIENT_SECRET}".encode()).decode()
MARKED = (HEADER, PASSWORD, CLIENT_SECRET, TOKEN, SECRET_KEY, PRIVATE_KEY, BASIC, CLIENT)
MARKS = [spelling for text in MARKED for spelling in (text, json.dumps(text)[1:-1])]
MARKS += [f"Mk{n}x" for n in range(1, 7)]

KEYS = {
    "signatures": ["v1", "v1a"],
    "secret": f"whsec_{SECRET_KEY}",
    "private_key": f"whsk_{PRIVATE_KEY}",
    "headers": {"X-Api-Key": HEADER},
}
BASIC_AUTH = {"type": "basic", "username": "hooks", "password": PASSWORD}
OAUTH = {
    "type": "oauth2_client_credentials",
    "token_url": "http://127.0.0.1:9999/token",
    "client_id": "client",
    "client_secret": CLIENT_SECRET,
}


def echo(request: OutgoingRequest) -> SendResult:
    """An endpoint that repeats all it got, in body and headers."""
    said = json.dumps(request.headers, ensure_ascii=False) + request.body.decode()
    return answer(
        500,
        response_body=said,
        response_headers=tuple(("x-request-id", value) for _, value in request.headers),
    )


def broken(request: OutgoingRequest) -> SendResult:
    return SendResult(AttemptOutcome.CONNECTION_ERROR, "No connection.")


class Leaks:
    """A project with marked secrets, and everything that came out of it."""

    def __init__(self) -> None:
        self.world = World()
        self.api = WholeApi(self.world)
        project, tokens = self.api.project("marked")
        self.project, self.token = project, tokens["admin"]
        self.seen: list[str] = []
        self.shown_once: list[str] = []
        self.endpoints: dict[str, str] = {}

    def call(self, method: str, path: str, body: Any = None, *, once: bool = False) -> Any:
        got = self.api.call(method, path, body, token=self.token)
        (self.shown_once if once else self.seen).append(f"{got.headers} {got.text}")
        return got

    def endpoint(self, name: str, answers: list[Any], **more: Any) -> str:
        url = f"http://127.0.0.1:9999/{name}"
        self.world.sender.script[url] = answers
        body = {"url": url, "retry_schedule": [5]} | KEYS | more
        made = self.call("POST", "/v1/endpoints", body, once=True)
        assert made.status == 201, made.text
        identifier: str = made.json["id"]
        selects = {"endpoint_id": identifier, "event_types": [f"{name}.*"]}
        assert self.call("POST", "/v1/subscriptions", selects).status == 201
        self.endpoints[name] = identifier
        return identifier

    def event(self, name: str) -> None:
        sent = self.call("POST", "/v1/events", {"type": f"{name}.thing", "data": {}})
        assert sent.status == 202

    def work(self, seconds: int) -> None:
        """Lets time pass, and keeps messages, log lines, stream records and notifications."""
        world = self.world
        for _ in range(seconds):
            self.seen += [m.body for q in self.api.queues.values() for m in q.messages]
            world.match_once()
            answers = world.deliver_once()
            done = [one for one in answers if isinstance(one, Attempted)]
            back = [one.why for one in answers if isinstance(one, PutBack)]
            lines = deliver_lines(done, over=0, back=back, slow=False)
            self.seen += [json.dumps(line, default=str) for line in lines]
            records = [r for r in world.table.stream if r["dynamodb"]["Keys"]["SK"]["S"][0] in "ED"]
            self.seen.append(repr(world.table.stream))
            told = map(notification_of, status_changes({"Records": records}))
            self.seen += [repr(one) for one in told if one is not None]
            world.notify()
            world.clock.advance(1)
            if world.clock.ms // 60_000 != (world.clock.ms - 1_000) // 60_000:
                world.sweep()

    def read_everything(self) -> None:
        """Every GET of the API, those with an id for all ids that any answer showed."""
        gets = [r for r in self.api.routes if r.method == "GET" and r.scope is not None]
        for route in (r for r in gets if "{" not in r.path):
            self.call("GET", route.path)
        found = {m[0]: m[1] for text in self.seen for m in IDENTIFIER.finditer(text)}
        for route in (r for r in gets if "{" in r.path):
            for identifier in [i for i, kind in found.items() if kind == kind_of(route)]:
                self.call("GET", with_id(route, identifier))

    def all_texts(self) -> Iterator[str]:
        yield from self.seen
        yield from map(repr, self.api.lines)
        for name, row in self.api.rows().items():
            yield name + row

    def assert_clean(self) -> None:
        texts = list(self.all_texts())
        assert len(texts) > 100
        for text in texts:
            for mark in MARKS:
                assert mark not in text, (mark, text[:2_000])


@pytest.fixture
def leaks() -> Leaks:
    return Leaks()


def test_no_secret_is_in_anything_that_can_be_read(leaks: Leaks) -> None:
    world = leaks.world
    world.fetcher.script = [
        {"access_token": TOKEN, "expires_in": 3},
        500,
        RawAnswer(answer(400), json.dumps({"error": CLIENT_SECRET, "got": CLIENT}).encode()),
        RawAnswer(answer(200), json.dumps({"access_token": f"{TOKEN} no token"}).encode()),
        {"access_token": TOKEN},
    ]
    leaks.endpoint("good", [200], auth=BASIC_AUTH)
    leaks.endpoint("echo", [echo], auth=BASIC_AUTH)
    leaks.endpoint("bearer", [echo, 401, 200], auth=OAUTH, retry_schedule=[5, 5, 5, 5, 5])
    leaks.endpoint("broken", [broken], auth=BASIC_AUTH, retry_schedule=[])
    leaks.endpoint("gone", [410], auth=OAUTH, retry_schedule=[])
    for name in leaks.endpoints:
        leaks.event(name)
    leaks.event("nobody")
    leaks.work(40)
    path = f"/v1/endpoints/{leaks.endpoints['good']}"
    leaks.call("PATCH", path, {"description": "changed", "headers": {"X-Api-Key": "***"}})
    leaks.call("POST", f"{path}/rotate-secret", once=True)
    leaks.call("POST", f"{path}/disable")
    leaks.call("POST", f"{path}/enable")
    leaks.event("good")
    leaks.work(3)
    leaks.read_everything()
    sent = repr([r.headers for r in world.sender.requests])
    for mark in (HEADER, BASIC, TOKEN):
        assert mark in sent
    assert len(world.fetcher.requests) >= 5
    leaks.assert_clean()
    # That once it is shown is meant, and it is the signing secret alone.
    shown = "".join(leaks.shown_once)
    assert SECRET_KEY in shown
    assert not any(mark in shown for mark in MARKS if mark != SECRET_KEY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"headers": {"X-Api-Key": HEADER + "\r\nX-A: b"}},
        {"headers": {"X-Api-Key": [HEADER]}},
        {"headers": {"Host": HEADER}},
        {"auth": BASIC_AUTH | {"username": "a:b"}},
        {"auth": BASIC_AUTH | {"password": [PASSWORD]}},
        {"auth": BASIC_AUTH | {"client_secret": CLIENT_SECRET}},
        {"auth": OAUTH | {"client_secret": CLIENT_SECRET + "\n"}},
        {"auth": OAUTH | {"token_url": "http://10.0.0.1/"}},
        {"auth": BASIC_AUTH, "headers": {"Authorization": HEADER}},
        {"secret": f"whsec_{SECRET_KEY}!"},
        {"secret": f"whsk_{PRIVATE_KEY}"},
        {"private_key": f"whsk_{PRIVATE_KEY}="},
        {"private_key": [f"whsk_{PRIVATE_KEY}"]},
        {"timeout_seconds": 0},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_refusal_repeats_no_secret(leaks: Leaks, wrong: dict[str, Any]) -> None:
    body = {"url": "http://127.0.0.1:9999/x"} | KEYS | wrong
    made = leaks.call("POST", "/v1/endpoints", body)
    assert made.status in {400, 422}
    texts = list(leaks.all_texts())
    assert not any(mark in text for mark in MARKS for text in texts)


def test_an_exception_shows_no_secret(leaks: Leaks) -> None:
    world = leaks.world
    leaks.endpoint("bug", [RuntimeError("a bug of ours")], auth=OAUTH)
    world.fetcher.script = [{"access_token": TOKEN}]
    leaks.event("bug")
    world.match_once()
    answers = world.deliver_once()
    assert "RuntimeError" in repr(answers)
    request = world.sender.requests[-1]
    with pytest.raises(RuntimeError) as caught:
        world.authorized.send(request)
    shown = "".join(traceback.format_exception(caught.value)) + repr(answers)
    shown += f"{request!r} {request.credentials!r}"
    stored = world.registry.endpoints.get_endpoint(leaks.project, leaks.endpoints["bug"])
    shown += repr(stored) + repr(world.authorized) + repr(world.vault)
    assert not any(mark in shown for mark in MARKS)


def test_a_key_service_that_fails_shows_no_secret(leaks: Leaks) -> None:
    leaks.endpoint("good", [200], auth=BASIC_AUTH)
    leaks.event("good")
    leaks.world.keys.down = True
    leaks.work(2)
    leaks.api.wire()
    path = f"/v1/endpoints/{leaks.endpoints['good']}"
    refused = leaks.call("PATCH", path, {"headers": {"X-Api-Key": HEADER}})
    assert refused.status == 503
    assert leaks.world.sender.requests == []
    texts = list(leaks.all_texts())
    assert any("key service does not answer" in text for text in texts)
    assert not any(mark in text for mark in MARKS for text in texts)
