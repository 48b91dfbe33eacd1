"""Room -> what its role may do. The one table of it: the stack grants it, the tests hold it.

Reading its queue (an SQS mapping), its stream and writing its log come with the wiring and are
listed here too, so that a role's actions are exactly those of this table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

# As the adapters call them: items are read in batches, and written as PartiQL statements, each
# with its condition, or unconditionally in batches. A transaction needs what it is made of.
GET = ("dynamodb:BatchGetItem",)
READ = (*GET, "dynamodb:Query")
INSERT, UPDATE = "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"
STORE = "dynamodb:BatchWriteItem"
WRITE = (*GET, INSERT, UPDATE)
CHECK, DELETE, PUT = "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem"

# What must come back is made visible again by the room itself.
CONSUME = (
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
)
DRAIN = ("sqs:DeleteMessage", "sqs:ReceiveMessage")
SEND = ("sqs:SendMessage",)
# The CDK grants these for the queue that a stream mapping's failures go to.
ON_FAILURE = ("sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage")
STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
LIST_STREAMS = ("dynamodb:ListStreams",)
LOG = ("logs:CreateLogStream", "logs:PutLogEvents")

# With the setting `tracing` alone; the CDK grants them too.
TRACE = ("xray:PutTelemetryRecords", "xray:PutTraceSegments")

BODIES, SNAPSHOTS = "bodies/", "snapshots/"
PUT_EVENTS = ("events:PutEvents",)
DATA_KEY, UNWRAP = "kms:GenerateDataKey", "kms:Decrypt"
GET_OBJECT, PUT_OBJECT = "s3:GetObject", "s3:PutObject"
DELETE_OBJECT = ("s3:DeleteObject", "s3:DeleteObjectVersion")
LIST_VERSIONS = ("s3:ListBucketVersions",)
# Without it S3 answers 403 for an object that is not there: a wrong policy would look the same. No
# condition on a prefix: a request for an object has none to compare.
SEE_WHAT_IS_MISSING = ("s3:ListBucket",)


@dataclass(frozen=True, slots=True)
class Permissions:
    """`objects`: prefix of the bucket -> actions, `bucket`: those on the bucket itself, beside what
    reading objects needs of it. Queue names are those of `Queues`.

    `consumes`: queues that Lambda reads for the room; `drains`: those that its code reads.
    `secrets`: what it may ask of the key that wraps the data keys of secrets. `archive`: it puts
    objects into the archive's bucket.
    """

    ledger: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    registry: tuple[str, ...] = ()
    sends: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    drains: tuple[str, ...] = ()
    objects: tuple[tuple[str, tuple[str, ...]], ...] = ()
    bucket: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    stream: bool = False
    bus: bool = False
    archive: bool = False

    @property
    def bucket_actions(self) -> tuple[str, ...]:
        """What the role may do on the bucket itself."""
        reads = any(GET_OBJECT in actions for _, actions in self.objects)
        return (*self.bucket, *(SEE_WHAT_IS_MISSING if reads else ()))

    @property
    def actions(self) -> frozenset[str]:
        """Every action that the room's role holds, on whatever resource."""
        return frozenset(
            {
                *LOG,
                *self.ledger,
                *(("dynamodb:Query",) if self.indexes else ()),
                *self.registry,
                *(SEND if self.sends else ()),
                *(CONSUME if self.consumes else ()),
                *(DRAIN if self.drains else ()),
                *(action for _, actions in self.objects for action in actions),
                *self.bucket_actions,
                *self.secrets,
                *((*STREAM, *LIST_STREAMS, *ON_FAILURE) if self.stream else ()),
                *(PUT_EVENTS if self.bus else ()),
                *((PUT_OBJECT,) if self.archive else ()),
            }
        )


# As in AWS's managed policy AWSLambdaVPCAccessExecutionRole.
IN_VPC = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
FORGET = ("lambda:InvokeFunction",)
# What comes on top with the setting `trace_cache`: query runs in a VPC, the others call it.
WITH_TRACE_CACHE: dict[str, tuple[str, ...]] = {
    "query": IN_VPC,
    "manage": FORGET,
    "notify": FORGET,
}

READ_BODIES, READ_SNAPSHOTS = (BODIES, (GET_OBJECT,)), (SNAPSHOTS, (GET_OBJECT,))

ROOMS: dict[str, Permissions] = {
    "ingest": Permissions(
        ledger=(*WRITE, STORE),
        registry=READ,
        sends=("match",),
        objects=((BODIES, (PUT_OBJECT,)), READ_SNAPSHOTS),  # strict ingest matches too
    ),
    "match": Permissions(
        ledger=(*WRITE, STORE),
        registry=READ,
        sends=("deliver",),
        consumes=("match",),
        # It makes the event anew, body and all, when its record is lost.
        objects=((BODIES, (GET_OBJECT, PUT_OBJECT)), READ_SNAPSHOTS),
    ),
    "deliver": Permissions(
        ledger=(*WRITE, STORE),
        registry=(*GET, PUT),  # 410, or 5 days of failures, disable the endpoint
        sends=("deliver", "slow"),
        consumes=("deliver", "slow"),
        objects=(READ_BODIES,),
        secrets=(UNWRAP,),  # it reads endpoints, and carries what is sealed through
    ),
    "notify": Permissions(
        ledger=WRITE,  # inserts: statistics, and the events of operational webhooks
        registry=GET,
        sends=("deliver", "notify_dlq"),  # the latter names records that cannot be read
        objects=((BODIES, DELETE_OBJECT),),  # a large body goes with its event
        bucket=LIST_VERSIONS,
        stream=True,
        bus=True,
    ),
    "sweep": Permissions(
        ledger=(*WRITE, STORE, "dynamodb:Query"),
        indexes=("due", "attention"),
        registry=(*READ, DELETE, PUT),
        sends=("match", "deliver", "operate"),
        drains=("match_dlq", "deliver_dlq", "slow_dlq", "operate_dlq"),
        objects=((SNAPSHOTS, (GET_OBJECT, PUT_OBJECT)),),
    ),
    "query": Permissions(
        # The key that signs the lists' cursors, once; the slots of those who wait.
        ledger=(*READ, INSERT, UPDATE),
        indexes=("by_endpoint", "attention"),
        registry=GET,
        objects=(READ_BODIES,),
    ),
    "manage": Permissions(
        ledger=(*WRITE, STORE, "dynamodb:Query"),
        indexes=("by_endpoint", "attention"),  # health, and what a disabled endpoint had pending
        registry=(*READ, CHECK, DELETE, PUT),
        sends=("deliver", "operate"),
        # A replay matches too; an expunge deletes every version of a body.
        objects=((BODIES, (GET_OBJECT, *DELETE_OBJECT)), READ_SNAPSHOTS),
        bucket=LIST_VERSIONS,
        secrets=(DATA_KEY, UNWRAP),
    ),
    "operate": Permissions(
        ledger=(*WRITE, STORE, "dynamodb:Query"),
        indexes=("by_endpoint", "attention"),
        registry=READ,
        sends=("deliver", "operate"),
        consumes=("operate",),
        objects=(READ_BODIES, READ_SNAPSHOTS),
    ),
}

# With the setting `archive` alone: large bodies go once the archive has kept them.
WITH_ARCHIVE: dict[str, Permissions] = {
    "archive": Permissions(
        objects=((BODIES, (GET_OBJECT, *DELETE_OBJECT)),),
        bucket=LIST_VERSIONS,
        stream=True,
        archive=True,
    ),
    "notify": replace(ROOMS["notify"], objects=(), bucket=()),
}
ALL_ROOMS = ROOMS | WITH_ARCHIVE
