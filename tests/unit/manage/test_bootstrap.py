from __future__ import annotations

import json
from typing import Any

import pytest

from hooktrace.adapters.memory.registry import MemoryBlobs, MemoryRegistryTable
from hooktrace.adapters.registry.registry import registry_on
from hooktrace.api.http import Authenticator
from hooktrace.domain.errors import Unavailable
from tools import bootstrap


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> MemoryRegistryTable:
    """The tool on a table in memory, without an environment."""
    made = MemoryRegistryTable()
    monkeypatch.setattr(bootstrap.boto3, "client", lambda service: service)
    monkeypatch.setattr(bootstrap, "DynamoRegistryTable", lambda client, name: made)
    for name in ("REGISTRY_TABLE", "HOOKTRACE_STACK"):
        monkeypatch.delenv(name, raising=False)
    return made


def test_both_keys_work_and_have_their_scopes(
    table: MemoryRegistryTable, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--name", "demo", "--allow-http", "--json", "--registry-table", "t"]
    assert bootstrap.main(arguments) == 0
    made = json.loads(capsys.readouterr().out)
    registry = registry_on(table, MemoryBlobs(), lambda: 0)
    authenticate = Authenticator(registry.keys.load_key, lambda: 0.0)
    admin = authenticate(f"Bearer {made['admin_key']}")
    api = authenticate(f"Bearer {made['api_key']}")
    assert (admin.scopes, api.scopes) == ({"admin"}, {"write", "read"})
    assert admin.project_id == api.project_id == made["project_id"]
    project = registry.projects.get_project(made["project_id"])
    assert project is not None
    assert (project.name, project.allow_http) == ("demo", True)


def test_without_json_it_prints_each_key_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["--name", "demo", "--registry-table", "t"]) == 0
    assert capsys.readouterr().out.count("ht_") == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--name", "demo"], "give --registry-table"),
        (["--name", "", "--registry-table", "t"], "the name is not allowed"),
        (["--name", "demo", "--stack", "other"], "has no output RegistryTable"),
    ],
)
def test_a_wrong_environment_is_one_line_and_exit_code_2(
    arguments: list[str],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Stacks:
        def describe_stacks(self, **_: Any) -> dict[str, Any]:
            return {"Stacks": [{"Outputs": [{"OutputKey": "Other", "OutputValue": "x"}]}]}

    monkeypatch.setattr(bootstrap.boto3, "client", lambda service: Stacks())
    assert bootstrap.main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert reason in told.err
    assert told.err.count("\n") == 1


def test_a_table_that_does_not_answer_is_a_wrong_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def transact(ops: object) -> None:
        raise Unavailable("the registry did not answer\na transaction")

    table = MemoryRegistryTable()
    monkeypatch.setattr(table, "transact", transact)
    monkeypatch.setattr(bootstrap, "DynamoRegistryTable", lambda client, name: table)
    assert bootstrap.main(["--name", "demo", "--registry-table", "t"]) == 2
    assert capsys.readouterr().err == "bootstrap: the registry did not answer a transaction\n"


def test_the_table_is_found_by_the_stacks_output(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stacks:
        def describe_stacks(self, **_: Any) -> dict[str, Any]:
            outputs = [{"OutputKey": "RegistryTable", "OutputValue": "table-1"}]
            return {"Stacks": [{"Outputs": outputs}]}

    monkeypatch.setattr(bootstrap.boto3, "client", lambda service: Stacks())
    arguments = bootstrap._arguments(["--name", "x", "--stack", "Hooktrace"])
    assert bootstrap.table_name(arguments) == "table-1"
