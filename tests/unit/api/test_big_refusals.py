"""Refusals of hostile sizes, and of batches: short whatever the body holds (FC-08, FC-09, FC-59).

Lambda answers at most 6 MB. An answer beyond it would be a 502, also for the events of the batch
that were accepted.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.whole_api import MAX_BODY_BYTES, WholeApi
from tests.world import World

QUOTES = '\\"' * 100_000  # each is four bytes where an answer holds JSON inside JSON


@pytest.fixture(scope="module")
def api() -> WholeApi:
    return WholeApi(World())


@pytest.fixture(scope="module")
def token(api: WholeApi) -> str:
    _, tokens = api.project("big")
    return tokens["admin"]


def batch(api: WholeApi, token: str, *items: str) -> list[dict[str, Any]]:
    body = '{"events":[' + ",".join(items) + "]}"
    answer = api.call("POST", "/v1/events/batch", body, token=token)
    assert answer.status == 202
    assert len(json.dumps(answer.text)) < 6_000_000
    results: list[dict[str, Any]] = answer.json["items"]
    return results


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/events", '{"type":"a","data":1,"NAME":1}'),
        ("/v1/events", '{"type":"a","data":1,"headers":{"NAME":"1"}}'),
        ("/v1/endpoints", '{"NAME":1}'),
        ("/v1/endpoints", '{"url":"https://a.example/","metadata":{"NAME":1}}'),
        ("/v1/endpoints", '{"url":"https://a.example/","auth":{"type":"NAME"}}'),
        ("/v1/subscriptions/test", '{"NAME":1}'),
    ],
)
def test_fc_09_a_refusal_is_short_however_long_the_name(
    api: WholeApi, token: str, path: str, body: str
) -> None:
    answer = api.call("POST", path, body.replace("NAME", QUOTES), token=token)
    assert answer.status == 400
    assert len(answer.text) < 10_000
    assert all(len(fault["message"]) <= 303 for fault in answer.json["errors"])


def test_fc_08_a_batch_of_long_names_is_answered(api: WholeApi, token: str) -> None:
    strange = '{"type":"a","data":1,"NAME":1}'.replace("NAME", "\\u0001" * 7_000)
    good = '{"type":"a.b","data":1,"idempotency_key":"among-strangers"}'
    results = batch(api, token, good, *[strange] * 99)
    assert [one["status"] for one in results] == [202] + [400] * 99


def test_fc_59_an_event_in_a_batch_is_no_larger_than_one_that_comes_alone(
    api: WholeApi, token: str
) -> None:
    frame = '{"type":"a.b","data":""}'
    largest = frame.replace('""', '"' + "x" * (MAX_BODY_BYTES - len(frame)) + '"')
    too_large = largest.replace("x", "xx", 1)
    results = batch(api, token, largest, too_large, frame)
    assert [one["status"] for one in results] == [202, 413, 202]
    assert results[1]["problem"]["code"] == "payload_too_large"
    alone = [api.call("POST", "/v1/events", body, token=token) for body in (largest, too_large)]
    assert [answer.status for answer in alone] == [202, 413]
