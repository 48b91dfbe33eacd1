"""Imports point one way: functions -> usecases -> ports -> domain; wiring alone knows adapters."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.arch.sources import ROOMS, imports, python_files, tracked, tree, under

DOMAIN = "hooktrace.domain"
PORT_FILES = [path for path in tracked() if path.match("shared/hooktrace/*ports.py")]
PORTS = tuple(f"hooktrace.{path.stem}" for path in PORT_FILES)
USECASES, ADAPTERS = "hooktrace.usecases", "hooktrace.adapters"
LIBRARIES = ("boto3", "botocore", "httpx", "aws_lambda_powertools", "aws_cdk")
DOMAIN_LIBRARIES = {"pydantic", "pydantic_core", "annotated_types", "typing_extensions", "re2"}
# Arithmetic and tables too: Ed25519 for signatures, host names as IDNA 2008 has them.
DOMAIN_LIBRARIES |= {"cryptography", "idna"}
# What a handler may take from the adapters: the shapes of Lambda's own records.
RECORDS = "hooktrace.adapters.records"

# Clocks, chance and the outside world, by their modules in the standard library.
IMPURE = {"asyncio", "os", "random", "secrets", "socket", "subprocess", "threading", "time"}
IMPURE |= {"pathlib", "tempfile", "urllib.request", "http.client", "uuid"}


def _named(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=[str(path) for path in paths])


@_named(python_files("shared/hooktrace/domain"))
def test_the_domain_is_pure(path: Path) -> None:
    for name in imports(path):
        top = name.split(".")[0]
        if top == "hooktrace":
            assert under(name, DOMAIN), f"{path} imports {name}"
        else:
            allowed = DOMAIN_LIBRARIES | set(sys.stdlib_module_names)
            assert top in allowed, f"{path} imports {name}"
            assert not any(under(name, impure) for impure in IMPURE), f"{path} imports {name}"


@_named(PORT_FILES)
def test_ports_know_the_domain_alone(path: Path) -> None:
    for name in imports(path):
        if under(name, "hooktrace"):
            assert any(under(name, p) for p in (DOMAIN, *PORTS)), name
        assert not any(under(name, library) for library in LIBRARIES), name


@_named(python_files("shared/hooktrace/usecases"))
def test_use_cases_know_ports_and_domain_alone(path: Path) -> None:
    for name in imports(path):
        if under(name, "hooktrace"):
            allowed = (DOMAIN, *PORTS, USECASES)
            assert any(under(name, package) for package in allowed), f"{path} imports {name}"
        assert not any(under(name, library) for library in LIBRARIES), f"{path} imports {name}"
        assert not under(name, "functions"), f"{path} imports {name}"


@_named(python_files("shared/hooktrace/adapters"))
def test_adapters_know_no_use_case_and_no_room(path: Path) -> None:
    for name in imports(path):
        assert not under(name, "functions"), f"{path} imports {name}"
        assert not under(name, USECASES), f"{path} imports {name}"


@_named(python_files("functions"))
def test_rooms_know_no_other_room_and_wiring_alone_knows_adapters(path: Path) -> None:
    room = f"functions.{path.parts[1]}"
    for name in imports(path):
        if under(name, "functions"):
            assert under(name, room), f"{path} imports {name}"
        if path.name != "wiring.py":
            adapter = under(name, ADAPTERS) and not under(name, RECORDS)
            assert not adapter, f"{path} imports {name}"
            assert not any(under(name, sdk) for sdk in ("boto3", "botocore")), name


@_named(python_files("infra"))
def test_infra_knows_rooms_by_their_handler_strings_only(path: Path) -> None:
    for name in imports(path):
        assert not under(name, "functions"), f"{path} imports {name}"
        assert not under(name, "hooktrace"), f"{path} imports {name}"


@_named(python_files("client"))
def test_the_client_knows_the_service_by_http_only(path: Path) -> None:
    for name in imports(path):
        for package in ("hooktrace.domain", "hooktrace.usecases", "functions", "infra", "tools"):
            assert not under(name, package), f"{path} imports {name}"


@_named(python_files("shared", "functions", "infra", "tools", "tests", "bench", "client"))
def test_imports_are_absolute(path: Path) -> None:
    relative = [
        node.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_the_same_files(room: str) -> None:
    names = {path.name for path in python_files(f"functions/{room}")}
    assert names >= {"__init__.py", "handler.py", "wiring.py", "settings.py"}


@pytest.mark.parametrize("room", ["match", "notify", "sweep", "query", "ingest"])
def test_only_rooms_that_send_requests_carry_an_http_client(room: str) -> None:
    for path in python_files(f"functions/{room}"):
        assert not any(under(name, "httpx") for name in imports(path)), path
        assert "hooktrace.adapters.http.HttpSender" not in imports(path), path
