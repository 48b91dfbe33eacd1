"""What 100 000 subscriptions of a project take of a function's memory.

    python -m bench.matching_memory

Peaks of whole processes (interpreter, boto3 and its clients included), one each: match loading a
snapshot, match and sweep compiling from records, as the adapter reads them from pages of 2 500
items. Linux counts them on x86-64; on Lambda's arm64 they are alike. A project of longer filters
takes the length of its filters more, once in a snapshot and twice while one is compiled.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.matching import COUNT, equality_rows
from hooktrace.adapters.memory.registry import MemoryBlobs
from hooktrace.adapters.registry.items import to_item

ENDPOINTS = 5_000
PAGE_ITEMS = 2_500
MEMORY_MB = 512
"""The setting `matching_memory_mb` as it stands by default: what must be enough."""
ENVIRONMENT = {
    "LEDGER_TABLE": "ledger",
    "REGISTRY_TABLE": "registry",
    "BLOBS_BUCKET": "blobs",
    "MATCH_QUEUE_URL": "http://127.0.0.1/match",
    "DELIVER_QUEUE_URL": "http://127.0.0.1/deliver",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
}
PARTS = {
    "match: load a snapshot": "snapshot",
    "match: compile from records": "records",
    "sweep: compile and publish": "publish",
}


class Records:
    """A client of DynamoDB that makes the registry's items as they are asked for."""

    def __init__(self, count: int) -> None:
        self._count = count

    def batch_get_item(self, **asked: Any) -> dict[str, Any]:
        keys = asked["RequestItems"]["registry"]["Keys"]
        stamped = [key for key in keys if key["SK"]["S"] == "STAMP"]
        return {"Responses": {"registry": [_stamp(key["PK"]["S"]) for key in stamped]}}

    def transact_write_items(self, **_asked: Any) -> None:
        """Takes the snapshot."""

    def query(self, **asked: Any) -> dict[str, Any]:
        kind = asked["ExpressionAttributeValues"][":low"]["S"].partition("#")[0]
        if kind not in ("ENDPOINT", "SUBSCRIPTION"):
            return {"Items": [_stamp("CHANGES#p")]}
        total = self._count if kind == "SUBSCRIPTION" else ENDPOINTS
        first = asked.get("ExclusiveStartKey", 0)
        last = min(first + PAGE_ITEMS, total)
        made = _subscriptions(first, last) if kind == "SUBSCRIPTION" else _endpoints(first, last)
        items = json.loads(json.dumps(made))  # nothing is shared, as in an answer from the wire
        return {"Items": items} | ({"LastEvaluatedKey": last} if last < total else {})


def _stamp(pk: str) -> Any:
    return to_item((pk, "STAMP"), {}, version=COUNT)


def _subscriptions(first: int, last: int) -> list[Any]:
    times = {"created_ms": 1_800_000_000_000, "updated_ms": 1_800_000_000_000}
    return [
        to_item(
            ("PROJECT#p", f"SUBSCRIPTION#{row.subscription_id}"),
            {
                "endpoint_id": row.endpoint_id,
                "event_types": row.event_types,
                "filter_text": row.filter_text,
                "state": "enabled",
                "description": "",
                **times,
            },
            version=1,
        )
        for row in equality_rows(last, first)
    ]


def _endpoints(first: int, last: int) -> list[Any]:
    fields = {
        "url": "https://hooks.example.com/orders",
        "created_ms": 1_800_000_000_000,
        "updated_ms": 1_800_000_000_000,
        "secrets": [{"value": "whsec_" + "A" * 44}],
        "state": "enabled",
    }
    names = (f"ENDPOINT#ep_{number:026d}" for number in range(first, last))
    return [to_item(("PROJECT#p", name), fields, version=1) for name in names]


def measure(part: str, count: int) -> int:
    """Does one part in this process; its peak in MB."""
    from functions.match.wiring import match_events
    from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
    from hooktrace.adapters.registry.matching import RegistryMatching
    from hooktrace.domain.matching import SubscriptionIndex
    from hooktrace.usecases.matching_sets import MatchingSets, Snapshots

    match_events()  # the room's imports and clients
    client: Any = Records(count)
    source = RegistryMatching(DynamoRegistryTable(client, "registry"), MemoryBlobs())
    if part == "publish":
        assert Snapshots(source).publish("p", lag=100)
    elif part == "records":
        assert len(MatchingSets(source).get("p")) == count
    else:
        data = sys.stdin.buffer.read()
        assert len(SubscriptionIndex.loads(data)) == count
    return _own_peak_mb()


def _own_peak_mb() -> int:
    """Of this program alone: what getrusage tells begins with the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (one for one in status.read_text().splitlines() if one.startswith("VmHWM:"))
        return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def peak_mb(part: str, count: int, data: bytes = b"") -> int:
    """The peak of a process that does one part."""
    command = [sys.executable, "-m", "bench.matching_memory", part, str(count)]
    done = subprocess.run(
        command, input=data, stdout=subprocess.PIPE, check=True, env=os.environ | ENVIRONMENT
    )
    return int(done.stdout)


def main(count: int = COUNT) -> int:
    """Prints the peaks; how many leave less than a fifth of the memory free."""
    from hooktrace.domain.matching import SubscriptionIndex

    data = SubscriptionIndex.build(equality_rows(count), ()).dumps()
    missed = 0
    for name, part in PARTS.items():
        peak = peak_mb(part, count, data if part == "snapshot" else b"")
        over = peak > MEMORY_MB * 0.8
        missed += over
        verdict = "OVER" if over else "within"
        sys.stdout.write(f"  {name:30} peak {peak:4} MB  {verdict} 80 % of {MEMORY_MB} MB\n")
    return missed


if __name__ == "__main__":
    if len(sys.argv) == 3:
        sys.stdout.write(str(measure(sys.argv[1], int(sys.argv[2]))))
    else:
        raise SystemExit(main())
