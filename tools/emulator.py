"""The embedded emulator: one process of its own for each port, all state in memory.

Several run side by side. Each has its folder `.local/<port>/`; nothing is shared but the code.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tools.processes import Background, LocalStackError
from tools.setup import EMULATOR_VENV, ROOT

MAIN = ROOT / "tools" / "ministack_main.py"
START_SECONDS = 30
REGION = "us-east-1"
ACCOUNT = "000000000000"


@dataclass(frozen=True, slots=True)
class Emulator:
    """The emulator on a port of 127.0.0.1.

    With `enforce_roles` a function may do what its role allows, and nothing else; without, all.
    """

    port: int
    enforce_roles: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def folder(self) -> Path:
        return ROOT / ".local" / str(self.port)

    @property
    def process(self) -> Background:
        return Background("ministack", self.folder)

    def running(self) -> bool:
        """Whether this checkout's own emulator runs on the port."""
        return self.process.pid() is not None

    def start(self) -> None:
        """Starts it and waits until it answers; does nothing when it runs already.

        Raises LocalStackError when something else has the port, or when it does not come up.
        """
        if self.running():
            return
        if _taken(self.port):
            raise LocalStackError(
                f"port {self.port} is in use by another program:"
                " choose one with HOOKTRACE_PORT=<port>"
            )
        temporary = self.folder / "tmp"
        remove_later(self.folder)
        temporary.mkdir(parents=True)
        command: list[str | Path] = [EMULATOR_VENV / "bin" / "python", MAIN]
        environment = _environment(self.port, temporary)
        if self.enforce_roles:
            environment["AUTH"] = "true"
        self.process.start(command, environment, temporary)
        deadline = time.monotonic() + START_SECONDS
        while not self._healthy():
            if self.process.pid() is None or time.monotonic() > deadline:
                raise LocalStackError(f"the emulator did not start: {self.process.last_words()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stops it and removes its folder: workers leave their unpacked code behind.

        Some 600 files for each worker that ran: removing them can take longer than a minute, and
        nobody need wait for it.
        """
        self.process.stop()
        remove_later(self.folder)

    def _healthy(self) -> bool:
        try:
            with _direct.open(f"{self.url}/_ministack/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


# A proxy from the environment must not get what is meant for this machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _environment(port: int, temporary: Path) -> dict[str, str]:
    """Made from nothing: whatever the emulator has, every function inherits."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(temporary),
        "TMPDIR": str(temporary),
        "STATE_DIR": str(temporary / "state"),
        "LANG": "C.UTF-8",
        "BIND_HOST": "127.0.0.1",  # its default is every interface
        "MINISTACK_HOST": "127.0.0.1",  # the host in queue URLs
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LAMBDA_WARM_TTL_SECONDS": "300",
    }


def client_environment(endpoint_url: str) -> dict[str, str]:
    """This process's environment for programs that talk to the emulator and never to AWS.

    The caller's `AWS_*` are dropped: profile, region, credentials and endpoint.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def remove_later(folder: Path) -> None:
    """The folder is gone at once; its content is removed by a process that outlives this one."""
    aside = folder.with_name(f"removed-{folder.name}-{os.getpid()}-{time.monotonic_ns()}")
    try:
        folder.rename(aside)
    except FileNotFoundError:
        return
    # The shell ends at once and leaves the removing behind.
    subprocess.run(
        ["/bin/sh", "-c", 'rm -rf "$0" </dev/null >/dev/null 2>&1 &', str(aside)],
        start_new_session=True,
        check=False,
    )


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False
