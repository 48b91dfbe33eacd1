"""The bundle holds all that the rooms import: nothing of this machine helps it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.permissions import ALL_ROOMS
from tools import bundle
from tools.setup import ROOT

ENVIRONMENT = {
    "PATH": os.defpath,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


@pytest.fixture(scope="module")
def host() -> Path:
    return bundle.build("host")


@pytest.mark.xdist_group("bundle")
@pytest.mark.parametrize("room", sorted(ALL_ROOMS))
def test_every_room_imports_from_the_bundle_alone(host: Path, room: str) -> None:
    # Site-packages stay out (-S), so a library that the lock forgot is not found elsewhere.
    code = f"import sys; sys.path.insert(0, {str(host)!r})\n" + (
        f"import functions.{room}.wiring, functions.{room}.handler as room\n"
        "assert callable(room.handle)\n"
        "outside = [m.__file__ for m in list(sys.modules.values())\n"
        "           if 'site-packages' in (getattr(m, '__file__', None) or '')]\n"
        "assert not outside, outside\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.xdist_group("bundle")
def test_every_module_comes_compiled_and_needs_no_look_at_its_source(host: Path) -> None:
    sources = [p for p in host.rglob("*.py") if "site-packages" not in p.parts]
    tag = sys.implementation.cache_tag
    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
        assert flags == 0b01, f"{source}: hash-based, unchecked"


@pytest.mark.xdist_group("bundle")
def test_the_bundle_is_trimmed_to_the_services_in_use(host: Path) -> None:
    models = {p.name for p in (host / "botocore" / "data").iterdir() if p.is_dir()}
    assert models == bundle.SDK_SERVICES
    asked = {
        service
        for folder in bundle.SOURCES.values()
        for path in folder.rglob("*.py")
        for service in re.findall(r'client\("([a-z0-9-]+)"', path.read_text(encoding="utf-8"))
    }
    assert asked
    assert asked <= bundle.SDK_SERVICES
    assert not list(host.glob("*.dist-info"))


@pytest.mark.xdist_group("bundle")
def test_an_equal_bundle_is_not_built_again(host: Path) -> None:
    before = host.stat().st_ino
    assert bundle.build("host").stat().st_ino == before


@pytest.mark.xdist_group("bundle")
def test_the_local_bundle_is_the_code_alone() -> None:
    names = {path.name for path in bundle.build("local").iterdir()}
    assert names == {"functions", "hooktrace"}


def test_what_ships_is_what_is_tested_and_what_the_emulator_runs() -> None:
    shipped = _pins(ROOT / "requirements" / "runtime.txt")
    for name in ("dev", "emulator"):
        pins = _pins(ROOT / "requirements" / f"{name}.txt")
        assert {package: pins[package] for package in shipped} == shipped


def _pins(lock: Path) -> dict[str, str]:
    found = re.findall(r"(?m)^([a-z0-9-]+)==([^ ;\\]+)", lock.read_text(encoding="utf-8"))
    assert found
    return dict(found)
