"""`cdk bootstrap` and `cdk deploy` of the unchanged template onto an emulator.

The template is synthesized while the account is bootstrapped: neither waits for the other.
"""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3

from infra.tables import TTL_ATTRIBUTE
from tools.bundle import Target, build
from tools.emulator import ACCOUNT, REGION, client_environment
from tools.processes import LocalStackError
from tools.setup import NODE_MODULES, ROOT, VENV, node_home

STACK_NAME = "Hooktrace"
CDK = NODE_MODULES / ".bin" / "cdk"

Outputs = dict[str, str]


def deploy(
    endpoint_url: str, folder: Path, target: Target = "local", *, cli_credentials: bool = False
) -> Outputs:
    """Deploys the code as it is now; gives the stack's outputs. `folder` keeps what was made.

    `cli_credentials`: without the bootstrap's roles, which an emulator that enforces roles refuses.
    Raises LocalStackError with the CDK's last words when it fails.
    """
    bundle = build(target)
    assembly = folder / "cdk.out"
    told = folder / "outputs.json"
    with ThreadPoolExecutor(max_workers=2) as pool:
        steps = [pool.submit(_synthesize, endpoint_url, bundle, assembly, cli_credentials)]
        bootstrapped = folder / "bootstrapped"
        if not bootstrapped.exists():
            steps.append(pool.submit(_bootstrap, endpoint_url, folder))
        for step in steps:
            step.result()
        bootstrapped.touch()
    command: list[str | Path] = [
        CDK,
        "deploy",
        "--app",
        assembly,
        "--require-approval",
        "never",
        "--no-notices",
    ]
    _run([*command, "--outputs-file", told, STACK_NAME], endpoint_url, folder)
    outputs: Outputs = json.loads(told.read_text(encoding="utf-8"))[STACK_NAME]
    put_right(endpoint_url, outputs)
    return outputs


def put_right(endpoint_url: str, outputs: Outputs) -> None:
    """What the emulator's CloudFormation leaves out of the template, by the same API's calls.

    Of its known gaps this stack meets one, the tables' TTL; point-in-time recovery, which it
    leaves out too, nothing here depends on.
    """
    dynamodb = boto3.client(
        "dynamodb",
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator takes any
    )
    for table in (outputs["LedgerTable"], outputs["RegistryTable"]):
        described = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        if described.get("TimeToLiveStatus") == "ENABLED":
            continue
        dynamodb.update_time_to_live(
            TableName=table,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE},
        )


def _synthesize(endpoint_url: str, bundle: Path, assembly: Path, cli_credentials: bool) -> None:
    context = {"stage": "local", "bundle": str(bundle), "cli_credentials": cli_credentials}
    command: list[str | Path] = [VENV / "bin" / "python", "-m", "infra.app"]
    extra = {"CDK_OUTDIR": str(assembly), "CDK_CONTEXT_JSON": json.dumps(_features() | context)}
    _run(command, endpoint_url, ROOT, extra)


def _features() -> dict[str, object]:
    features: dict[str, object] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))[
        "context"
    ]
    return features


def _bootstrap(endpoint_url: str, folder: Path) -> None:
    """From a folder without cdk.json, so that it does not synthesize the app as well."""
    _run([CDK, "bootstrap", f"aws://{ACCOUNT}/{REGION}", "--no-notices"], endpoint_url, folder)


def _run(
    command: list[str | Path], endpoint_url: str, cwd: Path, extra: dict[str, str] | None = None
) -> None:
    path = os.pathsep.join([str(node_home() / "bin"), os.environ.get("PATH", os.defpath)])
    quiet = {"PATH": path, "CI": "true", "CDK_DISABLE_CLI_TELEMETRY": "true"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=client_environment(endpoint_url) | quiet | (extra or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join(f"{done.stdout}\n{done.stderr}".strip().splitlines()[-20:])
        raise LocalStackError(f"{Path(command[0]).name} {command[1]} failed:\n{said}")
