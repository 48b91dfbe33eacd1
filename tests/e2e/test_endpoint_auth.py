"""Authentication of requests and sealed secrets, through the deployed stack."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from tests.e2e.client import ApiProject
from tools.receiver import Received, Step

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


def token(value: str) -> Step:
    body = json.dumps({"access_token": value, "token_type": "Bearer", "expires_in": 600})
    return Step(headers=(("Content-Type", "application/json"),), body=body.encode())


def oauth(project: ApiProject, path: str) -> dict[str, str]:
    return {
        "type": "oauth2_client_credentials",
        "token_url": project.receiver.url + path,
        "client_id": "client",
        "client_secret": "the-e2e-client-secret",
    }


def only(received: list[Received]) -> Received:
    (one,) = received
    return one


def test_basic_and_static_headers_arrive_and_are_shown_masked(project: ApiProject) -> None:
    auth = {"type": "basic", "username": "hooks", "password": "the-e2e-password"}
    endpoint = project.endpoint("/basic", auth=auth, headers={"X-Key": "the-e2e-header"})
    project.subscription(endpoint)
    assert project.outcome(project.event("a.b", {}))["status"] == "succeeded"
    seen = only(project.receiver.requests("/basic"))
    expected = base64.b64encode(b"hooks:the-e2e-password").decode()
    assert seen.header("authorization") == f"Basic {expected}"
    assert seen.header("x-key") == "the-e2e-header"
    shown = project.call("GET", f"/v1/endpoints/{endpoint['id']}")
    assert "the-e2e" not in shown.text
    assert shown.json()["headers"] == {"X-Key": "***"}


def test_a_token_is_taken_kept_refused_and_taken_anew(project: ApiProject) -> None:
    project.receiver.behave("/token", token("first"), token("second"), token("third"))
    steps = (Step(status=200), Step(status=401), Step(status=200))
    endpoint = project.endpoint(
        "/oauth", *steps, auth=oauth(project, "/token"), retry_schedule=[1, 1]
    )
    project.subscription(endpoint)
    assert project.outcome(project.event("a.b", 1))["status"] == "succeeded"
    trace = project.outcome(project.event("a.b", 2))
    attempts = trace["deliveries"][0]["attempts"]
    assert [(a["status"], a["phase"]) for a in attempts] == [(401, "request"), (200, "request")]
    used = [r.header("authorization") for r in project.receiver.requests("/oauth")]
    assert len(used) == 3
    assert used[2] not in used[:2]  # a worker of its own may have taken one more in between
    asked = project.receiver.requests("/token")[0]
    assert asked.body == b"grant_type=client_credentials"
    assert asked.header("content-type") == "application/x-www-form-urlencoded"
    client = base64.b64encode(b"client:the-e2e-client-secret").decode()
    assert asked.header("authorization") == f"Basic {client}"


def test_a_failing_token_endpoint_is_named_in_the_trace(project: ApiProject) -> None:
    project.receiver.behave("/no-token", Step(status=500), Step(status=302), token("good"))
    endpoint = project.endpoint("/after", auth=oauth(project, "/no-token"), retry_schedule=[1, 1])
    project.subscription(endpoint)
    trace = project.outcome(project.event("a.b", {}))
    assert trace["status"] == "succeeded"
    attempts = trace["deliveries"][0]["attempts"]
    assert [(a["phase"], a["outcome"], a["status"]) for a in attempts] == [
        ("token", "http_error", None),
        ("token", "http_error", None),
        ("request", "success", 200),
    ]
    assert attempts[0]["reason"] == (
        "The token endpoint answered 500 Internal Server Error."
        " No request was made to the endpoint."
    )
    assert len(project.receiver.requests("/after")) == 1


def test_both_schemes_verify_with_independent_verifiers(project: ApiProject) -> None:
    endpoint = project.endpoint("/v1a", signatures=["v1", "v1a"])
    project.subscription(endpoint)
    assert project.outcome(project.event("a.b", {"n": 1}))["status"] == "succeeded"
    seen = only(project.receiver.requests("/v1a"))
    headers = {name.lower(): value for name, value in seen.headers}
    Webhook(endpoint["secret"]).verify(seen.body, headers, json_parse=False)
    shown = project.call("GET", f"/v1/endpoints/{endpoint['id']}").json()
    raw = base64.b64decode(shown["public_keys"][0]["key"].removeprefix("whpk_"))
    (given,) = [s for s in headers["webhook-signature"].split(" ") if s.startswith("v1a,")]
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + seen.body
    Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(given[4:]), content)


def test_what_lies_in_the_table_is_sealed(
    project: ApiProject, stack: dict[str, Any], stack_clients: Callable[[str], Any]
) -> None:
    auth = {"type": "basic", "username": "hooks", "password": "the-e2e-password"}
    endpoint = project.endpoint("/sealed", auth=auth, headers={"X-Key": "the-e2e-header"})
    key = {"PK": {"S": f"PROJECT#{project.id}"}, "SK": {"S": f"ENDPOINT#{endpoint['id']}"}}
    found = stack_clients("dynamodb").get_item(
        TableName=stack["outputs"]["RegistryTable"], Key=key
    )["Item"]
    stored = repr(found)
    assert "the-e2e" not in stored
    assert endpoint["secret"] not in stored
    assert "B" in found["secrets"]["L"][0]["M"]["value"]
