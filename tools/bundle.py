"""The one Lambda asset that serves every room: `functions/`, `hooktrace/`, the dependencies.

Targets: `aws` (Python 3.13, arm64), `local` (the code alone, for the emulator's Python, whose
environment holds the dependencies: each cold start unpacks the asset), `host` (as `aws`, for this
Python: what the import test reads). A bundle is cached by the hash of its inputs.

    python -m tools.bundle [aws|local|host]      prints the folder
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from tools.setup import EMULATOR_VENV, ROOT

Target = Literal["aws", "local", "host"]

BUILD = ROOT / "build"
LOCK = ROOT / "requirements" / "runtime.txt"
OPENAPI = ROOT / "tools" / "openapi.py"
SOURCES = {"functions": ROOT / "functions", "hooktrace": ROOT / "shared" / "hooktrace"}
UV = Path(sys.prefix) / "bin" / "uv"
AWS_PYTHON = "3.13"
AWS_PLATFORM = "aarch64-manylinux_2_28"
TASK_ROOT = "/var/task"
KEPT_SECONDS = 3_600

# Of the SDK's 400 service models, those of `client("...")` in the code, and sts for roles.
SDK_SERVICES = frozenset({"dynamodb", "events", "kms", "lambda", "s3", "sqs", "sts"})
TRIMMED = ("**/*.dist-info", "**/tests", "**/*.pyi", "**/__pycache__", "bin", "boto3/data")


def build(target: Target) -> Path:
    """The folder of the bundle, made unless an equal one is there."""
    BUILD.mkdir(exist_ok=True)
    with _alone(BUILD / ".lock"):
        bundle = BUILD / f"bundle-{target}-{_digest(target, LOCK, OPENAPI, *SOURCES.values())}"
        if not bundle.is_dir():
            _forget(f"bundle-{target}-*")
            made = bundle.with_suffix(".part")
            shutil.rmtree(made, ignore_errors=True)
            if target == "local":
                made.mkdir()
            else:
                shutil.copytree(_dependencies(target), made)
            for name, source in SOURCES.items():
                ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
                shutil.copytree(source, made / name, ignore=ignored)
            document = made / "hooktrace" / "openapi.json"
            subprocess.run([sys.executable, str(OPENAPI), str(document)], check=True)
            _compile(target, made, *(made / name for name in SOURCES))
            made.rename(bundle)
    return bundle


def _dependencies(target: Target) -> Path:
    """What the lock names, trimmed and compiled; it changes seldom, so it is cached apart."""
    folder = BUILD / f"dependencies-{target}-{_digest(target, LOCK)}"
    if folder.is_dir():
        return folder
    _forget(f"dependencies-{target}-*")
    made = folder.with_suffix(".part")
    shutil.rmtree(made, ignore_errors=True)
    options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    if target == "aws":
        options += ["--python-version", AWS_PYTHON, "--python-platform", AWS_PLATFORM]
    else:
        options += ["--python", str(_python(target))]
    command = [str(UV), "pip", "install", *options, "--target", str(made), "-r", str(LOCK)]
    subprocess.run(command, check=True)
    _trim(made)
    _compile(target, made, made)
    made.rename(folder)
    return folder


def _trim(folder: Path) -> None:
    for pattern in TRIMMED:
        for path in list(folder.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    for model in (folder / "botocore" / "data").glob("*/"):
        if model.name not in SDK_SERVICES:
            shutil.rmtree(model)


@cache
def _python(target: Target) -> Path | None:
    """The Python that will run the bundle, if this machine has it."""
    if target == "local":
        return EMULATOR_VENV / "bin" / "python"
    if target == "host" or f"{sys.version_info[0]}.{sys.version_info[1]}" == AWS_PYTHON:
        return Path(sys.executable)
    find = [str(UV), "python", "find", "--no-python-downloads", AWS_PYTHON]
    found = subprocess.run(find, capture_output=True, text=True, check=False)
    if found.returncode:
        print(f"no Python {AWS_PYTHON} here: the bundle ships without .pyc", file=sys.stderr)
        return None
    return Path(found.stdout.strip())


def _compile(target: Target, bundle: Path, *folders: Path) -> None:
    """Unchecked-hash `.pyc`: without them each cold start compiles, four times as slow."""
    python = _python(target)
    if python is None:
        return
    options = ["-q", "-f", "--invalidation-mode", "unchecked-hash"]
    options += ["-s", str(bundle), "-p", TASK_ROOT]
    subprocess.run([str(python), "-m", "compileall", *options, *map(str, folders)], check=True)


def _digest(target: Target, *inputs: Path) -> str:
    digest = hashlib.sha256(f"{target} {_python(target)} {sys.version}".encode())
    digest.update(Path(__file__).read_bytes())
    for root in inputs:
        files = sorted(path for path in root.rglob("*") if path.is_file()) or [root]
        for path in files:
            if path.suffix != ".pyc":
                digest.update(f"\0{path.relative_to(ROOT)}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _forget(pattern: str) -> None:
    """Drop what is old: a younger one may be in another deployment's hands."""
    for old in BUILD.glob(pattern):
        if time.time() - old.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(old)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One build at a time, also of several processes."""
    with lock.open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the Lambda bundle.")
    parser.add_argument("target", nargs="?", default="aws", choices=get_args(Target))
    print(build(parser.parse_args().target))


if __name__ == "__main__":
    main()
