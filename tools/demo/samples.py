"""What the demo sends, what its subscriptions want, and what must become of each event.

The payloads are GitHub's, from the npm package `@octokit/webhooks-examples`. Each subscription
says what it wants twice: as a Hooktrace filter and as a Python function. So the demo knows what
must happen to an event without asking the service.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORKS, FAILS = "works", "fails"
"""The two endpoints: one answers 200, one always 503."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An event to post. `data` are the bytes that the endpoint must get."""

    type: str
    data: bytes
    headers: Mapping[str, str]
    value: Any = field(repr=False)

    def body(self) -> bytes:
        """The body of `POST /v1/events`."""
        kind, headers = json.dumps(self.type), json.dumps(self.headers)
        head = f'{{"type": {kind}, "headers": {headers}, "data": '
        return head.encode() + self.data + b"}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A subscription, and `wants`: the same choice in Python."""

    name: str
    endpoint: str
    event_types: tuple[str, ...]
    filter: Mapping[str, Any]
    wants: Callable[[Sample], bool]


def load_samples(file: Path) -> list[Sample]:
    """All payloads of the package's file. Raises OSError and ValueError."""
    samples = []
    for event in json.loads(file.read_bytes()):
        for example in event["examples"]:
            action = example.get("action")
            words = ["github", event["name"], *([action] if action else [])]
            # Indented, so that data which was parsed and written again would not be the same.
            data = json.dumps(example, indent=1, ensure_ascii=False).encode()
            headers = {"X-GitHub-Event": event["name"]}
            samples.append(Sample(".".join(words), data, headers, example))
    return samples


def pick(samples: Iterable[Sample]) -> list[Sample]:
    """All samples that a subscription wants, and one of every other type."""
    picked, types = [], set()
    for sample in samples:
        if expected(sample) or sample.type not in types:
            picked.append(sample)
            types.add(sample.type)
    return picked


def expected(sample: Sample) -> dict[str, set[str]]:
    """Which subscriptions must match, by endpoint; empty: the event must be discarded."""
    found: dict[str, set[str]] = {}
    for one in SUBSCRIPTIONS:
        if one.wants(sample):
            found.setdefault(one.endpoint, set()).add(one.name)
    return found


def _pull_request_to_master(sample: Sample) -> bool:
    if sample.type != "github.pull_request.opened":
        return False
    request = sample.value["pull_request"]
    return request["base"]["ref"] == "master" and request["draft"] is False


def _issue_with_bug(sample: Sample) -> bool:
    if not sample.type.startswith("github.issues."):
        return False
    return any(label["name"] == "bug" for label in sample.value["issue"].get("labels", []))


def _issue_opened(sample: Sample) -> bool:
    return sample.type == "github.issues.opened"


def _push_to_branch(sample: Sample) -> bool:
    if sample.type != "github.push":
        return False
    branch = str(sample.value["ref"]).startswith("refs/heads/")
    return branch and sample.value["deleted"] is False


def _final_release(sample: Sample) -> bool:
    if sample.type not in {"github.release.published", "github.release.released"}:
        return False
    release = sample.value["release"]
    return release["prerelease"] is False and release["draft"] is False


def _in_production(sample: Sample) -> bool:
    if not sample.type.startswith("github.deployment_status."):
        return False
    state = sample.value["deployment_status"]["state"]
    where = sample.value["deployment"]["environment"]
    return (state, where) == ("success", "production")


def _social(sample: Sample) -> bool:
    return sample.headers["X-GitHub-Event"] in {"star", "fork", "watch"}


def _red_check(sample: Sample) -> bool:
    kind = sample.headers["X-GitHub-Event"]
    if sample.type not in {"github.check_run.completed", "github.workflow_job.completed"}:
        return False
    return bool(sample.value[kind]["conclusion"] == "failure")


def _deployment_status(sample: Sample) -> bool:
    return sample.type.startswith("github.deployment_status.")


def _critical_advisory(sample: Sample) -> bool:
    if not sample.type.startswith("github.security_advisory."):
        return False
    return sample.value["security_advisory"]["severity"] in {"high", "critical"}


SUBSCRIPTIONS: tuple[Wanted, ...] = (
    Wanted(
        "pull requests opened on master",
        WORKS,
        ("github.pull_request.opened",),
        {"data": {"pull_request": {"base.ref": "master", "draft": False}}},
        _pull_request_to_master,
    ),
    Wanted(
        "issues with the label bug",
        WORKS,
        ("github.issues.*",),
        {"data": {"issue": {"labels": {"name": "bug"}}}},
        _issue_with_bug,
    ),
    Wanted("issues opened", WORKS, ("github.issues.opened",), {}, _issue_opened),
    Wanted(
        "pushes to a branch",
        WORKS,
        ("github.push",),
        {"data": {"ref": {"$startsWith": "refs/heads/"}, "deleted": False}},
        _push_to_branch,
    ),
    Wanted(
        "final releases",
        WORKS,
        ("github.release.*",),
        {
            "type": {"$regex": r"\.(published|released)$"},
            "data.release": {"prerelease": False, "draft": False},
        },
        _final_release,
    ),
    Wanted(
        "deployed to production",
        WORKS,
        ("github.deployment_status.*",),
        {"data": {"deployment.environment": "production", "deployment_status.state": "success"}},
        _in_production,
    ),
    Wanted(
        "stars, forks and watchers",
        WORKS,
        ("**",),
        {"headers": {"X-GitHub-Event": {"$in": ["star", "fork", "watch"]}}},
        _social,
    ),
    Wanted(
        "checks that failed",
        FAILS,
        ("github.check_run.completed", "github.workflow_job.completed"),
        {
            "$or": [
                {"data.check_run.conclusion": "failure"},
                {"data.workflow_job.conclusion": "failure"},
            ]
        },
        _red_check,
    ),
    Wanted(
        "every deployment status",
        FAILS,
        ("github.deployment_status.*",),
        {},
        _deployment_status,
    ),
    Wanted(
        "advisories from high up",
        FAILS,
        ("github.security_advisory.*",),
        {"data.security_advisory.severity": {"$in": ["high", "critical"]}},
        _critical_advisory,
    ),
)
