"""What one event costs on the happy path: units, calls, log bytes, handler CPU.

The real handlers run in this process with boto3 against the emulator (a process of its own) and
send real requests to a receiver (another process). CPU is this process's, so it holds boto3,
httpx and our code, and neither the emulator nor the receiver. Write units are counted by the
documented rules from the items themselves (the emulator leaves indexes out), on the shipped
in-memory table that passes the same conformance suite. The floor is a bare `http.client` POST on
a kept-alive connection to the same receiver, in the same run.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from infra.tables import LEDGER, REGISTRY
from tests.unit.pipeline.test_happy_path import SAMPLE
from tests.world import World
from tools.emulator import Emulator

EVENTS = 200
BATCH = 10
LOG_LINE_OVERHEAD = 26  # bytes that CloudWatch Logs adds to each line it bills
BUDGET = {"wru": 6.0, "log_bytes": 400.0, "cpu_ms": 8.0}


class Context:
    """What the rooms use of Lambda's context."""

    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def counted_units() -> Counter[str]:
    """Units and messages of `EVENTS` events of 1 KB with one match, delivered at once."""
    world = World()
    world.subscription(world.endpoint())
    world.matcher()
    for _ in range(EVENTS):
        world.ingest(SAMPLE)
    world.run()
    counts = world.table.meter.counts
    counts["messages"] = world.match_queue.sent + world.deliver_queue.sent
    return counts


@contextlib.contextmanager
def running() -> Iterator[dict[str, Any]]:
    """An emulator with tables and queues, and a receiver; both stopped at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        emulator = Emulator(probe.getsockname()[1])
    receiver = subprocess.Popen(
        [sys.executable, "-m", "tools.receiver", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    emulator.start()
    try:
        assert receiver.stdout is not None
        url = json.loads(receiver.stdout.readline())["url"]
        yield {"emulator": emulator.url, "receiver": url}
    finally:
        receiver.terminate()
        receiver.wait()
        emulator.stop()


def set_up(at: dict[str, Any]) -> dict[str, Any]:
    """Tables, queues, environment of the rooms, one project with one subscription."""
    os.environ |= {
        "AWS_ENDPOINT_URL": at["emulator"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "LEDGER_TABLE": "bench-ledger",
        "REGISTRY_TABLE": "bench-registry",
        "BLOBS_BUCKET": "bench",
        "ALLOW_LOOPBACK": "true",
    }
    from hooktrace.adapters.aws import client
    from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
    from hooktrace.adapters.kms import KmsKeys
    from hooktrace.adapters.memory.table import MemoryBlobs
    from hooktrace.adapters.registry.registry import registry_on
    from hooktrace.adapters.vault import EnvelopeVault

    client("dynamodb").create_table(**LEDGER.create_table_request("bench-ledger"))
    client("dynamodb").create_table(**REGISTRY.create_table_request("bench-registry"))
    for name in ("match", "deliver"):
        url = client("sqs").create_queue(QueueName=f"bench-{name}")["QueueUrl"]
        os.environ[f"{name.upper()}_QUEUE_URL"] = url
    key = client("kms").create_key(Description="bench")["KeyMetadata"]["Arn"]
    os.environ["SECRETS_KEY_ARN"] = key
    os.environ["SLOW_QUEUE_URL"] = os.environ["DELIVER_QUEUE_URL"]
    world = World()
    table = DynamoRegistryTable(client("dynamodb"), "bench-registry")
    world.registry = registry_on(table, MemoryBlobs(), lambda: time.time_ns() // 1_000_000)
    world.vault = EnvelopeVault(
        KmsKeys(lambda: client("kms"), key), world.registry.data_keys, monotonic=time.monotonic
    )
    world.clock.ms = time.time_ns() // 1_000_000
    world.project = world.new_project("bench")
    world.subscription(world.endpoint(at["receiver"] + "/hook"))
    return {"project": world.project, "client": client, "token": _key(world)}


def _key(world: World) -> str:
    from hooktrace.api.auth import hash_secret, make_token, parse_token
    from hooktrace.domain.keys import StoredKey

    token = make_token(world.id("key")[4:], world.chance.random.randbytes(32))
    parsed = parse_token(token)
    assert parsed is not None
    key_id, secret = parsed
    scopes: Any = frozenset({"write"})
    world.registry.keys.create_key(
        StoredKey(key_id, world.project.id, hash_secret(secret), scopes, name="bench")
    )
    return token


class Rooms:
    """Drives the handlers as API Gateway, SQS and the stream would."""

    def __init__(self, made: dict[str, Any]) -> None:
        self._made = made
        self.cpu: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.log: Counter[str] = Counter()
        self.lines = 0
        events = made["client"]("dynamodb").meta.events, made["client"]("sqs").meta.events
        for one in events:
            one.register("before-call", self._count)

    def _count(self, model: Any, **_: Any) -> None:
        self.calls[f"{model.service_model.service_name}.{model.name}"] += 1

    def run(self, room: str, handle: Callable[..., Any], event: Any) -> Any:
        """One invocation, with its CPU and what it logged."""
        out = io.StringIO()
        started = time.process_time()
        with contextlib.redirect_stdout(out):
            answer = handle(event, Context())
        self.cpu[room] += int((time.process_time() - started) * 1e6)
        self.log[room] += sum(
            len(line) + LOG_LINE_OVERHEAD for line in out.getvalue().split("\n") if line
        )
        return answer

    def post(self, handle: Callable[..., Any]) -> None:
        body = b'{"type":"order.created","data":' + SAMPLE + b"}"
        answer = self.run(
            "ingest",
            handle,
            {
                "version": "2.0",
                "routeKey": "POST /v1/events",
                "rawPath": "/v1/events",
                "rawQueryString": "",
                "headers": {
                    "authorization": f"Bearer {self._made['token']}",
                    "content-type": "application/json",
                },
                "requestContext": {
                    "http": {"method": "POST", "path": "/v1/events", "sourceIp": "127.0.0.1"},
                    "requestId": "r",
                },
                "body": body.decode(),
                "isBase64Encoded": False,
            },
        )
        assert answer["statusCode"] == 202, answer

    def drain(self, room: str, handle: Callable[..., Any]) -> int:
        """Hands a queue's messages to a room in batches of ten."""
        sqs, url = self._made["client"]("sqs"), os.environ[f"{room.upper()}_QUEUE_URL"]
        done = 0
        counted = Counter(self.calls)
        while True:
            messages = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=BATCH, WaitTimeSeconds=0
            ).get("Messages", [])
            counted["sqs.ReceiveMessage"] += 1
            if not messages:
                return done
            records = [{"messageId": m["MessageId"], "body": m["Body"]} for m in messages]
            before = Counter(self.calls)
            answer = self.run(room, handle, {"Records": records})
            self.calls = before + (self.calls - before)
            assert answer == {"batchItemFailures": []}, answer
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            done += len(messages)

    def notify(self, handle: Callable[..., Any]) -> None:
        """The stream records that delivered events leave behind, in batches of ten."""
        found = self._made["client"]("dynamodb").scan(TableName="bench-ledger")["Items"]
        done = [item for item in found if item["SK"]["S"].startswith("D#")]
        for start in range(0, len(done), BATCH):
            records = [
                {
                    "eventName": "MODIFY",
                    "dynamodb": {
                        "Keys": {"PK": item["PK"], "SK": item["SK"]},
                        "NewImage": item,
                        "OldImage": {"s": {"S": "delivering"}},
                    },
                }
                for item in done[start : start + BATCH]
            ]
            self.run("notify", handle, {"Records": records})


