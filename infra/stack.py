"""The stack, in the order an event goes through it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.api import Api
from infra.bus import Bus
from infra.cache import Network, TraceCache
from infra.function import Room, Surroundings
from infra.log_group import log_group
from infra.observability import Observability
from infra.queues import MATCH_TIMEOUT_SECONDS, OPERATE_TIMEOUT_SECONDS, Queues
from infra.schedule import Schedule
from infra.secrets_key import secrets_key
from infra.settings import Settings
from infra.storage import Storage
from infra.workers import Workers

API_TIMEOUT_SECONDS = 29  # API Gateway gives up at 30
ARCHIVE_TIMEOUT_SECONDS = 300  # up to a thousand objects, one after the other


class HooktraceStack(cdk.Stack):
    """API -> ingest -> match -> deliver; the ledger's stream -> notify (and archive); sweep."""

    def __init__(self, scope: Construct, name: str, *, settings: Settings) -> None:
        super().__init__(
            scope,
            name,
            description="Hooktrace, a webhook gateway",
            synthesizer=cdk.CliCredentialsStackSynthesizer() if settings.cli_credentials else None,
        )
        storage = Storage(self, "Storage", settings=settings)
        queues = Queues(self, "Queues", settings=settings)
        bus = Bus(self, "Bus")
        code = lambda_.Code.from_asset(str(settings.bundle))
        key = secrets_key(self, settings)
        self._around = Surroundings(settings, storage, queues, bus, key, code)
        sealing = {"SECRETS_KEY_ARN": key.key_arn}
        match_url = {"MATCH_QUEUE_URL": queues.match.queue_url}
        deliver_url = {"DELIVER_QUEUE_URL": queues.deliver.queue_url}
        lanes = deliver_url | {"SLOW_QUEUE_URL": queues.slow.queue_url}
        operate_url = {"OPERATE_QUEUE_URL": queues.operate.queue_url}
        loopback = {"ALLOW_LOOPBACK": "true" if settings.allow_loopback else "false"}
        dead_letters = {
            "MATCH_DLQ_URL": queues.match_dlq.queue_url,
            "DELIVER_DLQ_URL": queues.deliver_dlq.queue_url,
            "SLOW_DLQ_URL": queues.slow_dlq.queue_url,
            "OPERATE_DLQ_URL": queues.operate_dlq.queue_url,
        }
        audit = {
            "AUDIT_FIRST_SECONDS": str(settings.audit_first_seconds),
            "AUDIT_SECOND_SECONDS": str(settings.audit_second_seconds),
        }
        bodies = {"DELETES_BODIES": "true" if settings.archive == "off" else "false"}
        statistics = {"STATISTICS": "true" if settings.statistics else "false"}
        extra_ca = {"EXTRA_CA_FILE": settings.extra_ca_file} if settings.extra_ca_file else {}

        holds_subscriptions = settings.matching_memory_mb
        waiters = {"MAX_WAITERS": str(settings.max_waiters)}
        ingest = self._api_room(
            "ingest", match_url | waiters | {"MAX_BODY_BYTES": str(settings.max_body_bytes)}
        )
        match = self._room(
            "match", MATCH_TIMEOUT_SECONDS, match_url | deliver_url, holds_subscriptions
        )
        deliver = self._room(
            "deliver", settings.deliver_timeout_seconds, lanes | loopback | sealing | extra_ca
        )
        told = {
            "BUS_NAME": bus.bus.event_bus_name,
            "NOTIFY_DLQ_URL": queues.notify_dlq.queue_url,
        }
        notify = self._room("notify", 30, deliver_url | statistics | bodies | told)
        sweep = self._room(
            "sweep",
            55,
            match_url | deliver_url | operate_url | dead_letters | audit,
            holds_subscriptions,
        )
        cache = TraceCache(self, "TraceCache", settings=settings) if settings.trace_cache else None
        cached = {"TRACE_CACHE_URL": cache.url} if cache else {}
        query = self._api_room(
            "query", statistics | waiters | cached, cache.network if cache else None
        )
        manage = self._api_room("manage", deliver_url | operate_url | loopback | sealing)
        for room in (manage, notify) if cache else ():
            room.may_have_forgotten(query)
        pace = {"OPERATE_ITEMS_PER_SECOND": str(settings.operation_items_per_second)}
        operate = self._room(
            "operate",
            OPERATE_TIMEOUT_SECONDS,
            deliver_url | operate_url | pace,
            holds_subscriptions,
        )
        archive = self._archive_room(storage)

        api = Api(
            self,
            "Api",
            settings=settings,
            access_log=log_group(self, "AccessLog", settings),
            ingest=ingest,
            query=query,
            manage=manage,
        )
        Workers(
            self,
            "Workers",
            storage=storage,
            queues=queues,
            match=match,
            deliver=deliver,
            notify=notify,
            operate=operate,
            archive=archive,
        )
        Schedule(self, "Schedule", sweep=sweep)
        rooms = [ingest, match, deliver, notify, sweep, query, manage, operate]
        rooms += [archive] if archive else []
        watched = Observability(
            self,
            "Observability",
            settings=settings,
            rooms=rooms,
            queues=queues,
            storage=storage,
            api=api,
        )
        self._tell(api, rooms, watched)

    def _archive_room(self, storage: Storage) -> Room | None:
        if storage.archive is None:
            return None
        with_data = "true" if self._around.settings.archive == "data" else "false"
        environment = {"ARCHIVE_BUCKET": storage.archive.bucket_name, "ARCHIVE_DATA": with_data}
        return self._room("archive", ARCHIVE_TIMEOUT_SECONDS, environment)

    def _room(
        self, name: str, timeout_seconds: int, environment: dict[str, str], memory_mb: int = 256
    ) -> Room:
        return Room(
            self,
            name,
            around=self._around,
            timeout_seconds=timeout_seconds,
            memory_mb=memory_mb,
            environment=environment,
        )

    def _api_room(
        self, name: str, environment: dict[str, str], network: Network | None = None
    ) -> Room:
        return Room(
            self,
            name,
            around=self._around,
            timeout_seconds=API_TIMEOUT_SECONDS,
            memory_mb=512,
            environment=environment,
            network=network,
        )

    def _tell(self, api: Api, rooms: list[Room], watched: Observability) -> None:
        """Outputs: what tools and operators need to find things."""
        storage, queues = self._around.storage, self._around.queues
        told = {
            "ApiId": api.api.api_id,
            "ApiUrl": api.api.api_endpoint,
            "LedgerTable": storage.ledger.table_name,
            "RegistryTable": storage.registry.table_name,
            "BlobsBucket": storage.blobs.bucket_name,
            "BusName": self._around.bus.bus.event_bus_name,
            "AlarmTopicArn": watched.alarms.topic.topic_arn,
            "MatchQueueUrl": queues.match.queue_url,
            "DeliverQueueUrl": queues.deliver.queue_url,
            "SlowQueueUrl": queues.slow.queue_url,
            "OperateQueueUrl": queues.operate.queue_url,
        }
        if storage.archive is not None:
            told["ArchiveBucket"] = storage.archive.bucket_name
        told |= {
            f"{lane.title()}DlqUrl": queue.queue_url for lane, queue in queues.dead_letters.items()
        }
        told |= {f"{room.name.title()}Function": room.function.function_name for room in rooms}
        for name, value in told.items():
            cdk.CfnOutput(self, name, value=value)
