"""Sends dead letters again.

    python -m tools.redrive traces --api URL --key KEY [--since -24h] [--dry-run]
    python -m tools.redrive queue NAME [--stack Hooktrace] [--dry-run]

`traces`: what sweep wrote back. Over the API, with a key that may write: events that matching gave
up on (`dead_letter_match`) are replayed, deliveries that delivering gave up on
(`dead_letter_deliver`) are retried. Each is asked for once; one that moved on meanwhile is left.

`queue`: what lies in a dead-letter queue. A message goes back to the queue it came from, then
leaves the dead letters; a crash between the two sends it twice, which the claim turns away.
`Notify` and `Archive` hold places in the ledger's stream, not records: these are read from the
stream (which keeps a day) and given to the room again. The AWS environment decides the account, or
AWS_ENDPOINT_URL.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import boto3
import httpx
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

Call = Callable[[str, str], tuple[int, Mapping[str, Any]]]
"""(method, path with query) -> (status, document)."""
Client = Callable[[str], Any]
"""A boto3 client of a service."""

STREAM_QUEUES = ("Notify", "Archive")
EMPTY_PAGES = 20
"""So many pages of the stream without a record, one after the other, and it is given up."""
RECORDS_A_CALL = 100
REASON = "dead_letter_"


class CannotRedrive(Exception):  # noqa: N818 - named for what it says
    """What is needed is not there; the text says what."""


# -- what sweep wrote back ------------------------------------------------------------------------


def redrive_traces(call: Call, since: str, *, dry_run: bool) -> dict[str, int]:
    """Replays and retries what ended as a dead letter since then; how many of each answer."""
    counts = {"events": 0, "deliveries": 0, "refused": 0}
    for kind, action in (("events", "replay"), ("deliveries", "retry")):
        for one in _failed(call, kind, since):
            if not str(one.get("reason") or "").startswith(REASON):
                continue
            status = 202 if dry_run else call("POST", f"/v1/{kind}/{one['id']}/{action}")[0]
            counts[kind if status < 300 else "refused"] += 1
    return counts


def _failed(call: Call, kind: str, since: str) -> Iterator[Mapping[str, Any]]:
    """All that failed, before any is sent again: what moves on would shift the pages."""
    found: list[Mapping[str, Any]] = []
    cursor = ""
    while True:
        more = f"&cursor={cursor}" if cursor else ""
        status, page = call("GET", f"/v1/{kind}?status=failed&since={since}&limit=200{more}")
        if status != 200:
            raise CannotRedrive(f"GET /v1/{kind} answers {status}: {page.get('detail', '')}")
        found += page["items"]
        cursor = page.get("next_cursor") or ""
        if not cursor:
            return iter(found)


# -- what lies in a queue -------------------------------------------------------------------------


def redrive_queue(
    name: str, outputs: Mapping[str, str], client: Client, *, dry_run: bool
) -> dict[str, int]:
    """Sends what lies in the dead-letter queue `name` again; how many, and how many stay."""
    dead = outputs.get(f"{name}DlqUrl")
    source = outputs.get(f"{name}QueueUrl")
    if dead is None or (source is None and name not in STREAM_QUEUES):
        known = sorted(key.removesuffix("DlqUrl") for key in outputs if key.endswith("DlqUrl"))
        raise CannotRedrive(f"there is no queue {name}; there are: {', '.join(known)}")
    sqs = client("sqs")
    if dry_run:
        wanted = ["ApproximateNumberOfMessages"]
        told = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=wanted)["Attributes"]
        return {"waiting": int(told[wanted[0]])}
    counts = {"sent": 0, "kept": 0}
    for message in _messages(sqs, dead):
        if source is None:
            sent = _repeat_stream(message["Body"], outputs[f"{name}Function"], client)
        else:
            sqs.send_message(QueueUrl=source, MessageBody=message["Body"])
            sent = True
        counts["sent" if sent else "kept"] += 1
        if sent:
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    return counts


def _messages(sqs: Any, url: str) -> Iterator[Mapping[str, Any]]:
    """What lies there now, each once: a message that stays is hidden until long after."""
    while True:
        answer = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=300, WaitTimeSeconds=1
        )
        if not answer.get("Messages"):
            return
        yield from answer["Messages"]


def _repeat_stream(body: str, function: str, client: Client) -> bool:
    """Gives a stretch of the stream to the room again; False when it failed or is gone.

    A hundred at a time, as notify's mapping does, which has 30 s for them. Both rooms may see
    records again.
    """
    place = json.loads(body).get("DDBStreamBatchInfo", {})
    try:
        for records in _stretch(place, client("dynamodbstreams")):
            for first in range(0, len(records), RECORDS_A_CALL):
                some = records[first : first + RECORDS_A_CALL]
                payload = json.dumps({"Records": some}, default=_plain)
                done = client("lambda").invoke(FunctionName=function, Payload=payload)
                if "FunctionError" in done:
                    return False
    except (LookupError, ClientError):
        return False
    return True


def _stretch(place: Mapping[str, Any], streams: Any) -> Iterator[list[Any]]:
    """The records of a place in the stream, as Lambda would hand them over, in pages."""
    iterator = streams.get_shard_iterator(
        StreamArn=place["streamArn"],
        ShardId=place.get("shardId") or _shard_of(place, streams),
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=place["startSequenceNumber"],
    )["ShardIterator"]
    last, empty = int(place["endSequenceNumber"]), 0
    while iterator and empty < EMPTY_PAGES:
        answer = streams.get_records(ShardIterator=iterator, Limit=1_000)
        iterator = answer.get("NextShardIterator")
        found = answer["Records"]
        empty = 0 if found else empty + 1
        if wanted := [_as_lambda(one) for one in found if _sequence(one) <= last]:
            yield wanted
        if found and _sequence(found[-1]) >= last:
            return
    raise LookupError("the stream does not have all of it any more")


def _shard_of(place: Mapping[str, Any], streams: Any) -> str:
    """The shard that has this place; the room itself is not told it. Raises LookupError."""
    number, start = int(place["startSequenceNumber"]), None
    while True:
        more: dict[str, Any] = {"ExclusiveStartShardId": start} if start else {}
        told = streams.describe_stream(StreamArn=place["streamArn"], **more)["StreamDescription"]
        for shard in told["Shards"]:
            numbers = shard["SequenceNumberRange"]
            last = numbers.get("EndingSequenceNumber")
            if int(numbers["StartingSequenceNumber"]) <= number <= int(last or number):
                found: str = shard["ShardId"]
                return found
        start = told.get("LastEvaluatedShardId")
        if start is None:
            raise LookupError("no shard of the stream has it any more")


def _as_lambda(record: Mapping[str, Any]) -> dict[str, Any]:
    """Lambda spells the names of who removed an item in lower case."""
    who = record.get("userIdentity")
    if who is None:
        return dict(record)
    return {**record, "userIdentity": {name[0].lower() + name[1:]: who[name] for name in who}}


def _sequence(record: Mapping[str, Any]) -> int:
    return int(record["dynamodb"]["SequenceNumber"])


def _plain(value: Any) -> Any:
    """As Lambda has stream records: bytes in base64, times in seconds."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.timestamp()


