"""The emulator as the tests use it: one's own, with the template's tables, deaf to the caller."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.emulator_fixtures import EmulatorTables
from tools import local_stack
from tools.emulator import Emulator, client_environment, free_port
from tools.processes import LocalStackError


def test_the_ledger_is_there_with_its_indexes_and_stream(emulator: EmulatorTables) -> None:
    table = emulator.client("dynamodb").describe_table(TableName=emulator.ledger_table)["Table"]
    names = {index["IndexName"] for index in table["GlobalSecondaryIndexes"]}
    assert names == {"by_endpoint", "attention", "due"}
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"


@pytest.mark.emulator
def test_two_emulators_side_by_side_share_nothing(emulator: EmulatorTables) -> None:
    second = Emulator(free_port())
    second.start()
    try:
        other = EmulatorTables(second.url)
        assert other.client("dynamodb").list_tables()["TableNames"] == []
        assert emulator.client("dynamodb").list_tables()["TableNames"] == ["ledger", "registry"]
    finally:
        second.stop()
    assert not second.running()
    assert not second.folder.exists()


def test_a_port_that_another_program_has_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(LocalStackError, match=f"port {port} is in use by another program"):
            Emulator(port).start()


def test_programs_beside_the_stack_get_nothing_of_the_callers_aws(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://elsewhere.example")
    environment = client_environment("http://127.0.0.1:1")
    assert "AWS_PROFILE" not in environment
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


@pytest.mark.parametrize("address", ["https://sqs.us-east-1.amazonaws.com", "https://x.api.aws"])
def test_aws_itself_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    with pytest.raises(LocalStackError, match="is AWS itself"):
        local_stack.chosen()


@pytest.mark.parametrize("port", ["", "0", "65536", "http"])
def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("HOOKTRACE_PORT", port)
    with pytest.raises(LocalStackError, match="is not a port"):
        local_stack.chosen()


def test_each_port_has_a_state_file_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    names = [local_stack.LocalStack(port).state_file.name for port in (4566, 4600)]
    assert names == ["local.json", "local-4600.json"]
    assert local_stack.LocalStack(4600).state_file.parent == Path(local_stack.ROOT, ".hooktrace")
