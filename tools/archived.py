"""Reads an event in the archive, or takes it out.

    python -m tools.archived EVENT_ID --project PROJECT_ID [--stack Hooktrace | --bucket NAME]
    python -m tools.archived EVENT_ID --project PROJECT_ID --erase

Prints one JSON document: the event, its payload, its deliveries, older attempts. A line that the
archive has twice is shown once. `--erase` writes the objects that hold lines of the event anew,
without them. The AWS environment decides the account, or AWS_ENDPOINT_URL.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from hooktrace.domain.archive import folder
from hooktrace.domain.ids import EventId, ProjectId, is_id, parse_event_id

Line = Mapping[str, Any]
MANY = {"delivery": "deliveries", "attempt": "attempts", "unread": "unread"}


class NotThere(Exception):  # noqa: N818 - named for what it says
    """What is asked for is not in the archive, or there is none; the text says which."""


def read(s3: Any, bucket: str, project: ProjectId, event: EventId) -> dict[str, Any]:
    """All that the archive has of an event. Raises NotThere."""
    found: dict[tuple[Any, ...], Line] = {}
    for _, lines in _objects(s3, bucket, project, event):
        for line in lines:
            if line["event_id"] == event:
                _keep_newest(found, line)
    if not found:
        raise NotThere(f"the archive has no line of {event} in {project}")
    shown: dict[str, Any] = {"event": None, "payload": None}
    shown |= {name: [] for name in MANY.values()}
    for key in sorted(found, key=str):
        line = found[key]
        if line["kind"] in MANY:
            shown[MANY[line["kind"]]].append(line)
        else:
            shown[line["kind"]] = line
    return shown


def erase(s3: Any, bucket: str, project: ProjectId, event: EventId) -> dict[str, int]:
    """Takes the event's lines out of every object that has some. Raises NotThere."""
    counts = {"lines": 0, "objects": 0}
    for name, lines in _objects(s3, bucket, project, event):
        others = [line for line in lines if line["event_id"] != event]
        if len(others) == len(lines):
            continue
        counts["objects"] += 1
        counts["lines"] += len(lines) - len(others)
        if others:
            text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in others)
            s3.put_object(Bucket=bucket, Key=name, Body=gzip.compress(text.encode(), mtime=0))
        else:
            s3.delete_object(Bucket=bucket, Key=name)
    if not counts["lines"]:
        raise NotThere(f"the archive has no line of {event} in {project}")
    return counts


def _objects(
    s3: Any, bucket: str, project: ProjectId, event: EventId
) -> Iterator[tuple[str, list[Line]]]:
    """The objects of the event's project and day, with their lines."""
    pages = s3.get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, Prefix=folder(project, event)):
        for one in page.get("Contents", ()):
            content = s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
            text = gzip.decompress(content).decode()
            yield one["Key"], [json.loads(line) for line in text.splitlines()]


def _keep_newest(found: dict[tuple[Any, ...], Line], line: Line) -> None:
    """At least once: what stands there twice is the same, or an older version."""
    names = ("id", "delivery_id", "number")
    key = (line["kind"], *(line.get(name) for name in names))
    if line["kind"] == "unread":
        key = (line["kind"], json.dumps(line, sort_keys=True))
    if key not in found or line.get("version", 0) >= found[key].get("version", 0):
        found[key] = line


def _bucket(stack: str) -> str:
    told = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in told}
    if "ArchiveBucket" not in outputs:
        raise NotThere(f"the stack {stack} keeps no archive (setting `archive`)")
    return outputs["ArchiveBucket"]


def main(argv: Sequence[str] | None = None) -> int:
    """Prints what was found or erased. Exit code 2 when there is nothing, or no way to it."""
    arguments = _arguments(argv)
    event = parse_event_id(arguments.event)
    if event is None or not is_id(arguments.project, "prj"):
        return _say("name an event (evt_...) and a project (prj_...)")
    verb = erase if arguments.erase else read
    try:
        bucket = arguments.bucket or _bucket(arguments.stack)
        found = verb(boto3.client("s3"), bucket, ProjectId(arguments.project), event)
    except (NoRegionError, NoCredentialsError) as error:
        return _say(f"{error} For the local stack, see docs/local-stack.md#tools.")
    except (NotThere, ClientError, BotoCoreError) as error:
        return _say(str(error))
    print(json.dumps(found, indent=2))
    return 0


def _say(text: str) -> int:
    print(f"archived: {' '.join(text.split())}", file=sys.stderr)
    return 2


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.archived", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("event", help="the event's id")
    parser.add_argument("--project", required=True, help="the project's id")
    parser.add_argument("--stack", default=os.environ.get("HOOKTRACE_STACK", "Hooktrace"))
    parser.add_argument("--bucket", help="the archive's bucket, instead of the stack's")
    parser.add_argument("--erase", action="store_true", help="take the event out of the archive")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
