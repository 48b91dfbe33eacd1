"""The demo must not say "verified" of what is not: its own checks, put to the test."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from hooktrace.domain.event_types import parse_event_types
from hooktrace.domain.filters import FilterEvent, parse_filter
from hooktrace.domain.strict_json import parse_value
from tools.demo.__main__ import SAMPLES, main
from tools.demo.checks import Made, check_received, difference, expected_status
from tools.demo.samples import (
    FAILS,
    SUBSCRIPTIONS,
    WORKS,
    Sample,
    Wanted,
    expected,
    load_samples,
    pick,
)
from tools.demo.stack import DemoError, Received

SECRETS = {name: "whsec_" + base64.b64encode(name.encode() * 6).decode() for name in (WORKS, FAILS)}
MADE = Made(
    endpoints={WORKS: "ep_works", FAILS: "ep_fails"},
    secrets=SECRETS,
    paths={},
    subscriptions={one.name: f"sub_{n}" for n, one in enumerate(SUBSCRIPTIONS)},
)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return load_samples(SAMPLES)


def of(samples: list[Sample], *endpoints: str) -> Sample:
    """The first sample that goes to just these endpoints."""
    return next(one for one in samples if set(expected(one)) == set(endpoints))


def received(sample: Sample, name: str, **changes: Any) -> Received:
    """The request that the endpoint `name` gets for the event `evt_1`."""
    head = f'{{"type":{json.dumps(sample.type)},"timestamp":"2026-03-29T10:00:00Z","data":'
    body = head.encode() + sample.data + b"}"
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRETS[name]).sign("evt_1", now, body.decode()),
    }
    return Received(changes.get("headers", headers), changes.get("body", body))


@pytest.mark.parametrize("wanted", SUBSCRIPTIONS, ids=lambda one: one.name)
def test_the_filter_and_its_python_twin_choose_the_same(
    samples: list[Sample], wanted: Wanted
) -> None:
    chosen = parse_filter(json.dumps(wanted.filter))
    types = parse_event_types(list(wanted.event_types))
    matched = [
        types.matches(one.type)
        and chosen.matches(FilterEvent(one.type, one.headers, parse_value(one.data)))
        for one in samples
    ]
    assert matched == [wanted.wants(one) for one in samples]
    assert any(matched)
    assert not all(matched)


def test_there_are_samples_for_every_ending(samples: list[Sample]) -> None:
    picked = pick(samples)
    assert len(picked) >= 100
    assert {one.type for one in picked} == {one.type for one in samples}
    endings = {expected_status(one) for one in picked}
    assert endings == {"succeeded", "discarded", "delivering"}
    assert of(picked, WORKS, FAILS)


def test_what_is_posted_holds_the_bytes_of_data(samples: list[Sample]) -> None:
    for one in samples:
        assert json.loads(one.body()) == {
            "type": one.type,
            "headers": one.headers,
            "data": one.value,
        }
        assert one.data in one.body()


def test_a_good_request_passes(samples: list[Sample]) -> None:
    one = of(samples, WORKS)
    assert check_received({"evt_1": one}, {WORKS: [received(one, WORKS)], FAILS: []}, MADE) == 1


def test_a_request_that_is_not_right_fails_the_demo(samples: list[Sample]) -> None:
    one = of(samples, WORKS)
    good = received(one, WORKS)
    spaced = received(one, WORKS)
    reserialised = json.dumps(json.loads(good.body)).encode()
    forged = good.headers | {"webhook-signature": "v1," + base64.b64encode(b"x" * 32).decode()}
    stamp = datetime.fromtimestamp(int(good.headers["webhook-timestamp"]), UTC)
    resigned = good.headers | {
        "webhook-signature": Webhook(SECRETS[WORKS]).sign("evt_1", stamp, reserialised.decode())
    }
    wrong = {
        "signature": Received(forged, good.body),
        "signature of evt_1": Received(good.headers, good.body + b" "),
        "other bytes": Received(resigned, reserialised),
        "not its": Received(spaced.headers | {"webhook-id": "evt_2"}, spaced.body),
    }
    for text, request in wrong.items():
        with pytest.raises(DemoError, match=text):
            check_received({"evt_1": one}, {WORKS: [request], FAILS: []}, MADE)


def test_a_delivery_that_never_arrived_fails_the_demo(samples: list[Sample]) -> None:
    one = of(samples, WORKS, FAILS)
    with pytest.raises(DemoError, match="never reached"):
        check_received({"evt_1": one}, {WORKS: [received(one, WORKS)], FAILS: []}, MADE)


def trace_of(sample: Sample, **changes: Any) -> dict[str, Any]:
    """The trace that the sample's event should have."""
    done = {"outcome": "success", "status": 200}
    refused = {"outcome": "http_error", "status": 503}
    deliveries = [
        {
            "endpoint_id": MADE.endpoints[name],
            "matched_by": [MADE.subscriptions[one] for one in names],
            "status": "succeeded" if name == WORKS else "retrying",
            "next_attempt_at": None if name == WORKS else "2026-03-29T10:00:30Z",
            "attempts": [done if name == WORKS else refused],
        }
        for name, names in expected(sample).items()
    ]
    trace = {"status": expected_status(sample), "match": {"considered": 1}}
    return trace | {"deliveries": deliveries} | changes


@pytest.mark.parametrize("endpoints", [(), (WORKS,), (FAILS,), (WORKS, FAILS)])
def test_the_expected_trace_has_no_difference(
    samples: list[Sample], endpoints: tuple[str, ...]
) -> None:
    one = of(samples, *endpoints)
    assert difference(one, trace_of(one), MADE) is None


def test_a_trace_that_is_otherwise_says_how(samples: list[Sample]) -> None:
    one, none = of(samples, WORKS), of(samples)
    (delivery,) = trace_of(one)["deliveries"]
    cases = {
        "status is accepted, expected succeeded": {"status": "accepted"},
        "delivered to []": {"deliveries": []},
        "no attempt has ended": {"deliveries": [delivery | {"attempts": []}]},
        "matched by ['sub_x']": {"deliveries": [delivery | {"matched_by": ["sub_x"]}]},
        "failed after success 200": {"deliveries": [delivery | {"status": "failed"}]},
    }
    for text, changes in cases.items():
        assert text in str(difference(one, trace_of(one, **changes), MADE))
    assert difference(none, trace_of(none, match=None), MADE) is not None


def test_without_a_stack_it_says_so_in_one_line(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--state", str(tmp_path / "none.json")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("demo: no local stack in ")
    assert said.err.count("\n") == 1
