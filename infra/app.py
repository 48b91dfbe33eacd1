"""`cdk synth`, `cdk deploy`: settings -> stack. Builds the Lambda bundle first."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk

from infra.settings import Settings
from infra.stack import HooktraceStack
from tools.bundle import build

STACK_NAME = "Hooktrace"


def main() -> None:
    app = cdk.App()
    given = context(app)
    given.setdefault("bundle", build("local" if given.get("stage") == "local" else "aws"))
    HooktraceStack(app, STACK_NAME, settings=Settings.read(given))
    app.synth()


def context(app: cdk.App) -> dict[str, Any]:
    """The settings among the CDK's context values."""
    values = {name: app.node.try_get_context(name) for name in Settings.model_fields}
    return {name: value for name, value in values.items() if value is not None}


if __name__ == "__main__":
    main()
