"""Queues on SQS: batches of ten and of at most 1 MiB, failures told apart per entry."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from hooktrace.adapters.refusals import named
from hooktrace.domain.errors import Unavailable, Unsent
from hooktrace.domain.messages import Task, encode
from hooktrace.domain.retry import QUEUE_DELAY_MAX_SECONDS, return_seconds

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BATCH_ENTRIES = 10
BATCH_BYTES = 1_000_000
TRIES = 3

_Entry = tuple[int, str, int]
"""A message: its position among those to send, its body, its delay in seconds."""


class SqsQueue:
    """Fulfils `hooktrace.ports.TaskQueue`."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client: Any = client
        self._url = url

    def send(self, tasks: Sequence[tuple[Task, int]]) -> None:
        """Sends all tasks; entries that are refused are tried again, then Unsent names them.

        A call that is refused keeps no other batch from being sent; when the queue hangs, no other
        is worth its time-out.
        """
        open_entries = {
            number: (number, encode(task), min(delay, QUEUE_DELAY_MAX_SECONDS))
            for number, (task, delay) in enumerate(tasks)
        }
        why = "some were refused"
        try:
            for _ in range(TRIES):
                for batch in _batches(list(open_entries.values())):
                    try:
                        taken = self._send_batch(batch)
                    except ClientError as error:
                        why, taken = named(error), []
                    for number in taken:
                        del open_entries[number]
                if not open_entries:
                    return
        except BotoCoreError as error:
            why = named(error)
        unsent = frozenset(open_entries)
        raise Unsent(f"the queue did not take {len(unsent)} messages: {why}", unsent)

    def _send_batch(self, batch: list[_Entry]) -> list[int]:
        """The positions of the entries that are taken.

        Raises ClientError for a call that is refused, BotoCoreError when the queue hangs.
        """
        entries = [
            {"Id": str(number), "MessageBody": body, "DelaySeconds": delay}
            for number, (_, body, delay) in enumerate(batch)
        ]
        answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        refused = {int(failed["Id"]) for failed in answer.get("Failed", [])}
        return [entry[0] for number, entry in enumerate(batch) if number not in refused]


class SqsReturns:
    """What of a batch must come back is seen again soon, not after six times the function's time.

    What held a message up is mostly short: a throttle, the lease of a duplicate.
    """

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client: Any = client
        self._url = url

    def hasten(self, event: Mapping[str, Any], message_ids: Collection[str]) -> None:
        """Those messages of an SQS event come back as `return_seconds` says.

        Never raises: where the call fails, the queue's own time counts, and for the rest, too.
        """
        entries = []
        for record in event["Records"] if message_ids else ():
            receives = record.get("attributes", {}).get("ApproximateReceiveCount", "0")
            seconds = return_seconds(int(receives))
            if record["messageId"] in message_ids and seconds is not None:
                entries.append((record["receiptHandle"], seconds))
        for start in range(0, len(entries), BATCH_ENTRIES):
            batch = [
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                for number, (handle, seconds) in enumerate(entries[start : start + BATCH_ENTRIES])
            ]
            try:
                self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=batch)
            except (ClientError, BotoCoreError):
                return


class SqsDeadLetters:
    """Fulfils `DeadLetters` of the sweep: reads a dead-letter queue without waiting."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client: Any = client
        self._url = url

    def receive(self) -> list[tuple[str, str]]:
        try:
            answer = self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=0
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"the dead-letter queue did not answer: {named(error)}") from error
        return [(m["ReceiptHandle"], m["Body"]) for m in answer.get("Messages", [])]

    def put(self, body: str) -> None:
        """Adds a letter. Raises Unavailable."""
        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=body)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"the dead-letter queue did not answer: {named(error)}") from error

    def delete(self, handle: str) -> None:
        try:
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=handle)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"the dead-letter queue did not answer: {named(error)}") from error


def _batches(waiting: list[_Entry]) -> list[list[_Entry]]:
    batches: list[list[_Entry]] = []
    size = BATCH_BYTES
    for entry in waiting:
        length = len(entry[1].encode())
        if not batches or len(batches[-1]) == BATCH_ENTRIES or size + length > BATCH_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(entry)
        size += length
    return batches
