"""How trouble is learned of, and its cause found: alarms, a dashboard, saved queries."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.alarm_table import Thresholds, alarm_table
from infra.alarms import Alarms
from infra.api import Api
from infra.dashboard import Dashboard
from infra.function import Room
from infra.permissions import ALL_ROOMS
from infra.queues import Queues
from infra.saved_queries import SavedQueries
from infra.settings import Settings
from infra.storage import Storage


class Observability(Construct):
    """All of it is made from the lists of rooms, queues and tables: a new one is watched too."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        settings: Settings,
        rooms: Sequence[Room],
        queues: Queues,
        storage: Storage,
        api: Api,
    ) -> None:
        super().__init__(scope, name)
        by_name = queues_by_name(queues)
        dimensions = {f"room:{r.name}": {"FunctionName": r.function.function_name} for r in rooms}
        dimensions |= {f"queue:{n}": {"QueueName": q.queue_name} for n, q in by_name.items()}
        dimensions |= {
            "table:Ledger": {"TableName": storage.ledger.table_name},
            "table:Registry": {"TableName": storage.registry.table_name},
            "api": {"ApiId": api.api.api_id},
        }
        table = alarm_table(
            rooms=[room.name for room in rooms],
            queues=by_name,
            drained=[_camel(name) for room in rooms for name in ALL_ROOMS[room.name].drains],
            streams=[room.name for room in rooms if ALL_ROOMS[room.name].stream],
            tables=("Ledger", "Registry"),
            thresholds=Thresholds(
                delivered_seconds=settings.alarm_delivered_seconds,
                discard_percent=settings.alarm_discard_percent,
                failure_percent=settings.alarm_failure_percent,
            ),
        )
        self.alarms = Alarms(self, "Alarms", settings=settings, table=table, dimensions=dimensions)
        if settings.dashboard:
            Dashboard(self, "Dashboard", dimensions=dimensions, alarms=self.alarms.alarms)
        if settings.saved_queries:
            SavedQueries(self, "Queries", log_groups={room.name: room.log_group for room in rooms})


def queues_by_name(queues: Queues) -> dict[str, sqs.Queue]:
    """Every queue of the stack by its name in it; dead-letter queues end in "Dlq"."""
    return {child.node.id: child for child in queues.node.children if isinstance(child, sqs.Queue)}


def _camel(name: str) -> str:
    """`match_dlq` -> `MatchDlq`, as the queue is named in the stack."""
    return "".join(part.title() for part in name.split("_"))
