"""What the OpenAPI document says of each call holds on the deployed stack.

schemathesis reads the document that the stack serves, and makes requests that fit it and requests
that do not, with an admin key of a project of its own: the same ones in each run.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis

from tests.e2e.client import ApiProject

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
SECONDS = 60


def test_no_request_is_answered_other_than_documented(
    project: ApiProject, stack: Mapping[str, Any], tmp_path: Path
) -> None:
    command = [str(Path(sys.executable).with_name("schemathesis")), "run"]
    command += [f"{stack['api_url']}/openapi.json", "--url", stack["api_url"]]
    command += ["--header", f"Authorization: Bearer {project.token}"]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"]
    command += ["--seed", "1", "--generation-deterministic"]
    command += ["--max-examples", "8", "--max-time", str(SECONDS), "--no-shrink", "--no-color"]
    command += ["--request-timeout", "35", "--continue-on-failure", "--warnings", "off"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS * 3, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]


def test_what_is_found_is_shown_as_documented(
    project: ApiProject, stack: Mapping[str, Any]
) -> None:
    """The requests above rarely meet what exists: here each GET is asked for that."""
    endpoint = project.endpoint("/documented")
    subscription = project.subscription(endpoint)
    trace = project.outcome(project.event("documented.one", {"n": 1}))
    key = project.call("GET", "/v1/keys").json()["items"][0]
    real = {
        "events": trace["id"],
        "deliveries": trace["deliveries"][0]["id"],
        "endpoints": endpoint["id"],
        "subscriptions": subscription["id"],
        "keys": key["id"],
        "projects": project.id,
    }
    document = schemathesis.openapi.from_url(f"{stack['api_url']}/openapi.json")
    checks = schemathesis.checks.CHECKS.get_by_names(CHECKS)
    shown = []
    for found in document.get_all_operations():
        operation = found.ok()
        collection = operation.path.split("/")[2] if "{" in operation.path else ""
        if operation.method != "get" or collection not in {"", *real}:
            continue
        given = {"id": real[collection]} if collection else {}
        answer = operation.Case(path_parameters=given).call_and_validate(
            base_url=stack["api_url"],
            headers={"authorization": f"Bearer {project.token}"},
            checks=checks,
        )
        assert answer.status_code == 200, operation.path
        shown.append(operation.path)
    assert len(shown) >= 14
