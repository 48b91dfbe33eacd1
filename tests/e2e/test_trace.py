"""The main job on the deployed local stack: an event goes in, its whole trace comes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.e2e.client import ApiProject
from tools.receiver import Step

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

INVOICE = {"type": "invoice.paid", "data": {"total": 12}}


def verified(secret: str, request: Any) -> bytes:
    """The body of a received request whose signature an independent library accepts."""
    headers = {name.lower(): value for name, value in request.headers}
    Webhook(secret).verify(request.body.decode(), headers)
    return bytes(request.body)


def test_fc_01_an_event_that_nobody_wants_still_has_a_story(
    new_project: Callable[..., ApiProject],
) -> None:
    nobody, off, paused, picky = (new_project() for _ in range(4))
    endpoint = off.endpoint("/fc01/off")
    off.subscription(endpoint, event_types=["invoice.*"])
    assert off.call("POST", f"/v1/endpoints/{endpoint['id']}/disable").status_code == 200
    paused_sub = paused.subscription(paused.endpoint("/fc01/paused"), event_types=["invoice.*"])
    assert paused.call("POST", f"/v1/subscriptions/{paused_sub['id']}/disable").status_code == 200
    picky.subscription(
        picky.endpoint("/fc01/picky"),
        event_types=["invoice.paid"],
        filter={"data": {"total": {"$gte": 100}}},
    )
    reports = []
    for project in (nobody, off, paused, picky):
        answer = project.post(INVOICE)
        assert answer.status_code == 202
        identifier = answer.json()["id"]
        assert answer.json()["links"]["self"] == f"/v1/events/{identifier}"
        assert project.call("GET", f"/v1/events/{identifier}").status_code == 200
        trace = project.outcome(identifier)
        assert trace["status"] == "discarded"
        reports.append(trace["match"])
        listed = project.call("GET", "/v1/events?status=discarded").json()
        assert [row["id"] for row in listed["items"]] == [identifier]
    assert reports[0]["considered"] == 0
    assert reports[1]["misses"]["endpoint_disabled"] == 1
    assert reports[2]["misses"]["subscription_disabled"] == 1
    assert reports[3]["misses"]["filter"] == 1
    (near,) = reports[3]["near_misses"]
    (clause,) = near["clauses"]
    assert clause["path"] == "data.total"
    assert clause["operator"] == "$gte"
    assert (clause["expected"], clause["actual"]) == (100, 12)
    assert nobody.receiver.requests("/fc01/picky") == []


def test_fc_04_a_field_that_is_not_there_is_neither_null_nor_empty(project: ApiProject) -> None:
    wanted = {"data": {"courier": "ops"}}
    project.subscription(project.endpoint("/fc04"), filter=wanted)
    event = {"type": "parcel.scanned", "data": {"parcel": "p1", "belt": 2}}
    trace = project.outcome(project.post(event).json()["id"])
    (clause,) = trace["match"]["near_misses"][0]["clauses"]
    assert (clause["path"], clause["operator"], clause["expected"]) == (
        "data.courier",
        "$eq",
        "ops",
    )
    assert "actual" not in clause
    assert clause["reason"] == "missing"
    tried = project.call("POST", "/v1/subscriptions/test", json={"filter": wanted, "event": event})
    assert tried.status_code == 200
    assert tried.json()["matched"] is False
    assert "actual" not in tried.json()["clauses"][0]
    stored = project.call(
        "POST", "/v1/subscriptions/test", json={"filter": wanted, "event_id": trace["id"]}
    )
    assert stored.json()["clauses"] == tried.json()["clauses"]


NUMBERS = (
    b'{"id":8123456789012345679,"big":123456789012345678901234567890123456789012,"x":1.0,'
    b'"y":1e2,"z":0.1,"m":-0,"tiny":1e-400,"p":3.141592653589793238462643383279}'
)
TEXT = '{"name":"Zoë 📦 \\u2028 日本 \\u003cb\\u003e \\/"}'
ESCAPED = json.dumps("Zoë 📦 日本")


@pytest.mark.parametrize(
    "data",
    [
        NUMBERS,
        TEXT.encode(),
        b'{"name":' + ESCAPED.encode() + b"}",
        b"[" * 100 + b"]" * 100,
        b'"nul \\u0000 inside"',
        b"null",
        b" [1 ,2 ] ",
    ],
    ids=[
        "fc_11_numbers",
        "fc_14_raw_utf8",
        "fc_14_escapes",
        "fc_10_depth_100",
        "fc_09_nul",
        "null",
        "spaces",
    ],
)
def test_the_receiver_sees_the_very_bytes_and_a_signature_that_fits(
    project: ApiProject, data: bytes, request: pytest.FixtureRequest
) -> None:
    path = f"/bytes/{request.node.callspec.id}"
    endpoint = project.endpoint(path)
    project.subscription(endpoint)
    project.subscription(endpoint, filter={"data": {"a.b": 1}})
    answer = project.post(b'{"type":"n","data":' + data + b"}")
    assert answer.status_code == 202, answer.text
    raw = project.call("GET", f"/v1/events/{answer.json()['id']}").content
    assert data.strip() in raw
    assert project.outcome(answer.json()["id"])["status"] == "succeeded"
    (seen,) = project.receiver.requests(path)
    body = verified(endpoint["secret"], seen)
    assert body.endswith(b'"data":' + data.strip() + b"}")
    assert seen.header("content-length") == str(len(body))
    assert seen.header("content-type") == "application/json"
    assert seen.header("webhook-id") == answer.json()["id"]


def test_fc_16_a_retry_keeps_the_id_and_the_body_and_signs_anew(project: ApiProject) -> None:
    steps = (Step(status=500), Step(status=200, body=b"ok"))
    endpoint = project.endpoint("/fc16", *steps, retry_schedule=[2])
    project.subscription(endpoint)
    identifier = project.event("order.created", {"n": 1})
    waiting = project.until(
        identifier,
        lambda t: t["deliveries"][0]["status"] == "retrying" if t["deliveries"] else False,
    )
    assert waiting["status"] == "delivering"
    assert waiting["next"]["at"] == waiting["deliveries"][0]["next_attempt_at"]
    trace = project.outcome(identifier)
    first, second = project.receiver.requests("/fc16")
    for one in (first, second):
        verified(endpoint["secret"], one)
        assert one.header("webhook-id") == identifier
        assert abs(int(one.header("webhook-timestamp") or 0) - one.at) < 5
    assert first.body == second.body
    attempts = trace["deliveries"][0]["attempts"]
    assert [(a["number"], a["status"], a["outcome"]) for a in attempts] == [
        (1, 500, "http_error"),
        (2, 200, "success"),
    ]
    assert attempts[0]["next_attempt_at"] is not None


def test_a_delivery_is_readable_on_its_own_and_cached_by_its_tag(project: ApiProject) -> None:
    project.subscription(project.endpoint("/alone"))
    trace = project.outcome(project.event("order.created", {}))
    (delivery,) = trace["deliveries"]
    alone = project.call("GET", f"/v1/deliveries/{delivery['id']}")
    assert alone.json() == delivery
    again = project.call(
        "GET", f"/v1/deliveries/{delivery['id']}", headers={"if-none-match": alone.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


def test_fc_57_someone_elses_ids_do_not_exist(new_project: Callable[..., ApiProject]) -> None:
    ours, theirs = new_project(), new_project()
    endpoint = theirs.endpoint("/fc57")
    subscription = theirs.subscription(endpoint)
    trace = theirs.outcome(theirs.event("order.created", {"secret": 1}))
    delivery = trace["deliveries"][0]["id"]
    never = "evt_01M3250V00YPRPA8JAB2VS3201"
    unknown = ours.call("GET", f"/v1/events/{never}").json()
    for method, path in [
        ("GET", f"/v1/events/{trace['id']}"),
        ("GET", f"/v1/deliveries/{delivery}"),
        ("GET", f"/v1/endpoints/{endpoint['id']}"),
        ("PATCH", f"/v1/endpoints/{endpoint['id']}"),
        ("DELETE", f"/v1/endpoints/{endpoint['id']}"),
        ("GET", f"/v1/subscriptions/{subscription['id']}"),
        ("PATCH", f"/v1/subscriptions/{subscription['id']}"),
        ("DELETE", f"/v1/subscriptions/{subscription['id']}"),
        ("GET", f"/v1/projects/{theirs.id}"),
    ]:
        body = {"json": {"description": "mine"}} if method == "PATCH" else {}
        answer = ours.call(method, path, **body)
        assert answer.status_code == 404, (method, path, answer.text)
        assert answer.json()["detail"] == unknown["detail"]
    answer = ours.call("POST", "/v1/subscriptions", json={"endpoint_id": endpoint["id"]})
    ghost = "ep_01M3250V00YPRPA8JAB2VS3201"
    missing = ours.call("POST", "/v1/subscriptions", json={"endpoint_id": ghost})
    assert answer.status_code == missing.status_code == 422
    assert answer.json()["code"] == missing.json()["code"]
    assert theirs.call("GET", f"/v1/endpoints/{endpoint['id']}").status_code == 200


def test_waiting_for_the_outcome_on_the_way_in_and_on_the_trace(project: ApiProject) -> None:
    project.subscription(project.endpoint("/waited"))
    answer = project.post({"type": "order.created", "data": {}}, prefer="wait=20")
    assert (answer.status_code, answer.json()["status"]) == (202, "succeeded")
    assert answer.headers["preference-applied"] == "wait=20"
    other = project.event("order.created", {"n": 2})
    trace = project.call("GET", f"/v1/events/{other}?wait=20").json()
    assert trace["status"] == "succeeded"
    assert project.call("GET", f"/v1/events/{other}?wait=26").status_code == 400


def test_a_batch_gives_each_event_its_own_result(project: ApiProject) -> None:
    project.subscription(project.endpoint("/batch"))
    good = {"type": "order.created", "data": {"n": 1}, "idempotency_key": "k1"}
    items = [good, {"type": "order.created"}, good, {"type": "bad..type", "data": 1}]
    answer = project.call("POST", "/v1/events/batch", json={"events": items})
    assert answer.status_code == 202, answer.text
    first, missing, again, bad = answer.json()["items"]
    assert first["status"] == again["status"] == 202
    assert again["event"]["id"] == first["event"]["id"]
    assert again["event"]["duplicate"] is True
    assert (missing["status"], missing["problem"]["code"]) == (400, "missing_field")
    assert (bad["status"], bad["problem"]["code"]) == (400, "invalid_event_type")
    assert project.outcome(first["event"]["id"])["status"] == "succeeded"
    assert len(project.receiver.requests("/batch")) == 1


def test_strict_ingest_explains_its_refusal(project: ApiProject) -> None:
    project.subscription(project.endpoint("/strict"), filter={"data": {"total": {"$gt": 5}}})
    body = {"type": "order.created", "data": {"total": 1}}
    refused = project.call("POST", "/v1/events?unmatched=reject", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "unmatched")
    assert refused.json()["match"]["near_misses"][0]["clauses"][0]["path"] == "data.total"
    assert project.trace(refused.json()["event_id"])["status"] == "rejected"
    body["data"] = {"total": 9}
    assert project.call("POST", "/v1/events?unmatched=reject", json=body).status_code == 202


def test_retry_and_cancel_by_hand(project: ApiProject) -> None:
    endpoint = project.endpoint("/by-hand", Step(status=500), Step(status=200))
    project.subscription(endpoint)
    identifier = project.event("order.created", {})
    waiting = project.until(
        identifier, lambda t: t["deliveries"] and t["deliveries"][0]["status"] == "retrying"
    )
    delivery = waiting["deliveries"][0]["id"]
    asked = project.call("POST", f"/v1/deliveries/{delivery}/retry")
    assert asked.status_code == 202, asked.text
    trace = project.outcome(identifier)
    attempts = trace["deliveries"][0]["attempts"]
    assert [a["trigger"] for a in attempts] == ["automatic", "manual"]
    assert attempts[1]["requested_by"].startswith("key_")
    over = project.call("POST", f"/v1/deliveries/{delivery}/cancel")
    assert (over.status_code, over.json()["code"]) == (409, "conflict")
