"""Every room with its own role and nothing more, on a stack where roles are enforced."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
from hooktrace.adapters.items import event_key
from hooktrace.adapters.registry.items import owned_key, purge_key, to_item
from hooktrace.adapters.registry.table import Put
from hooktrace.adapters.system import SystemClock
from hooktrace.domain.ids import EndpointId, ProjectId, parse_event_id
from hooktrace.domain.messages import DeliverTaskV1, encode
from tests.e2e.client import ApiProject
from tests.e2e.lost import event_without_message
from tests.expired import deleted_records, expired_records
from tools.archived import NotThere, read
from tools.receiver import Receiver, Step

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("enforcing_stack")]

LOST_ENDPOINT = "ep_01M3250V00YPRPA8JAB2VS3201"
LOST_SUBSCRIPTION = "sub_01M3250V00YPRPA8JAB2VS3201"
BIG_BYTES = 310_000  # random, as hex twice that: more than an item takes, even compressed


@pytest.fixture
def clients(enforcing_stack: dict[str, Any]) -> Callable[[str], Any]:
    """boto3 clients with the account's own credentials, for which no role holds."""

    def make(service: str) -> Any:
        return boto3.client(service, **enforcing_stack["aws"])  # type: ignore[call-overload] # any service

    return make


@pytest.fixture
def project(enforcing_stack: dict[str, Any], receiver: Receiver) -> Iterator[ApiProject]:
    made = ApiProject(enforcing_stack, receiver)
    yield made
    made.close()


def role_policy(clients: Callable[[str], Any], function: str) -> dict[str, Any]:
    """The only inline policy of a function's role, as `put_role_policy` takes it."""
    role = clients("lambda").get_function_configuration(FunctionName=function)["Role"]
    role = role.rsplit("/", 1)[1]
    (name,) = clients("iam").list_role_policies(RoleName=role)["PolicyNames"]
    return {"RoleName": role, "PolicyName": name}


@contextmanager
def without(clients: Callable[[str], Any], function: str, action: str) -> Iterator[None]:
    """A function's role loses an action for a while."""
    iam, policy = clients("iam"), role_policy(clients, function)
    document = iam.get_role_policy(**policy)["PolicyDocument"]
    less = json.loads(json.dumps(document))
    for statement in less["Statement"]:
        actions = statement["Action"]
        listed = actions if isinstance(actions, list) else [actions]
        statement["Action"] = [a for a in listed if a != action] or ["s3:GetBucketAcl"]
    assert less != document
    iam.put_role_policy(**policy, PolicyDocument=json.dumps(less))
    try:
        yield
    finally:
        iam.put_role_policy(**policy, PolicyDocument=json.dumps(document))


def seen_in_log(clients: Callable[[str], Any], function: str, *words: str) -> bool:
    group = clients("lambda").get_function_configuration(FunctionName=function)
    pages = clients("logs").filter_log_events(logGroupName=group["LoggingConfig"]["LogGroup"])
    return any(all(w in event["message"] for w in words) for event in pages["events"])


def test_events_are_delivered_retried_and_discarded(project: ApiProject) -> None:
    project.subscription(project.endpoint("/lp/good"), event_types=["good.*"])
    steps = (Step(status=500), Step(status=200))
    project.subscription(
        project.endpoint("/lp/flaky", *steps, retry_schedule=[1]), event_types=["flaky.*"]
    )
    keyed = {"idempotency-key": "lp-1"}
    body = {"type": "good.one", "data": {"in an item of its own": secrets.token_hex(5_000)}}
    good, again = (project.post(body, **keyed) for _ in range(2))
    assert good.json()["id"] == again.json()["id"]
    flaky, nobody = project.event("flaky.one", {}), project.event("nobody.wants", {})
    assert project.outcome(good.json()["id"])["status"] == "succeeded"
    assert project.outcome(nobody)["status"] == "discarded"
    trace = project.outcome(flaky)
    assert [a["status"] for a in trace["deliveries"][0]["attempts"]] == [500, 200]
    strict = project.call(
        "POST", "/v1/events?unmatched=reject", json={"type": "nobody.wants", "data": {}}
    )
    assert strict.status_code == 422, strict.text


def test_an_operational_webhook_with_the_rooms_own_role(project: ApiProject) -> None:
    ops = project.endpoint("/lp/ops")
    choice = {"notifications": {"kinds": ["event.discarded"], "endpoint_ids": [ops["id"]]}}
    assert project.call("PATCH", f"/v1/projects/{project.id}", json=choice).status_code == 200
    discarded = project.event("nobody.wants", {})
    (request,) = project.receiver.wait_for(1, "/lp/ops", timeout=25)
    assert discarded.encode() in request.body


