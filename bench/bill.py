"""What a million events cost on AWS: this project's own counted units and calls x list prices.

Counted here: write units, messages, log bytes, and calls by batch size. Taken from `bench
pipeline`: handler CPU per event. From traffic follow the batches (Little's law over the five
pollers that a queue mapping begins with): at 300 events a second 2.4 for match, 10 for deliver.
What is modelled and not measured is named in `ASSUMED`. Nothing here was measured on AWS.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass

from tests.logged_world import LOG_LINE_OVERHEAD, LoggedWorld
from tests.unit.pipeline.test_happy_path import SAMPLE
from tests.whole_api import WholeApi

# Dollars, us-east-1, list prices of 2026, no free tier, no savings plan.
PRICES = {
    "api_request": 1.00e-6,  # HTTP API, first 300 M, per 512 KB
    "lambda_request": 0.20e-6,
    "lambda_gb_s": 1.33334e-5,  # arm64
    "wru": 0.625e-6,  # DynamoDB on demand
    "rru": 0.125e-6,
    "sqs_request": 0.40e-6,  # standard, per call and 64 KB
    "log_gb": 0.50,
}
MILLION = 1_000_000
EVENTS = 100

VCPU_PER_GB = 1 / 1.769
CPU_MS = {"ingest": 2.9, "match": 0.7, "deliver": 1.9, "notify": 0.8}
"""Per event in batches of ten, from `make bench` (x86-64)."""
ASSUMED = {
    "endpoint_ms": 200.0,
    "dynamodb_ms": 5.0,
    "sqs_ms": 8.0,
    "invocation_cpu_ms": 1.0,
    "stream_batch": 10.0,
}
MEMORY_GB = {"ingest": 0.5, "match": 0.5, "deliver": 0.25, "notify": 0.25}


@dataclass(frozen=True, slots=True)
class Load:
    """Events in one POST, and mean messages in one run of match and of deliver."""

    name: str
    per_post: int
    match_batch: float
    deliver_batch: float
    budget: float


LOADS = (
    Load("one event a POST, 300 a second", 1, 2.4, 10, 7.00),
    # Ten messages that are sent in one call lie side by side when a poller comes.
    Load("ten events a POST, 300 a second", 10, 5, 10, 4.80),
)


@dataclass(frozen=True, slots=True)
class Counted:
    """Of one event on the happy path: 1 KB, one match, delivered at once."""

    wru: float
    messages: float
    log_bytes: float


def counted(load: Load) -> Counted:
    """Write units, messages and log bytes, from the real code on the shipped fakes."""
    world = LoggedWorld()
    api = WholeApi(world)
    project, tokens = api.project("bill")
    world.project = world.registry.projects.get_project(project) or world.project
    world.subscription(world.endpoint())
    world.matcher()
    for name in ("writes", "wru"):
        world.table.meter.counts[name] = 0
    item = b'{"type":"order.created","data":' + SAMPLE + b"}"
    batch = b'{"events":[' + b",".join([item] * load.per_post) + b"]}"
    path, body = ("/v1/events", item) if load.per_post == 1 else ("/v1/events/batch", batch)
    for _ in range(EVENTS // load.per_post):
        answer = api.call("POST", path, json.loads(body), token=tokens["write"])
        assert answer.status == 202, answer.text
    world.clock.advance(0.28)
    while any(m.visible_ms <= world.clock.ms for m in world.match_queue.messages):
        world.match_once(world.match_queue.take(round(load.match_batch)))
    while any(m.visible_ms <= world.clock.ms for m in world.deliver_queue.messages):
        world.deliver_once(world.deliver_queue.take(round(load.deliver_batch)))
    world.notify()
    notify = 27 + (90 + LOG_LINE_OVERHEAD) / ASSUMED["stream_batch"]  # an id each, a line a batch
    return Counted(
        wru=world.table.meter.counts["wru"] / EVENTS,
        messages=(world.match_queue.sent + world.deliver_queue.sent) / EVENTS,
        log_bytes=(world.bytes() + _api_bytes(api)) / EVENTS + notify,
    )


def _api_bytes(api: WholeApi) -> int:
    lines = [json.dumps(dict(line), separators=(",", ":"), default=str) for line in api.lines]
    return sum(len(line) + LOG_LINE_OVERHEAD for line in lines)


def bill(load: Load, seen: Counted) -> dict[str, float]:
    """Dollars for a million events, by what is billed."""
    posts, rows = MILLION / load.per_post, {}
    runs = {
        "ingest": posts,
        "match": MILLION / load.match_batch,
        "deliver": MILLION / load.deliver_batch,
        "notify": MILLION / ASSUMED["stream_batch"],
    }
    rows["API requests"] = posts * PRICES["api_request"]
    rows["DynamoDB writes"] = MILLION * seen.wru * PRICES["wru"]
    # The registry's version stamp is read by each run of match and deliver; the audit reads all.
    reads = runs["match"] + runs["deliver"] + MILLION * 0.25
    rows["DynamoDB reads"] = reads * PRICES["rru"]
    sends = posts * math.ceil(load.per_post / 10) + runs["match"]
    takes = 2 * (runs["match"] + runs["deliver"])  # receive, and delete, a batch a call
    rows["SQS requests"] = (sends + takes) * PRICES["sqs_request"]
    rows["Lambda requests"] = sum(runs.values()) * PRICES["lambda_request"]
    rows["Lambda GB-seconds"] = sum(runs[room] * _gb_s(room, load) for room in runs)
    rows["Lambda GB-seconds"] *= PRICES["lambda_gb_s"]
    rows["logs"] = MILLION * seen.log_bytes / 2**30 * PRICES["log_gb"]
    return rows


def _gb_s(room: str, load: Load) -> float:
    """GB-seconds of one run: its CPU on the share of a core it has, and what it waits for."""
    batch = {
        "ingest": load.per_post,
        "match": load.match_batch,
        "deliver": load.deliver_batch,
        "notify": ASSUMED["stream_batch"],
    }[room]
    cpu = (batch * CPU_MS[room] + ASSUMED["invocation_cpu_ms"]) / (MEMORY_GB[room] * VCPU_PER_GB)
    waits = {
        "ingest": ASSUMED["dynamodb_ms"] + ASSUMED["sqs_ms"],
        "match": 2 * ASSUMED["dynamodb_ms"] + ASSUMED["sqs_ms"],
        "deliver": 3 * ASSUMED["dynamodb_ms"] + ASSUMED["endpoint_ms"],
        "notify": 2 * ASSUMED["dynamodb_ms"],
    }[room]
    return (cpu + waits) / 1000 * MEMORY_GB[room]


def main() -> int:
    """Prints both bills; how many miss their budget."""
    missed = 0
    for load in LOADS:
        seen = counted(load)
        rows = bill(load, seen)
        total = sum(rows.values())
        missed += total > load.budget
        sys.stdout.write(
            f"  {load.name}: match {load.match_batch:g}, deliver {load.deliver_batch:g} a run\n"
            f"    counted: {seen.wru:.2f} WRU, {seen.messages:.2f} messages,"
            f" {seen.log_bytes:.0f} log bytes an event\n"
        )
        for name, dollars in rows.items():
            sys.stdout.write(f"    {name:40s} $ {dollars:6.2f}\n")
        sys.stdout.write(f"    {'per million':40s} $ {total:6.2f}  budget $ {load.budget:.2f}\n")
    return missed


if __name__ == "__main__":
    raise SystemExit(main())
