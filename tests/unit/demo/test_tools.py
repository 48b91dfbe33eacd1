"""What the tools print can be pasted: it reads what they made, and works."""

from __future__ import annotations

import argparse
import os
import shlex
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tools import archived, local_stack, redrive
from tools.break_it.__main__ import told
from tools.break_it.workbench import Workbench
from tools.demo.stack import Stack
from tools.emulator import free_port, remove_later

STATE = {
    "api_url": "http://127.0.0.1:4766/_aws/execute-api/abc/",
    "receiver_url": "",
    "outputs": {},
}


@pytest.fixture
def aws_less(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_the_curl_line_has_address_and_key() -> None:
    stack = Stack({"api_url": STATE["api_url"]}, httpx.Client(), "ht_admin").with_key("ht_reads_x")
    assert shlex.split(stack.curl("/v1/events?status=discarded")) == [
        "curl",
        "-H",
        "authorization: Bearer ht_reads_x",
        "http://127.0.0.1:4766/_aws/execute-api/abc/v1/events?status=discarded",
    ]


def test_an_exercise_says_how_to_read_its_trace_and_the_command_that_mends() -> None:
    made = {"id": "prj_1", "admin_key": {"token": "ht_key_of_the_project"}}
    api: Any = SimpleNamespace(post=lambda *_: made, with_key=lambda key: key)
    bench = Workbench(STATE, api)
    words = shlex.split(bench.redrive())
    parsed = redrive._arguments(words[words.index("tools.redrive") + 1 :])
    assert (parsed.api, parsed.key) == (STATE["api_url"], "ht_key_of_the_project")
    alarm: Any = SimpleNamespace(
        name="A", says="s", below=False, at_least=1, section="x", missing=""
    )
    finding: Any = SimpleNamespace(
        broke="b",
        alarm=alarm,
        value=1.0,
        trace={"id": "evt_1", "status": "failed", "deliveries": []},
        lines=[],
        query="q",
        healed=bench.redrive(),
        simulated="s",
    )
    assert "  reads      curl evt_1\n" in told(finding, "curl evt_1")


@pytest.mark.parametrize("words", [["--since", "-24h"], ["--since=-24h"], []])
def test_a_time_ago_is_taken_as_the_pages_print_it(words: list[str]) -> None:
    arguments = redrive._arguments(["traces", "--api", "u", "--key", "k", *words])
    assert arguments.since == "-24h"
    assert not arguments.dry_run
    more = redrive._arguments(["traces", "--api", "u", *words, "--dry-run"])
    assert more.dry_run


@pytest.mark.usefixtures("aws_less")
def test_without_an_aws_environment_the_page_for_the_local_stack_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    event, project = "evt_01M3250V005PCVYDCC5R3HH201", "prj_01M3250V005PCVYDCC5R3HH201"
    assert archived.main([event, "--project", project]) == 2
    assert redrive.main(["queue", "Notify"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all("docs/local-stack.md#tools" in line for line in lines)


def test_status_names_the_stacks_of_other_ports_and_fails_when_there_is_none_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    others = [
        SimpleNamespace(port=4766, state=dict),
        SimpleNamespace(port=4900, state=lambda: None),
    ]
    monkeypatch.setattr(local_stack, "every", lambda: others)
    port = free_port()
    asked = argparse.Namespace(command="status", port=port, all=False, enforce_roles=False)
    with pytest.raises(SystemExit) as ended:
        local_stack.run(asked)
    assert ended.value.code == 1
    shown = capsys.readouterr().out
    assert f"nothing runs on port {port}" in shown
    assert "a stack runs on port 4766: HOOKTRACE_PORT=4766 make status" in shown
    assert "4900" not in shown


def test_a_folder_is_gone_at_once_and_its_content_soon(tmp_path: Path) -> None:
    folder = tmp_path / "4823"
    (folder / "tmp" / "code").mkdir(parents=True)
    (folder / "tmp" / "code" / "handler.py").write_text("")
    remove_later(folder)
    remove_later(folder)
    assert not folder.exists()
    deadline = time.monotonic() + 20
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        os.sched_yield()
    assert list(tmp_path.iterdir()) == []


def test_stopping_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    asked = argparse.Namespace(command="down", port=port, all=False, enforce_roles=False)
    local_stack.run(asked)
    assert capsys.readouterr().out == f"nothing runs on port {port}\n"
    stack: Any = SimpleNamespace(port=port, runs=lambda: True, down=lambda: None)
    local_stack._stop(stack)
    assert capsys.readouterr().out.splitlines() == [
        f"stopping the stack on port {port}",
        f"nothing runs on port {port}",
    ]