def test_an_answer_of_410_disables_the_endpoint_and_sweep_cancels_what_waits(
    project: ApiProject, enforcing_stack: dict[str, Any], clients: Callable[[str], Any]
) -> None:
    endpoint = project.endpoint(
        "/lp/gone", Step(status=503), Step(status=410), retry_schedule=[600]
    )
    project.subscription(endpoint)
    waiting = project.event("order.created", {})
    project.until(waiting, lambda t: t["deliveries"] and t["deliveries"][0]["attempts"])
    assert project.outcome(project.event("order.created", {}))["status"] == "failed"
    now = project.call("GET", f"/v1/endpoints/{endpoint['id']}").json()
    assert (now["state"], now["disabled_reason"]) == ("disabled", "gone")
    assert now["health"]["state"] == "disabled"
    sweep = enforcing_stack["outputs"]["SweepFunction"]
    answer = clients("lambda").invoke(FunctionName=sweep)
    assert "FunctionError" not in answer, answer["Payload"].read()
    (delivery,) = project.outcome(waiting)["deliveries"]
    assert (delivery["status"], delivery["reason"]) == ("cancelled", "endpoint_disabled")


def test_disabling_and_deleting_cancel_what_waits(project: ApiProject) -> None:
    for path, method, verb in (("off", "POST", "/disable"), ("deleted", "DELETE", "")):
        endpoint = project.endpoint(f"/lp/{path}", Step(status=503), retry_schedule=[600])
        project.subscription(endpoint, event_types=[f"{path}.*"])
        waiting = project.event(f"{path}.one", {})
        project.until(
            waiting, lambda t: t["deliveries"] and t["deliveries"][0]["status"] == "retrying"
        )
        where = f"/v1/endpoints/{endpoint['id']}"
        assert project.call("GET", where).json()["health"]["state"] == "failing"
        assert project.call(method, f"{where}{verb}").status_code in {200, 204}
        (delivery,) = project.trace(waiting)["deliveries"]
        assert delivery["status"] == "cancelled"


