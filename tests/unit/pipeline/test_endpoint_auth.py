"""Requests with static headers, Basic and tokens; what a trace says when a token cannot be had."""

from __future__ import annotations

import base64
import json
from threading import Thread
from typing import Any

from hooktrace.domain.attempts import AttemptOutcome, OutgoingRequest, RawAnswer, SendResult
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.endpoint_auth import BasicAuth, ClientCredentials
from hooktrace.domain.events import EventRecord
from hooktrace.domain.registry import Endpoint
from hooktrace.domain.states import DeliveryStatus
from hooktrace.usecases.authorize_requests import MAX_TOKENS, AuthorizedSender
from tests.fakes import FakeClock, ScriptedFetcher, ScriptedSender, answer
from tests.world import World

OAUTH = ClientCredentials("https://id.example.com/token", "client", "client-secret")


def with_token(world: World, **more: Any) -> Endpoint:
    endpoint = world.endpoint(auth=OAUTH, **({"retry_schedule": (5, 5)} | more))
    world.subscription(endpoint)
    return endpoint


def authorization(request: OutgoingRequest) -> list[str]:
    return [value for name, value in request.headers if name.lower() == "authorization"]


def sent(world: World) -> list[list[str]]:
    return [authorization(request) for request in world.sender.requests]


def delivered(world: World, event: EventRecord) -> DeliveryRecord:
    (delivery,) = world.trace(event).deliveries
    return delivery


def test_basic_goes_with_every_request() -> None:
    world = World()
    endpoint = world.endpoint(auth=BasicAuth("hooks", "pä:ss"))
    world.subscription(endpoint)
    world.ingest(headers={"Authorization": "Bearer of-the-producer"})
    world.run()
    ((value,),) = sent(world)
    assert base64.b64decode(value.removeprefix("Basic ")).decode() == "hooks:pä:ss"


def test_without_auth_nothing_is_asked_and_nothing_is_sent() -> None:
    world = World()
    world.subscription(world.endpoint())
    world.ingest()
    world.run()
    assert sent(world) == [[]]
    assert world.fetcher.requests == []


def test_a_token_is_taken_once_and_used_until_shortly_before_its_end() -> None:
    world = World()
    world.fetcher.script = [{"access_token": f"token-{n}", "expires_in": 3600} for n in range(1, 4)]
    with_token(world)
    for seconds in (0, 1, 3568, 2):
        world.clock.advance(seconds)
        world.ingest()
        world.run()
    assert sent(world) == [["Bearer token-1"]] * 3 + [["Bearer token-2"]]
    assert [r.url for r in world.fetcher.requests] == [OAUTH.token_url] * 2


def test_a_401_drops_the_token_and_the_next_attempt_has_a_new_one() -> None:
    world = World()
    world.fetcher.script = [{"access_token": "old"}, {"access_token": "new"}]
    endpoint = with_token(world)
    world.ingest()
    world.run()
    world.sender.script[endpoint.url] = [401, 200]
    event = world.ingest()
    world.run()
    assert len(world.sender.requests) == 2  # not sent again by itself
    world.run_for(6)
    delivery = delivered(world, event)
    assert delivery.status is DeliveryStatus.SUCCEEDED
    assert [(a.outcome, a.status, a.phase) for a in delivery.attempts] == [
        ("http_error", 401, "request"),
        ("success", 200, "request"),
    ]
    assert sent(world) == [["Bearer old"], ["Bearer old"], ["Bearer new"]]


def test_another_worker_takes_a_new_token_too_after_a_401() -> None:
    """The token that it keeps may be the very one that was refused."""
    world = World()
    world.fetcher.script = [{"access_token": "old"}, {"access_token": "new"}]
    endpoint = with_token(world)
    world.ingest()
    world.run()
    worker, world.clock.ms = world.authorized, world.clock.ms + 1_000
    world.authorized = AuthorizedSender(
        world.sender, ScriptedFetcher(), clock=world.clock, monotonic=world.seconds
    )
    world.sender.script[endpoint.url] = [401, 200]
    event = world.ingest()
    world.run()
    world.authorized = worker
    world.run_for(6)
    assert delivered(world, event).status is DeliveryStatus.SUCCEEDED
    assert sent(world) == [["Bearer old"], ["Bearer token-1"], ["Bearer new"]]


