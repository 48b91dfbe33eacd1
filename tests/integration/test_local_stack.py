"""The local stack as a whole: what `make up` promises, before any webhook is sent."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import boto3
import httpx
import pytest

from tools.local_stack import LocalStack
from tools.processes import LocalStackError
from tools.setup import ROOT


def test_the_api_answers_without_a_key_where_none_is_needed(stack: dict[str, Any]) -> None:
    with httpx.Client(base_url=stack["api_url"], trust_env=False, timeout=30) as api:
        assert api.get("/healthz").status_code == 200
        assert api.get("/v1/events").status_code == 401
        keyed = {"authorization": f"Bearer {stack['api_key']}"}
        assert api.get("/v1/events", headers=keyed).status_code == 200


@pytest.mark.parametrize("path", ["/nope", "/v1/nope", "/v1/events/evt_1/nope"])
def test_unknown_paths_are_answered_by_our_own_code(stack: dict[str, Any], path: str) -> None:
    keyed = {"authorization": f"Bearer {stack['api_key']}"}
    with httpx.Client(base_url=stack["api_url"], trust_env=False, timeout=30) as api:
        answer = api.get(path, headers=keyed)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


def test_what_the_emulator_leaves_out_of_the_template_is_put_right(stack: dict[str, Any]) -> None:
    dynamodb = boto3.client("dynamodb", **stack["aws"])
    for name in ("LedgerTable", "RegistryTable"):
        described = dynamodb.describe_time_to_live(TableName=stack["outputs"][name])
        ttl = described["TimeToLiveDescription"]
        assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "x")


def test_a_second_up_changes_nothing(stack: dict[str, Any]) -> None:
    again = LocalStack(stack["port"]).up()
    assert again == {name: value for name, value in stack.items() if name != "aws"}


def test_a_running_stack_cannot_begin_to_enforce_roles(stack: dict[str, Any]) -> None:
    with pytest.raises(LocalStackError, match="stop it first"):
        LocalStack(stack["port"], enforce_roles=True).up()


def test_somebody_elses_emulator_cannot_be_told_to_enforce_roles() -> None:
    with pytest.raises(LocalStackError, match="only the embedded emulator"):
        LocalStack(4600, "http://127.0.0.1:1", enforce_roles=True).up()


def test_the_state_file_is_for_its_owner_alone(stack: dict[str, Any]) -> None:
    file = LocalStack(stack["port"]).state_file
    assert file.stat().st_mode & 0o077 == 0
    assert json.loads(file.read_text())["api_key"] == stack["api_key"]


def test_a_taken_port_ends_with_one_line_and_exit_code_2(stack: dict[str, Any]) -> None:
    receiver_port = stack["receiver_url"].rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "-m", "tools.local_stack", "up", "--port", receiver_port],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"hooktrace: port {receiver_port} is in use by another program")
    assert done.stderr.count("\n") == 1
