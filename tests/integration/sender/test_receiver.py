"""The receiver itself: what it records and how it is steered over HTTP."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tools.receiver import Receiver


@pytest.fixture
def web(receiver: Receiver):
    with httpx.Client(base_url=receiver.url, trust_env=False) as client:
        yield client


def test_requests_are_listed_and_forgotten(web: httpx.Client, receiver: Receiver) -> None:
    web.post("/a?x=1", content=b"\x00\xff", headers={"X-One": "1"})
    web.post("/b")
    (listed,) = web.get("/_requests", params={"path": "/a"}).json()
    assert (listed["method"], listed["path"]) == ("POST", "/a?x=1")
    assert base64.b64decode(listed["body"]) == b"\x00\xff"
    assert ["X-One", "1"] in listed["headers"]
    assert len(web.get("/_requests").json()) == 2
    web.delete("/_requests")
    assert web.get("/_requests").json() == []
    assert receiver.requests() == []


def test_steps_follow_each_other_and_the_last_repeats(web: httpx.Client) -> None:
    steps = [{"status": 500, "body": "no"}, {"status": 201, "headers": {"X-Y": "z"}}]
    assert web.put("/_behaviour/in", json=steps).status_code == 200
    assert [web.post("/in").status_code for _ in range(3)] == [500, 201, 201]
    assert web.post("/in").headers["X-Y"] == "z"
    web.delete("/_behaviour/in")
    assert web.post("/in").status_code == 200


@pytest.mark.parametrize("steps", [[], {"kind": "dance"}, {"stat": 1}, 7, {"body_base64": "?"}])
def test_unknown_behaviour_is_refused(web: httpx.Client, steps) -> None:
    assert web.put("/_behaviour/in", json=steps).status_code == 400


def test_a_path_can_fail_a_few_times(web: httpx.Client) -> None:
    assert [web.post("/fail/2").status_code for _ in range(4)] == [500, 500, 200, 200]
    assert web.post("/status/x").status_code == 400


def test_it_runs_as_a_program_and_ends_on_a_signal() -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "tools.receiver", "--port", "0"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            url = json.loads(program.stdout.readline())["url"]
            assert httpx.post(f"{url}/status/202", trust_env=False).status_code == 202
        finally:
            program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=5) == 0