def test_a_body_in_s3_is_sent_shown_tried_and_made_again(
    project: ApiProject, enforcing_stack: dict[str, Any], clients: Callable[[str], Any]
) -> None:
    blob = secrets.token_hex(BIG_BYTES)
    project.subscription(project.endpoint("/lp/big"))
    identifier = parse_event_id(project.event("big.one", {"blob": blob}))
    assert identifier is not None
    assert project.outcome(identifier)["status"] == "succeeded"
    (seen,) = project.receiver.requests("/lp/big")
    assert blob.encode() in seen.body
    where = {"Bucket": enforcing_stack["outputs"]["BlobsBucket"]}
    name = f"bodies/{project.id}/{identifier}"
    stored = clients("s3").get_object(**where, Key=name)
    assert stored["ContentLength"] > 300_000
    assert blob in project.call("GET", f"/v1/events/{identifier}").text
    tried = project.call(
        "POST", "/v1/subscriptions/test", json={"filter": {}, "event_id": identifier}
    )
    assert tried.json()["matched"] is True

    partition, sort = event_key(ProjectId(project.id), identifier)
    clients("dynamodb").delete_item(
        TableName=enforcing_stack["outputs"]["LedgerTable"],
        Key={"PK": {"S": partition}, "SK": {"S": sort}},
    )
    assert project.call("GET", f"/v1/events/{identifier}").status_code == 404
    task = {
        "kind": "match.v1",
        "project": project.id,
        "event": identifier,
        "type": "big.one",
        "size": len(blob),
    }
    url = enforcing_stack["outputs"]["MatchQueueUrl"]
    clients("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(task))
    deadline = time.monotonic() + 30
    while project.call("GET", f"/v1/events/{identifier}").status_code == 404:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert clients("s3").get_object(**where, Key=name)["LastModified"] >= stored["LastModified"]

    expunged = project.call("DELETE", f"/v1/events/{identifier}/data")
    assert expunged.status_code == 200, expunged.text
    assert clients("s3").list_objects_v2(**where, Prefix=name)["KeyCount"] == 0
    assert project.call("GET", "/v1/stats").json()["windows"][0]["events_entered"]["accepted"] > 0


@pytest.mark.parametrize("size", [10, 5_000, BIG_BYTES])
def test_what_expires_is_archived_and_what_is_deleted_is_not(
    project: ApiProject,
    enforcing_stack: dict[str, Any],
    clients: Callable[[str], Any],
    size: int,
) -> None:
    """No emulator removes items as DynamoDB's TTL does, with a record in the stream: the room is
    called with such records, made from the items as they are."""
    blob = secrets.token_hex(size)
    project.subscription(project.endpoint("/lp/kept"))
    identifier = parse_event_id(project.event("kept.one", {"blob": blob}))
    assert identifier is not None
    trace = project.outcome(identifier)
    items = ledger_items(clients, enforcing_stack["outputs"]["LedgerTable"], identifier)
    function = enforcing_stack["outputs"]["ArchiveFunction"]
    bucket = enforcing_stack["outputs"]["ArchiveBucket"]

    def told(batch: dict[str, Any]) -> None:
        answer = clients("lambda").invoke(FunctionName=function, Payload=json.dumps(batch))
        assert "FunctionError" not in answer, answer["Payload"].read()

    told(deleted_records(items))
    with pytest.raises(NotThere):
        read(clients("s3"), bucket, ProjectId(project.id), identifier)
    told(expired_records(items))
    found = read(clients("s3"), bucket, ProjectId(project.id), identifier)
    assert json.loads(found["payload"]["data"]) == {"blob": blob}
    assert found["event"]["status"] == trace["status"] == "succeeded"
    assert [one["attempts"] for one in found["deliveries"]] == [trace["deliveries"][0]["attempts"]]


def ledger_items(clients: Callable[[str], Any], table: str, event: str) -> list[dict[str, Any]]:
    """All items of an event."""
    pages = clients("dynamodb").get_paginator("scan").paginate(TableName=table)
    ulid = event.removeprefix("evt_")
    return [item for page in pages for item in page["Items"] if ulid in item["SK"]["S"]]


def test_bulk_work_of_every_kind_is_done_with_its_own_role(project: ApiProject) -> None:
    project.subscription(project.endpoint("/lp/bulk", Step(status=500), retry_schedule=[]))
    body = {"type": "order.created", "data": {"in an item of its own": secrets.token_hex(5_000)}}
    event = project.post(body).json()["id"]
    assert project.outcome(event)["status"] == "failed"
    project.receiver.behave("/lp/bulk", Step(status=200))
    window = {"since": "-1h"}
    asked = [
        ("/v1/operations", {"action": "retry", "filter": {"status": "failed"}}),
        ("/v1/operations", {"action": "replay", "filter": window}),
        ("/v1/operations", {"action": "rematch", "filter": window}),
        ("/v1/subscriptions/test", {"filter": {"data.x": 1}} | window),
    ]
    for path, order in asked:
        made = project.call("POST", path, json=order)
        assert made.status_code == 202, made.text
        deadline = time.monotonic() + 60
        while (shown := project.call("GET", made.json()["links"]["self"]).json())["next"]:
            assert time.monotonic() < deadline, shown
            time.sleep(0.2)
        assert (shown["state"], shown["reason"]) == ("completed", None)
        project.until(event, lambda trace: trace["status"] == "succeeded", seconds=60)
    assert len(project.receiver.requests("/lp/bulk")) == 3


def test_who_waits_takes_a_slot_with_the_rooms_own_role(project: ApiProject) -> None:
    endpoint = project.endpoint("/lp/wait", Step(status=500), retry_schedule=[600])
    project.subscription(endpoint)
    posted = project.post({"type": "waited.for", "data": {}}, prefer="wait=1")
    assert posted.headers["preference-applied"] == "wait=1"
    shown = project.call("GET", f"/v1/events/{posted.json()['id']}?wait=1")
    assert shown.json()["status"] == "delivering"
    assert "retry-after" not in shown.headers


def test_lists_and_their_cursor(project: ApiProject) -> None:
    endpoint = project.endpoint("/lp/list")
    project.subscription(endpoint)
    events = [project.event("listed.one", {"n": n}) for n in range(3)]
    for event in events:
        project.outcome(event)
    first = project.call("GET", "/v1/events?limit=1").json()
    cursor = first["next_cursor"]
    second = project.call("GET", "/v1/events", params={"limit": 1, "cursor": cursor}).json()
    assert [page["items"][0]["id"] for page in (first, second)] == events[:0:-1]
    for query in (f"endpoint_id={endpoint['id']}", "status=succeeded"):
        listed = project.call("GET", f"/v1/deliveries?{query}")
        assert len(listed.json()["items"]) == 3
    assert project.call("GET", "/v1/events?status=failed").json()["items"] == []


def test_manual_retry_and_the_end_of_an_endpoint(project: ApiProject) -> None:
    steps = (Step(status=500), Step(status=200))
    endpoint = project.endpoint("/lp/manual", *steps, retry_schedule=[])
    project.subscription(endpoint)
    trace = project.outcome(project.event("manual.one", {}))
    assert trace["status"] == "failed"
    listed = project.call("GET", "/v1/events?status=failed").json()["items"]
    assert [row["id"] for row in listed] == [trace["id"]]
    path = f"/v1/deliveries/{trace['deliveries'][0]['id']}/retry"
    assert project.call("POST", path).is_success
    project.until(trace["id"], lambda t: t["status"] == "succeeded")
    later = project.endpoint("/lp/later")
    project.subscription(later)
    assert project.call("POST", f"/v1/events/{trace['id']}/replay").is_success
    project.until(trace["id"], lambda t: len(t["deliveries"]) >= 2 and t["status"] == "succeeded")
    path = f"/v1/endpoints/{endpoint['id']}"
    assert project.call("PATCH", path, json={"description": "old"}).status_code == 200
    assert project.call("GET", "/v1/endpoints").status_code == 200
    assert project.call("DELETE", path).is_success
    assert project.call("GET", path).status_code == 404


def test_sweep_repairs_with_its_own_role(
    project: ApiProject, enforcing_stack: dict[str, Any], clients: Callable[[str], Any]
) -> None:
    """Three things lie about: a lost message, dead letters, what a deleted endpoint owned."""
    outputs = enforcing_stack["outputs"]
    endpoint = project.endpoint("/lp/sweep", Step(status=500), retry_schedule=[600])
    project.subscription(endpoint, event_types=["swept.*"])
    retrying = project.until(
        project.event("swept.one", {}),
        lambda t: t["deliveries"] and t["deliveries"][0]["status"] == "retrying",
    )
    nobody = project.event("nobody.wants", {})
    dead = {"QueueUrl": outputs["DeliverDlqUrl"]}
    for event, target, attempt in ((retrying["id"], endpoint["id"], 2), (nobody, LOST_ENDPOINT, 1)):
        task = dead_task(project, event, target, attempt)
        clients("sqs").send_message(**dead, MessageBody=encode(task))
    registry = DynamoRegistryTable(clients("dynamodb"), outputs["RegistryTable"])
    leftovers = [
        purge_key(project.id, LOST_ENDPOINT),
        owned_key(project.id, LOST_ENDPOINT, LOST_SUBSCRIPTION),
    ]
    registry.transact([Put(to_item(key, {})) for key in leftovers])
    lost = event_without_message(project, clients, outputs, "nobody.wants", EarlierClock())

    deadline = time.monotonic() + 30
    while project.trace(lost)["status"] == "accepted" or registry.get(leftovers):
        assert time.monotonic() < deadline
        answer = clients("lambda").invoke(FunctionName=outputs["SweepFunction"])
        assert "FunctionError" not in answer, answer["Payload"].read()
        time.sleep(0.5)
    assert project.outcome(lost)["status"] == "discarded"
    assert project.outcome(retrying["id"])["deliveries"][0]["reason"] == "dead_letter_deliver"
    assert "Messages" not in clients("sqs").receive_message(**dead)


def dead_task(project: ApiProject, event: str, endpoint: str, attempt: int) -> DeliverTaskV1:
    event_id = parse_event_id(event)
    assert event_id is not None
    return DeliverTaskV1(
        project_id=ProjectId(project.id),
        event_id=event_id,
        endpoint_id=EndpointId(endpoint),
        replay=0,
        matched_by=(),
        type="swept.one",
        attempt=attempt,
        packed=None,
    )


class EarlierClock:
    """Just short of the age at which the audit looks at an event."""

    def now_ms(self) -> int:
        return SystemClock().now_ms() - 19_000


@pytest.mark.parametrize("action", ["dynamodb:Query", "dynamodb:BatchGetItem"])
def test_a_role_without_the_action_is_refused(
    project: ApiProject,
    enforcing_stack: dict[str, Any],
    clients: Callable[[str], Any],
    action: str,
) -> None:
    query = enforcing_stack["outputs"]["QueryFunction"]
    event = project.event("refused.one", {})
    project.outcome(event)
    with without(clients, query, action):
        assert project.call("GET", "/v1/events").status_code == 503
    operation = action.removeprefix("dynamodb:")
    assert seen_in_log(clients, query, f"AccessDeniedException at {operation}")
    assert project.call("GET", "/v1/events").status_code == 200


def test_a_statement_needs_the_permission_of_its_kind(
    project: ApiProject, enforcing_stack: dict[str, Any], clients: Callable[[str], Any]
) -> None:
    body = {"type": "refused.two", "data": {}}
    with without(clients, enforcing_stack["outputs"]["IngestFunction"], "dynamodb:PartiQLInsert"):
        assert project.post(body).status_code == 503
    assert project.post(body).status_code == 202
