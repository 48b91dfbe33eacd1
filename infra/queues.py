"""The queues of the pipeline, each with its dead-letter queue, and the streams' failures."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.acknowledge import acknowledge
from infra.settings import Settings

MATCH_TIMEOUT_SECONDS = 60
OPERATE_TIMEOUT_SECONDS = 60
MAX_RECEIVES = 5
DEAD_LETTERS_KEPT = cdk.Duration.days(14)


class Queues(Construct):
    """match, deliver, slow and operate; what fails five times lands in the queue's own DLQ."""

    def __init__(self, scope: Construct, name: str, *, settings: Settings) -> None:
        super().__init__(scope, name)
        self._multiplier = settings.visibility_multiplier
        deliver_seconds = settings.deliver_timeout_seconds
        self.match_dlq = self._dead_letters("MatchDlq")
        self.deliver_dlq = self._dead_letters("DeliverDlq")
        self.slow_dlq = self._dead_letters("SlowDlq")
        self.operate_dlq = self._dead_letters("OperateDlq")
        self.notify_dlq = self._stream_failures("NotifyDlq")
        archives = settings.archive != "off"
        self.archive_dlq = self._stream_failures("ArchiveDlq") if archives else None
        self.match = self._queue("Match", MATCH_TIMEOUT_SECONDS, self.match_dlq)
        self.deliver = self._queue("Deliver", deliver_seconds, self.deliver_dlq)
        self.slow = self._queue("Slow", deliver_seconds, self.slow_dlq)
        self.operate = self._queue("Operate", OPERATE_TIMEOUT_SECONDS, self.operate_dlq)

    @property
    def dead_letters(self) -> dict[str, sqs.Queue]:
        found = {
            "match": self.match_dlq,
            "deliver": self.deliver_dlq,
            "slow": self.slow_dlq,
            "operate": self.operate_dlq,
            "notify": self.notify_dlq,
        }
        return found | ({"archive": self.archive_dlq} if self.archive_dlq else {})

    def _stream_failures(self, name: str) -> sqs.Queue:
        queue = self._dead_letters(name)
        acknowledge(
            queue,
            "AwsSolutions-SQS3",
            "it is a dead-letter queue: that of a stream mapping, where the rule does not look",
        )
        return queue

    def _dead_letters(self, name: str) -> sqs.Queue:
        return sqs.Queue(
            self,
            name,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=DEAD_LETTERS_KEPT,
        )

    def _queue(self, name: str, function_seconds: int, dead_letters: sqs.Queue) -> sqs.Queue:
        return sqs.Queue(
            self,
            name,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(4),
            visibility_timeout=cdk.Duration.seconds(self._multiplier * function_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=dead_letters, max_receive_count=MAX_RECEIVES
            ),
        )
