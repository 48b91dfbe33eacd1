"""What wakes the rooms behind the API: queues and the ledger's stream."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.function import Room
from infra.queues import Queues
from infra.storage import Storage

STREAM_RECORD_AGE = cdk.Duration.hours(20)
STREAM_FILTER = {
    "eventName": ["INSERT", "MODIFY"],
    "dynamodb": {"Keys": {"SK": {"S": [{"prefix": f"{kind}#"} for kind in "EDHO"]}}},
}
BY_TTL = {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]}
LARGE_FILTER = {
    "eventName": ["REMOVE"],
    "userIdentity": BY_TTL,
    "dynamodb": {"Keys": {"SK": {"S": [{"prefix": "E#"}]}}, "OldImage": {"p": {"S": ["s3"]}}},
}
EXPIRED_FILTER = {
    "eventName": ["REMOVE"],
    "userIdentity": BY_TTL,
    "dynamodb": {"Keys": {"SK": {"S": [{"prefix": f"{kind}#"} for kind in "EDBA"]}}},
}
ARCHIVE_WINDOW = cdk.Duration.minutes(5)


class Workers(Construct):
    """Event source mappings. Their permissions are in `infra.permissions`."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        storage: Storage,
        queues: Queues,
        match: Room,
        deliver: Room,
        notify: Room,
        operate: Room,
        archive: Room | None = None,
    ) -> None:
        super().__init__(scope, name)
        self._read_queue("Match", queues.match, match, batch=10, concurrency=50)
        self._read_queue("Deliver", queues.deliver, deliver, batch=10, concurrency=50)
        # Endpoints that hang: many to an invocation, for a hang costs what the function waits.
        self._read_queue("Slow", queues.slow, deliver, batch=100, concurrency=20, window_seconds=1)
        # Bulk work: few at a time, so that it never takes what live traffic needs.
        self._read_queue("Operate", queues.operate, operate, batch=1, concurrency=2)
        self._read_changes(storage, queues.notify_dlq, notify, with_bodies=archive is None)
        if archive is not None:
            assert queues.archive_dlq is not None
            self._read_expired(storage, queues.archive_dlq, archive)

    def _read_queue(
        self,
        name: str,
        queue: sqs.Queue,
        room: Room,
        *,
        batch: int,
        concurrency: int,
        window_seconds: int = 0,
    ) -> None:
        mapping = lambda_.EventSourceMapping(
            self,
            name,
            target=room.entry,
            event_source_arn=queue.queue_arn,
            batch_size=batch,
            max_batching_window=cdk.Duration.seconds(window_seconds),
            max_concurrency=concurrency,
            report_batch_item_failures=True,
        )
        mapping.node.add_dependency(room.role)

    def _read_changes(
        self, storage: Storage, failures: sqs.Queue, notify: Room, *, with_bodies: bool
    ) -> None:
        """Only what was put or changed. Of what TTL removes, only events whose body is in S3, and
        only where no archive sees to it: each pattern lets in what it names.

        A batch fails only while a store, a queue or the bus does not answer. It is tried again
        for as long as leaves four hours of the stream's day to send it again by hand.
        """
        patterns = [STREAM_FILTER, LARGE_FILTER] if with_bodies else [STREAM_FILTER]
        self._read_stream(
            "Stream",
            storage,
            notify,
            failures,
            batch_size=100,
            max_record_age=STREAM_RECORD_AGE,
            filters=[{"pattern": json.dumps(pattern)} for pattern in patterns],
        )

    def _read_expired(self, storage: Storage, failures: sqs.Queue, archive: Room) -> None:
        """What DynamoDB removed since its time was over. It exists nowhere else any more: tried
        again for as long as leaves four hours of the stream's day to send it again by hand."""
        self._read_stream(
            "Expired",
            storage,
            archive,
            failures,
            batch_size=1_000,
            max_batching_window=ARCHIVE_WINDOW,
            max_record_age=STREAM_RECORD_AGE,
            filters=[{"pattern": json.dumps(EXPIRED_FILTER)}],
        )

    def _read_stream(
        self, name: str, storage: Storage, room: Room, failures: sqs.Queue, **how: Any
    ) -> None:
        mapping = lambda_.EventSourceMapping(
            self,
            name,
            target=room.entry,
            event_source_arn=storage.ledger.table_stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            bisect_batch_on_error=True,
            on_failure=event_sources.SqsDlq(failures),
            **how,
        )
        mapping.node.add_dependency(room.role)
