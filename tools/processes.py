"""Background programs of the local stack, each known by the pid in a file."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 10

_children: dict[int, subprocess.Popen[bytes]] = {}


class LocalStackError(Exception):
    """Something on this machine is in the way; the message says what, in one line."""


@dataclass(frozen=True, slots=True)
class Background:
    """A program that outlives the command that started it. `name` is part of its command line."""

    name: str
    folder: Path

    @property
    def pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self, command: Sequence[str | Path], env: Mapping[str, str], cwd: Path) -> None:
        """Runs it in a session of its own, so that Ctrl-C in the terminal spares it."""
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _children[process.pid] = process
        self.pid_file.write_text(str(process.pid), encoding="utf-8")

    def pid(self) -> int | None:
        """Its pid while it runs; None once it has ended or the pid is somebody else's."""
        try:
            pid = int(self.pid_file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        if pid in _children:  # asking takes the exit status, or the pid would stay taken
            return pid if _children[pid].poll() is None else None
        return pid if self.name in _command_line(pid) else None

    def stop(self) -> None:
        """TERM first, so that it ends its own workers; KILL what does not listen."""
        if (pid := self.pid()) is not None:
            for number in (signal.SIGTERM, signal.SIGKILL):
                os.kill(pid, number)
                deadline = time.monotonic() + STOP_SECONDS
                while self.pid() is not None and time.monotonic() < deadline:
                    time.sleep(0.05)
                if self.pid() is None:
                    break
        self.pid_file.unlink(missing_ok=True)

    def last_words(self) -> str:
        """The last line of its log, for an error message."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def _command_line(pid: int) -> str:
    """How a process was started; empty once it has ended. `ps` is not on every machine."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            return ""
    ps = ["ps", "-o", "command=", "-p", str(pid)]
    shown = subprocess.run(ps, capture_output=True, text=True, check=False).stdout
    return "" if "<defunct>" in shown else shown
