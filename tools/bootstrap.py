"""Makes the first project of a deployment, before there is a key to ask the API with.

    python -m tools.bootstrap --name NAME [--allow-http] [--json]

The registry table is that of `--registry-table`, of REGISTRY_TABLE, or of the outputs of the
CloudFormation stack named by `--stack`. Where the table is (account, Region, or AWS_ENDPOINT_URL
for a local stack) is decided by the usual AWS environment. The keys are printed once and are
stored nowhere.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from collections.abc import Sequence

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from functions.manage.contract import ProjectCreate
from functions.manage.desks import new_token
from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
from hooktrace.adapters.memory.registry import MemoryBlobs
from hooktrace.adapters.registry.registry import registry_on
from hooktrace.adapters.registry.table import RegistryTable
from hooktrace.adapters.system import SystemClock
from hooktrace.domain.errors import HooktraceError
from hooktrace.usecases.manage_projects import ProjectDesk, create_project

OUTPUT = "RegistryTable"
"""The stack output that names the table."""


class WrongEnvironment(Exception):  # noqa: N818 - named for what it says
    """What is needed is not there; the text says what to do."""


def bootstrap(name: str, *, allow_http: bool, table: RegistryTable) -> dict[str, str]:
    """A project with an admin key and a key for sending and reading; their tokens."""
    fields = ProjectCreate(name=name, allow_http=allow_http).settings()
    clock = SystemClock()
    registry = registry_on(table, MemoryBlobs(), clock.now_ms)
    desk = ProjectDesk(
        registry.projects,
        registry.keys,
        registry.endpoints,
        clock,
        secrets.token_bytes,
        new_token,
    )
    project, (admin, api) = create_project(
        fields, {"admin": ("admin",), "api": ("write", "read")}, desk=desk
    )
    return {"project_id": project.id, "admin_key": admin.token, "api_key": api.token}


def table_name(arguments: argparse.Namespace) -> str:
    """The registry table's name, from the arguments, the environment or a stack's outputs."""
    if arguments.registry_table:
        return str(arguments.registry_table)
    if not arguments.stack:
        raise WrongEnvironment("give --registry-table, set REGISTRY_TABLE, or name the --stack")
    found = boto3.client("cloudformation").describe_stacks(StackName=arguments.stack)
    outputs = found["Stacks"][0].get("Outputs", [])
    for output in outputs:
        if output["OutputKey"] == OUTPUT:
            return str(output["OutputValue"])
    raise WrongEnvironment(f"the stack {arguments.stack} has no output {OUTPUT}")


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the project and its keys. Exit code 2 when the environment is not right."""
    arguments = _arguments(argv)
    try:
        client = boto3.client("dynamodb")
        made = bootstrap(
            arguments.name,
            allow_http=arguments.allow_http,
            table=DynamoRegistryTable(client, table_name(arguments)),
        )
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        return _refuse(f"the name is not allowed: {reason}")
    except (WrongEnvironment, HooktraceError, ClientError, BotoCoreError) as error:
        return _refuse(str(error))
    if arguments.json:
        print(json.dumps(made))
    else:
        print(f"project    {made['project_id']}")
        print(f"admin key  {made['admin_key']}")
        print(f"api key    {made['api_key']}")
        print("The keys are shown this once. Keep them where you keep secrets.")
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.bootstrap", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--name", required=True, help="the project's name, up to 128 characters")
    parser.add_argument("--allow-http", action="store_true", help="allow endpoints without TLS")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--registry-table", default=os.environ.get("REGISTRY_TABLE"))
    parser.add_argument("--stack", default=os.environ.get("HOOKTRACE_STACK"))
    return parser.parse_args(argv)


def _refuse(reason: str) -> int:
    line = " ".join(reason.split())
    print(f"bootstrap: {line}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