def floor(url: str) -> float:
    """Process CPU (ms) of one bare POST on a kept-alive connection."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port)
    body = SAMPLE
    started = 0.0
    for number in range(EVENTS + 20):
        if number == 20:
            started = time.process_time()
        connection.request("POST", "/hook", body, {"content-type": "application/json"})
        connection.getresponse().read()
    connection.close()
    return (time.process_time() - started) / EVENTS * 1000


def main() -> int:
    counts = counted_units()
    with running() as at:
        made = set_up(at)
        from functions.deliver import handler as deliver
        from functions.ingest import handler as ingest
        from functions.match import handler as match
        from functions.notify import handler as notify

        rooms = Rooms(made)
        for _ in range(BATCH):  # warm: imports, clients, caches
            rooms.post(ingest.handle)
        rooms.drain("match", match.handle)
        rooms.drain("deliver", deliver.handle)
        rooms.cpu.clear(), rooms.calls.clear(), rooms.log.clear()
        for _ in range(EVENTS):
            rooms.post(ingest.handle)
        assert rooms.drain("match", match.handle) == EVENTS
        assert rooms.drain("deliver", deliver.handle) == EVENTS
        rooms.notify(notify.handle)
        requests = received(at["receiver"]) - BATCH
        bare = floor(at["receiver"])
    return report(counts, rooms, bare, requests)


def received(url: str) -> int:
    """How many requests came to the receiver so far."""
    return len(httpx.get(f"{url}/_requests").json())


def report(counts: Counter[str], rooms: Rooms, bare: float, requests: int) -> int:
    """Prints the figures beside their budgets; how many budgets were missed."""
    cpu = sum(rooms.cpu.values()) / EVENTS / 1000
    log_bytes = sum(rooms.log.values()) / EVENTS
    wru = counts["wru"] / EVENTS
    own = {k: v for k, v in rooms.calls.items() if not k.endswith(("Message", "Scan"))}
    rows = [
        ("write units (WRU) per event", wru, BUDGET["wru"]),
        ("log bytes per event, batch 10", log_bytes, BUDGET["log_bytes"]),
        ("handler CPU per event (ms), batch 10", cpu, BUDGET["cpu_ms"]),
    ]
    out = [f"  {name:44s} {value:8.2f}  budget {limit:g}" for name, value, limit in rows]
    out.append(f"  {'conditional writes per event':44s} {counts['writes'] / EVENTS:8.2f}")
    out.append(f"  {'messages sent per event':44s} {counts['messages'] / EVENTS:8.2f}")
    out.append(f"  {'requests to the endpoint per delivery':44s} {requests / EVENTS:8.2f}")
    out.append(f"  {'floor: bare kept-alive POST (ms)':44s} {bare:8.2f}  ratio {cpu / bare:.1f}")
    for room, micros in rooms.cpu.most_common():
        out.append(
            f"    {room:10s} {micros / EVENTS / 1000:8.2f} ms CPU  "
            f"{rooms.log[room] / EVENTS:6.0f} log bytes"
        )
    out.append(
        "  calls per event: "
        + json.dumps({k: round(v / EVENTS, 2) for k, v in sorted(own.items())})
    )
    sys.stdout.write("\n".join(out) + "\n")
    return sum(value > limit for _, value, limit in rows)
