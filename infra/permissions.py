"""Room -> what its role may do. The one table of it: the stack grants it, the tests hold it.

Reading its queue (an SQS mapping), its stream and writing its log come with the wiring and are
listed here too, so that a role's actions are exactly those of this table.
"""

from __future__ import annotations

from dataclasses import dataclass

READ = ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query")
CONDITIONAL = ("dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate")
PUT = ("dynamodb:BatchWriteItem", "dynamodb:PutItem")
LEDGER_WRITE = (*READ, *PUT, *CONDITIONAL, "dynamodb:UpdateItem")
# A transaction is allowed by the actions it is made of.
REGISTRY_WRITE = (
    *READ,
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
)

CONSUME = (
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
)
SEND = ("sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage")
STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
LIST_STREAMS = ("dynamodb:ListStreams",)
LOG = ("logs:CreateLogStream", "logs:PutLogEvents")
PUT_EVENTS = ("events:PutEvents",)

BODIES, SNAPSHOTS = "bodies/", "snapshots/"
GET, PUT_OBJECT, DELETE_OBJECT = "s3:GetObject", "s3:PutObject", "s3:DeleteObject"


@dataclass(frozen=True, slots=True)
class Permissions:
    """`objects`: prefix of the bucket -> actions. Queue names are those of `Queues`."""

    ledger: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    registry: tuple[str, ...] = ()
    sends: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    objects: tuple[tuple[str, tuple[str, ...]], ...] = ()
    stream: bool = False
    bus: bool = False

    @property
    def actions(self) -> frozenset[str]:
        """Every action that the room's role holds, on whatever resource."""
        return frozenset(
            {
                *LOG,
                *self.ledger,
                *self.registry,
                *(SEND if self.sends else ()),
                *(CONSUME if self.consumes else ()),
                *(action for _, actions in self.objects for action in actions),
                *((*STREAM, *LIST_STREAMS, *SEND) if self.stream else ()),
                *(PUT_EVENTS if self.bus else ()),
            }
        )


READ_OBJECTS = ((BODIES, (GET,)), (SNAPSHOTS, (GET,)))
KEEP_SNAPSHOTS = (SNAPSHOTS, (GET, PUT_OBJECT, DELETE_OBJECT))

ROOMS: dict[str, Permissions] = {
    "ingest": Permissions(
        ledger=LEDGER_WRITE,
        registry=READ,
        sends=("match",),
        objects=((BODIES, (GET, PUT_OBJECT)), (SNAPSHOTS, (GET,))),
    ),
    "match": Permissions(
        ledger=LEDGER_WRITE,
        registry=READ,
        sends=("deliver", "slow"),
        consumes=("match",),
        objects=READ_OBJECTS,
    ),
    "deliver": Permissions(
        ledger=LEDGER_WRITE,
        registry=REGISTRY_WRITE,
        sends=("deliver", "slow"),
        consumes=("deliver", "slow"),
        objects=READ_OBJECTS,
    ),
    "notify": Permissions(
        ledger=LEDGER_WRITE, registry=READ, sends=("deliver",), stream=True, bus=True
    ),
    "sweep": Permissions(
        ledger=LEDGER_WRITE,
        indexes=("due",),
        registry=REGISTRY_WRITE,
        sends=("match", "deliver", "slow"),
        consumes=("match_dlq", "deliver_dlq", "slow_dlq"),
        objects=((BODIES, (GET,)), KEEP_SNAPSHOTS),
    ),
    "query": Permissions(
        ledger=(*READ, "dynamodb:PartiQLInsert"),  # the lists' signing key, once
        indexes=("by_endpoint", "attention"),
        registry=READ,
        objects=READ_OBJECTS,
    ),
    "manage": Permissions(
        ledger=LEDGER_WRITE,
        indexes=("by_endpoint", "attention", "due"),
        registry=REGISTRY_WRITE,
        sends=("match", "deliver", "slow"),
        objects=((BODIES, (GET,)), KEEP_SNAPSHOTS),
    ),
}