def test_a_refused_token_shows_on_the_attempt_and_no_request_was_made() -> None:
    world = World()
    refusal = SendResult(
        AttemptOutcome.HTTP_ERROR, "The endpoint answered 401 Unauthorized.", status=401
    )
    world.fetcher.script = [
        RawAnswer(refusal, b'{"error": "invalid_client"}'),
        500,
        {"access_token": "good"},
    ]
    with_token(world)
    event = world.ingest()
    world.run()
    first = delivered(world, event)
    assert first.status is DeliveryStatus.RETRYING
    assert world.sender.requests == []
    world.run_for(12)
    delivery = delivered(world, event)
    assert delivery.status is DeliveryStatus.SUCCEEDED
    assert [(a.phase, a.outcome, a.status, a.reason) for a in delivery.attempts] == [
        (
            "token",
            "http_error",
            None,
            "The token endpoint answered 401 Unauthorized (invalid_client)."
            " No request was made to the endpoint.",
        ),
        (
            "token",
            "http_error",
            None,
            "The token endpoint answered 500. No request was made to the endpoint.",
        ),
        ("request", "success", 200, ""),
    ]
    requests = [a for a in delivery.attempts if a.phase == "request"]
    assert len(world.sender.requests) == len(requests)


def test_a_token_endpoint_that_is_gone_does_not_disable_the_endpoint() -> None:
    world = World()
    world.fetcher.script = [410]
    endpoint = with_token(world, retry_schedule=(), permanent_statuses=(410,))
    event = world.ingest()
    world.run()
    delivery = delivered(world, event)
    assert (delivery.status, delivery.reason) == (DeliveryStatus.FAILED, "attempts_exhausted")
    stored = world.registry.endpoints.get_endpoint(world.project.id, endpoint.id)
    assert stored is not None
    assert stored.state == "enabled"


def test_one_deadline_holds_for_token_and_request() -> None:
    clock, sender = FakeClock(), ScriptedSender()

    class Slow(ScriptedFetcher):
        def fetch(self, request: OutgoingRequest) -> RawAnswer:
            clock.advance(seconds)
            return super().fetch(request)

    def send() -> SendResult:
        one = AuthorizedSender(sender, Slow(), clock=clock, monotonic=lambda: clock.ms / 1000)
        return one.send(OutgoingRequest("https://a.example/", (), b"", 10, False, "ep_1", OAUTH))

    seconds = 4.0
    result = send()
    assert (result.duration_ms, result.parts_ms) == (4_007, {"token": 4_000, "connect": 1})
    assert sender.requests[0].timeout_seconds == 6.0
    seconds = 9.99
    late = send()
    assert (late.outcome, late.phase, late.duration_ms) == ("timeout", "token", 9_990)
    assert late.reason.startswith("Waiting for a token took the 10.0 s that the attempt has.")
    assert len(sender.requests) == 1


def test_threads_that_need_the_same_token_ask_for_it_once() -> None:
    clock, sender = FakeClock(), ScriptedSender()
    fetcher = ScriptedFetcher()
    one = AuthorizedSender(sender, fetcher, clock=clock, monotonic=lambda: 0.0)
    request = OutgoingRequest("https://a.example/", (), b"", 10, False, "ep_1", OAUTH)
    threads = [Thread(target=one.send, args=(request,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fetcher.requests) == 1
    assert [authorization(r) for r in sender.requests] == [["Bearer token-1"]] * 20


def test_tokens_are_kept_apart_and_not_without_end() -> None:
    fetcher = ScriptedFetcher()
    one = AuthorizedSender(ScriptedSender(), fetcher, clock=FakeClock(), monotonic=lambda: 0.0)

    def send(endpoint_id: str, client: str = "client") -> None:
        auth = ClientCredentials(OAUTH.token_url, client, "client-secret")
        one.send(OutgoingRequest("https://a.example/", (), b"", 10, False, endpoint_id, auth))

    for endpoint_id in ("ep_1", "ep_2", "ep_1"):
        send(endpoint_id)
    assert len(fetcher.requests) == 2
    send("ep_1", "other")
    assert len(fetcher.requests) == 3
    for number in range(MAX_TOKENS):
        send(f"ep_{number + 10}")
    send("ep_1")
    assert len(fetcher.requests) == 3 + MAX_TOKENS + 1


def test_what_is_echoed_is_not_recorded() -> None:
    world = World()
    basic = world.endpoint(
        "http://127.0.0.1:9/basic",
        auth=BasicAuth("hooks", "the-password"),
        headers=(("X-Key", "Token the-api-key-1"),),
    )
    token = world.endpoint("http://127.0.0.1:9/token", auth=OAUTH)
    world.fetcher.script = [{"access_token": "the-access-token"}]

    def echo(request: OutgoingRequest) -> SendResult:
        mine = ["the-password", "the-api-key-1"] if request.credentials is None else []
        return answer(403, response_body=json.dumps([*request.headers, *mine]))

    for endpoint in (basic, token):
        world.subscription(endpoint)
        world.sender.script[endpoint.url] = [echo]
    event = world.ingest()
    world.run()
    shown = repr(world.trace(event))
    encoded = base64.b64encode(b"hooks:the-password").decode()
    for secret in ("the-password", "the-api-key-1", "the-access-token", encoded):
        assert secret not in shown
    assert "Bearer ***" in shown