# -- the command ----------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Prints what was sent again. Exit code 2 when the environment is not right."""
    arguments = _arguments(argv)
    try:
        if arguments.what == "traces":
            counts = redrive_traces(
                _api(arguments.api, arguments.key), arguments.since, dry_run=arguments.dry_run
            )
        else:
            found = boto3.client("cloudformation").describe_stacks(StackName=arguments.stack)
            outputs = {o["OutputKey"]: o["OutputValue"] for o in found["Stacks"][0]["Outputs"]}
            counts = redrive_queue(arguments.name, outputs, _client, dry_run=arguments.dry_run)
    except (NoRegionError, NoCredentialsError) as error:
        print(
            f"redrive: {error} For the local stack, see docs/local-stack.md#tools.", file=sys.stderr
        )
        return 2
    except (CannotRedrive, ClientError, BotoCoreError, httpx.HTTPError) as error:
        print(f"redrive: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(json.dumps(counts))
    return 0


def _client(service: str) -> Any:
    return boto3.client(service)  # type: ignore[call-overload] # any service


def _api(url: str, key: str) -> Call:
    client = httpx.Client(
        base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=40, trust_env=False
    )

    def call(method: str, path: str) -> tuple[int, Mapping[str, Any]]:
        answer = client.request(method, path)
        return answer.status_code, answer.json()

    return call


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """`--since -24h` is as good as `--since=-24h`: argparse alone takes `-24h` for an option."""
    given = list(sys.argv[1:] if argv is None else argv)
    if "--since" in given[:-1]:
        place = given.index("--since")
        given[place : place + 2] = [f"--since={given[place + 1]}"]
    parser = argparse.ArgumentParser(prog="python -m tools.redrive", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    kinds = parser.add_subparsers(dest="what", required=True)
    traces = kinds.add_parser("traces", help="what sweep wrote back to traces")
    traces.add_argument("--api", required=True, help="the API's address")
    traces.add_argument("--key", default=os.environ.get("HOOKTRACE_KEY"), help="a key with `write`")
    traces.add_argument("--since", default="-24h")
    queue = kinds.add_parser("queue", help="what lies in a dead-letter queue")
    queue.add_argument("name", help="Match, Deliver, Slow, Notify, ...")
    queue.add_argument("--stack", default=os.environ.get("HOOKTRACE_STACK", "Hooktrace"))
    for one in (traces, queue):
        one.add_argument("--dry-run", action="store_true", help="only say how many there are")
    return parser.parse_args(given)


if __name__ == "__main__":
    sys.exit(main())
