"""The synthesized template of both stages, once a session."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tools.setup import ROOT, node_home

# The CDK's libraries run on the Node.js that came with them, whatever the machine has.
os.environ["PATH"] = os.pathsep.join([str(node_home() / "bin"), os.environ["PATH"]])

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from infra.settings import Settings
from infra.stack import HooktraceStack

Resources = dict[str, dict[str, Any]]


class Template:
    """A synthesized template, read by resource type."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    def of_type(self, kind: str) -> Resources:
        """Logical id -> resource, of an `AWS::...` type."""
        resources: Resources = self.body["Resources"]
        return {name: r for name, r in resources.items() if r["Type"] == kind}

    def one(self, kind: str, part: str) -> dict[str, Any]:
        """The properties of the only resource of a type whose logical id holds `part`."""
        found = [r["Properties"] for name, r in self.of_type(kind).items() if part in name]
        assert len(found) == 1, f"{len(found)} of {kind} are named {part}"
        properties: dict[str, Any] = found[0]
        return properties

    def function(self, room: str) -> dict[str, Any]:
        return self.one("AWS::Lambda::Function", f"{room.title()}Function")

    def id_of(self, kind: str, part: str) -> str:
        """The logical id of the only resource of a type whose logical id holds `part`."""
        (found,) = [name for name in self.of_type(kind) if part in name]
        return found


def synthesize(folder: Path, *, nag: bool = False, **given: Any) -> Template:
    """The template of some settings; with `nag`, raises when cdk-nag finds something."""
    bundle = folder / "bundle"
    bundle.mkdir(exist_ok=True)
    (bundle / "placeholder.txt").write_text("the code is not part of the template")
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = cdk.App(outdir=str(folder / "cdk.out"), context=context)
    HooktraceStack(app, "Hooktrace", settings=Settings.read({**given, "bundle": bundle}))
    if nag:
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    return Template(json.loads((folder / "cdk.out" / "Hooktrace.template.json").read_text()))


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return synthesize(tmp_path_factory.mktemp("prod"))


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return synthesize(tmp_path_factory.mktemp("local"), stage="local")
