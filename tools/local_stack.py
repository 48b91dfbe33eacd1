"""The local stack: emulator, deployed Hooktrace, a first project and a receiver of its webhooks.

    python -m tools.local_stack up|deploy|down|status [--port N] [--enforce-roles]

What a program needs to use it is in `.hooktrace/local.json` (other ports than the default one:
`.hooktrace/local-<port>.json`). With AWS_ENDPOINT_URL set, for example to a LocalStack
container, that one is used and the embedded emulator is not started. With --enforce-roles the
embedded emulator lets every function do what its role allows, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tools.bundle import Target
from tools.deployment import Outputs, deploy
from tools.emulator import REGION, Emulator, client_environment
from tools.processes import Background, LocalStackError
from tools.setup import ROOT, VENV

DEFAULT_PORT = 4566
PYTHON = VENV / "bin" / "python"
RECEIVER_SECONDS = 15
FIRST_PROJECT = ("--name", "local", "--allow-http")

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LocalStack:
    """A stack by its port; `endpoint_url` is set when the emulator is somebody else's.

    `enforce_roles` is for `up`: it is what the stack then stays with.
    """

    port: int = DEFAULT_PORT
    endpoint_url: str | None = None
    enforce_roles: bool = False

    @property
    def url(self) -> str:
        return self.endpoint_url or self._emulator.url

    @property
    def state_file(self) -> Path:
        name = "local" if self.port == DEFAULT_PORT else f"local-{self.port}"
        return ROOT / ".hooktrace" / f"{name}.json"

    @property
    def _emulator(self) -> Emulator:
        return Emulator(self.port, self.enforce_roles)

    @property
    def _folder(self) -> Path:
        return self._emulator.folder

    @property
    def _receiver(self) -> Background:
        return Background("tools.receiver", self._folder)

    def state(self) -> State | None:
        """What `up` wrote, while all of it still runs."""
        running = self.endpoint_url is not None or self._emulator.running()
        if not (running and self._receiver.pid() and self.state_file.exists()):
            return None
        state: State = json.loads(self.state_file.read_text(encoding="utf-8"))
        return state

    def up(self) -> State:
        """Starts, deploys, makes the first project; does nothing when it is up already.

        Raises LocalStackError, and then leaves nothing running that it started.
        """
        if self.enforce_roles and self.endpoint_url is not None:
            raise LocalStackError("only the embedded emulator can be told to enforce roles")
        if state := self.state():
            if self.enforce_roles and not state["enforces_roles"]:
                raise LocalStackError("the stack runs without enforcing roles: stop it first")
            return state
        self._receiver.stop()
        try:
            if self.endpoint_url is None:
                self._emulator.start()
            self._folder.mkdir(parents=True, exist_ok=True)
            outputs = self._deploy(self.enforce_roles)
            made = self._first_project(outputs) | {"enforces_roles": self.enforce_roles}
            return self._write(outputs, made, self._receive())
        except BaseException:
            self.down()
            raise

    def deploy(self) -> State:
        """Deploys the code as it is now; project, keys and data stay."""
        state = self.state()
        if state is None:
            return self.up()
        outputs = self._deploy(state["enforces_roles"])
        return self._write(outputs, state, state["receiver_url"])

    def down(self) -> None:
        """Stops what `up` started and forgets the data."""
        self._receiver.stop()
        self._emulator.stop()
        self.state_file.unlink(missing_ok=True)

    def runs(self) -> bool:
        """Whether any part of it runs, also what a start that failed left behind."""
        return self._emulator.running() or self._receiver.pid() is not None

    def environment(self, outputs: Outputs) -> dict[str, str]:
        """For programs beside the stack: its tables and how to reach them."""
        return client_environment(self.url) | {
            "LEDGER_TABLE": outputs["LedgerTable"],
            "REGISTRY_TABLE": outputs["RegistryTable"],
            "BLOBS_BUCKET": outputs["BlobsBucket"],
            "STAGE": "local",
        }

    def _deploy(self, enforces_roles: bool) -> Outputs:
        target: Target = "local" if self.endpoint_url is None else "aws"
        return deploy(self.url, self._folder, target, cli_credentials=enforces_roles)

    def _first_project(self, outputs: Outputs) -> State:
        done = subprocess.run(
            [str(PYTHON), "-m", "tools.bootstrap", *FIRST_PROJECT, "--json"],
            cwd=ROOT,
            env=self.environment(outputs),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise LocalStackError(f"the first project was not made:\n{done.stderr.strip()}")
        keys: State = json.loads(done.stdout)
        return keys

    def _receive(self) -> str:
        """Starts the receiver; its first line says where it listens."""
        receiver = self._receiver
        command: list[str | Path] = [PYTHON, "-m", "tools.receiver", "--port", "0"]
        receiver.start(command, client_environment(self.url), ROOT)
        deadline = time.monotonic() + RECEIVER_SECONDS
        while time.monotonic() < deadline and receiver.pid() is not None:
            first, newline, _ = receiver.log.read_text(encoding="utf-8").partition("\n")
            if newline:
                return str(json.loads(first)["url"])
            time.sleep(0.05)
        raise LocalStackError(f"the receiver did not start: {receiver.last_words()}")

    def _write(self, outputs: Outputs, made: State, receiver_url: str) -> State:
        # The embedded emulator needs no stage in the path, which shells would take for a variable.
        stage = "" if self.endpoint_url is None else "/$default"
        state = {
            "api_url": f"{self.url}/_aws/execute-api/{outputs['ApiId']}{stage}",
            "api_key": made["api_key"],
            "project_id": made["project_id"],
            "admin_key": made["admin_key"],
            "receiver_url": receiver_url,
            "port": self.port,
            "enforces_roles": made["enforces_roles"],
            "endpoint_url": self.url,
            "region": REGION,
            "outputs": outputs,
        }
        self.state_file.parent.mkdir(exist_ok=True)
        part = self.state_file.with_suffix(".part")
        part.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
        part.chmod(0o600)
        part.rename(self.state_file)
        return state


def chosen(port: int | None = None, *, enforce_roles: bool = False) -> LocalStack:
    """The stack that HOOKTRACE_PORT and AWS_ENDPOINT_URL speak of.

    Raises LocalStackError for a port that is none and for an address of AWS itself.
    """
    given = str(port) if port is not None else os.environ.get("HOOKTRACE_PORT", str(DEFAULT_PORT))
    if not (given.isdecimal() and 0 < int(given) < 65536):
        raise LocalStackError(f"HOOKTRACE_PORT={given} is not a port")
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or None
    host = urlsplit(endpoint).hostname if endpoint else None
    if host and (".amazonaws." in host or host.endswith(".aws")):
        raise LocalStackError(f"AWS_ENDPOINT_URL={endpoint} is AWS itself, not an emulator")
    return LocalStack(int(given), endpoint.rstrip("/") if endpoint else None, enforce_roles)


def every() -> list[LocalStack]:
    """All stacks of this checkout that left a folder."""
    folders = (ROOT / ".local").glob("[0-9]*")
    return [LocalStack(int(folder.name)) for folder in folders if folder.name.isdecimal()]


def _report(stack: LocalStack, state: State | None) -> None:
    if state is None:
        print(f"nothing runs on port {stack.port}: `make up` starts it")
        for port in sorted(one.port for one in every() if one.state() is not None):
            print(f"a stack runs on port {port}: HOOKTRACE_PORT={port} make status")
        return
    print(f"API       {state['api_url']}")
    print(f"receiver  {state['receiver_url']}")
    print(f"project   {state['project_id']}")
    print(f"details   {stack.state_file.relative_to(ROOT)}")


def _stop(stack: LocalStack) -> None:
    """Says what it does: to end all programs may take seconds."""
    if stack.runs():
        print(f"stopping the stack on port {stack.port}", flush=True)
    stack.down()
    print(f"nothing runs on port {stack.port}")


def run(arguments: argparse.Namespace) -> None:
    if arguments.command == "down" and arguments.all:
        for one in every():
            _stop(one)
        return
    stack = chosen(arguments.port, enforce_roles=arguments.enforce_roles)
    if arguments.command == "down":
        _stop(stack)
        return
    steps = {"up": stack.up, "deploy": stack.deploy, "status": stack.state}
    state = steps[arguments.command]()
    _report(stack, state)
    if state is None:
        raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=["up", "deploy", "down", "status"])
    parser.add_argument("--port", type=int, help="instead of HOOKTRACE_PORT (default 4566)")
    parser.add_argument("--all", action="store_true", help="with down: every port's stack")
    parser.add_argument(
        "--enforce-roles", action="store_true", help="with up: functions may do what roles allow"
    )
    try:
        run(parser.parse_args())
    except LocalStackError as error:
        print(f"hooktrace: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
