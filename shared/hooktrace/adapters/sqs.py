"""Queues on SQS: batches of ten and of at most 1 MiB, failures told apart per entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from hooktrace.adapters.refusals import named
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.messages import Task, encode
from hooktrace.domain.retry import QUEUE_DELAY_MAX_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BATCH_ENTRIES = 10
BATCH_BYTES = 1_000_000
TRIES = 3


class SqsQueue:
    """Fulfils `hooktrace.ports.TaskQueue`."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client: Any = client
        self._url = url

    def send(self, tasks: Sequence[tuple[Task, int]]) -> None:
        """Sends all tasks; entries that are refused are tried again, then Unavailable."""
        waiting = [(encode(task), min(delay, QUEUE_DELAY_MAX_SECONDS)) for task, delay in tasks]
        for _ in range(TRIES):
            refused: list[tuple[str, int]] = []
            for batch in _batches(waiting):
                refused += self._send_batch(batch)
            if not refused:
                return
            waiting = refused
        raise Unavailable(f"the queue refused {len(waiting)} messages")

    def _send_batch(self, batch: list[tuple[str, int]]) -> list[tuple[str, int]]:
        entries = [
            {"Id": str(number), "MessageBody": body, "DelaySeconds": delay}
            for number, (body, delay) in enumerate(batch)
        ]
        try:
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"the queue did not answer: {named(error)}") from error
        return [batch[int(failed["Id"])] for failed in answer.get("Failed", [])]


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

    def delete(self, handle: str) -> None:
        try:
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=handle)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"the dead-letter queue did not answer: {named(error)}") from error


def _batches(waiting: list[tuple[str, int]]) -> list[list[tuple[str, int]]]:
    batches: list[list[tuple[str, int]]] = []
    size = BATCH_BYTES
    for entry in waiting:
        length = len(entry[0].encode())
        if not batches or len(batches[-1]) == BATCH_ENTRIES or size + length > BATCH_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(entry)
        size += length
    return batches
