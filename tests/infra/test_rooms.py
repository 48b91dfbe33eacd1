"""Functions and roles: every room as its row in the tables says, and no more."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from infra.permissions import ROOMS
from tests.infra.conftest import Template, synthesize

SHARED = {"LEDGER_TABLE", "REGISTRY_TABLE", "BLOBS_BUCKET", "STAGE"}
DELIVER = {"DELIVER_QUEUE_URL"}
ENVIRONMENT = {
    "ingest": {"MATCH_QUEUE_URL", "MAX_BODY_BYTES", "MAX_WAITERS"},
    "match": DELIVER | {"MATCH_QUEUE_URL"},
    "deliver": DELIVER | {"SLOW_QUEUE_URL", "ALLOW_LOOPBACK", "SECRETS_KEY_ARN"},
    "notify": DELIVER | {"BUS_NAME", "NOTIFY_DLQ_URL", "STATISTICS", "DELETES_BODIES"},
    "sweep": DELIVER
    | {"MATCH_QUEUE_URL", "MATCH_DLQ_URL", "DELIVER_DLQ_URL", "SLOW_DLQ_URL"}
    | {"OPERATE_QUEUE_URL", "OPERATE_DLQ_URL"}
    | {"AUDIT_FIRST_SECONDS", "AUDIT_SECOND_SECONDS"},
    "query": {"STATISTICS", "MAX_WAITERS"},
    "manage": DELIVER | {"OPERATE_QUEUE_URL", "ALLOW_LOOPBACK", "SECRETS_KEY_ARN"},
    "operate": DELIVER | {"OPERATE_QUEUE_URL", "OPERATE_ITEMS_PER_SECOND"},
}
TIMEOUTS = {
    "ingest": 29,
    "query": 29,
    "manage": 29,
    "match": 60,
    "deliver": 60,
    "notify": 30,
    "sweep": 55,
    "operate": 60,
}
every_room = pytest.mark.parametrize("room", sorted(ROOMS))


def test_there_is_one_function_to_a_room(prod: Template) -> None:
    handlers = {f["Properties"]["Handler"] for f in prod.of_type("AWS::Lambda::Function").values()}
    assert handlers == {f"functions.{room}.handler.handle" for room in ROOMS}
    assert len(prod.of_type("AWS::Lambda::Function")) == len(ROOMS)


@every_room
def test_functions_are_small_arm_machines(prod: Template, room: str) -> None:
    function = prod.function(room)
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert function["MemorySize"] == (256 if room in {"deliver", "notify"} else 512)
    assert function["Timeout"] == TIMEOUTS[room]


@every_room
def test_the_environment_has_these_names_and_no_others(prod: Template, room: str) -> None:
    variables = prod.function(room)["Environment"]["Variables"]
    assert set(variables) == SHARED | ENVIRONMENT[room]


@every_room
def test_a_room_reads_what_its_environment_says(room: str) -> None:
    """Names that nobody reads would be a queue or a switch that seems to be in use."""
    settings = importlib.import_module(f"functions.{room}.settings").Settings
    assert ENVIRONMENT[room] <= {field.alias for field in settings.model_fields.values()}


def test_the_memory_for_subscriptions_is_a_setting(tmp_path: Path) -> None:
    chosen = synthesize(tmp_path, matching_memory_mb=1024)
    sizes = {room: chosen.function(room)["MemorySize"] for room in ROOMS}
    assert {room for room, size in sizes.items() if size == 1024} == {"match", "sweep", "operate"}


def test_stages_differ_in_what_the_local_stack_needs(prod: Template, local: Template) -> None:
    for template, stage, loopback, deliver_seconds, audit in (
        (prod, "prod", "false", 60, ("180", "1800")),
        (local, "local", "true", 40, ("20", "60")),
    ):
        deliver = template.function("deliver")
        assert deliver["Environment"]["Variables"]["STAGE"] == stage
        assert deliver["Environment"]["Variables"]["ALLOW_LOOPBACK"] == loopback
        assert deliver["Timeout"] == deliver_seconds
        sweep = template.function("sweep")["Environment"]["Variables"]
        assert (sweep["AUDIT_FIRST_SECONDS"], sweep["AUDIT_SECOND_SECONDS"]) == audit


@every_room
def test_logs_are_lean_json_and_forgotten(prod: Template, room: str) -> None:
    logging = prod.function(room)["LoggingConfig"]
    assert logging["LogFormat"] == "JSON"
    assert logging["SystemLogLevel"] == "WARN"
    group = prod.of_type("AWS::Logs::LogGroup")[logging["LogGroup"]["Ref"]]
    assert group["Properties"]["RetentionInDays"] == 30


@every_room
def test_a_role_holds_exactly_the_actions_of_its_room(prod: Template, room: str) -> None:
    role = prod.id_of("AWS::IAM::Role", f"{room.title()}Role")
    assert prod.function(room)["Role"] == {"Fn::GetAtt": [role, "Arn"]}
    assert "ManagedPolicyArns" not in prod.of_type("AWS::IAM::Role")[role]["Properties"]
    actions = {action for statement in _statements(prod, role) for action in _list(statement)}
    assert actions == ROOMS[room].actions


@every_room
def test_a_role_reaches_this_stacks_own_resources_only(prod: Template, room: str) -> None:
    role = prod.id_of("AWS::IAM::Role", f"{room.title()}Role")
    for statement in _statements(prod, role):
        assert statement["Effect"] == "Allow"
        resources = statement["Resource"]
        for resource in resources if isinstance(resources, list) else [resources]:
            assert resource != "*"
            assert _owner(resource) in prod.body["Resources"]


def test_only_the_room_that_compiles_snapshots_writes_them() -> None:
    writers = {
        room
        for room, allowed in ROOMS.items()
        for prefix, actions in allowed.objects
        if prefix == "snapshots/" and "s3:PutObject" in actions
    }
    assert writers == {"sweep"}


@every_room
def test_who_reads_objects_can_tell_what_is_missing_from_what_is_refused(
    prod: Template, room: str
) -> None:
    """S3 answers 404 for a missing object only to those who may list the bucket."""
    role = prod.id_of("AWS::IAM::Role", f"{room.title()}Role")
    bucket = {"Fn::GetAtt": [prod.id_of("AWS::S3::Bucket", "Blobs"), "Arn"]}
    statements = _statements(prod, role)
    listing = [s for s in statements if "s3:ListBucket" in _list(s)]
    reads = any("s3:GetObject" in _list(s) for s in statements)
    assert [s["Resource"] for s in listing] == ([bucket] if reads else [])
    assert reads == (room not in {"notify"})


def test_query_reads_and_writes_a_key_once_and_slots_of_who_waits() -> None:
    reading = ("dynamodb:BatchGet", "dynamodb:Query", "s3:Get", "s3:ListBucket", "logs:")
    others = {action for action in ROOMS["query"].actions if not action.startswith(reading)}
    assert others == {"dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"}


def test_the_registry_is_written_by_few() -> None:
    writing = ("dynamodb:Put", "dynamodb:Delete", "dynamodb:Update")
    writers = {
        room
        for room, allowed in ROOMS.items()
        if any(action.startswith(writing) for action in allowed.registry)
    }
    assert writers == {"deliver", "manage", "sweep"}  # deliver: 410


def test_secrets_are_sealed_in_one_room_and_opened_in_two() -> None:
    asking = {room: set(allowed.secrets) for room, allowed in ROOMS.items() if allowed.secrets}
    assert asking == {
        "manage": {"kms:GenerateDataKey", "kms:Decrypt"},
        "deliver": {"kms:Decrypt"},
    }


def test_sweep_wakes_every_minute_and_a_failed_minute_is_not_repeated(prod: Template) -> None:
    rule = prod.one("AWS::Events::Rule", "EveryMinute")
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    (target,) = rule["Targets"]
    sweep = prod.id_of("AWS::Lambda::Function", "SweepFunction")
    assert target["Arn"] == {"Fn::GetAtt": [sweep, "Arn"]}
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 0


def _statements(template: Template, role: str) -> list[dict[str, Any]]:
    """All of a role's statements; its trust in Lambda is not among them."""
    found: list[dict[str, Any]] = []
    for policy in template.of_type("AWS::IAM::Policy").values():
        if {"Ref": role} in policy["Properties"]["Roles"]:
            found += policy["Properties"]["PolicyDocument"]["Statement"]
    return found


def _list(statement: dict[str, Any]) -> list[str]:
    action = statement["Action"]
    return action if isinstance(action, list) else [action]


def _owner(resource: Any) -> str:
    """The logical id that an ARN, or what is joined to one, begins with."""
    if "Fn::Join" in resource:
        resource = resource["Fn::Join"][1][0]
    owner: str = resource["Fn::GetAtt"][0]
    return owner
