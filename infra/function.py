"""The only Lambda factory: log group, environment, a role of its own with what the table allows."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.acknowledge import acknowledge
from infra.bus import Bus
from infra.cache import Network
from infra.log_group import log_group
from infra.permissions import (
    ALL_ROOMS,
    CONSUME,
    DRAIN,
    FORGET,
    IN_VPC,
    LIST_STREAMS,
    LOG,
    PUT_EVENTS,
    PUT_OBJECT,
    ROOMS,
    SEND,
    STREAM,
    TRACE,
)
from infra.queues import Queues
from infra.settings import Settings
from infra.storage import Storage

INSIDE = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every room is built among."""

    settings: Settings
    storage: Storage
    queues: Queues
    bus: Bus
    secrets_key: kms.IKey
    code: lambda_.Code


class Room(Construct):
    """One room: `functions.<name>.handler.handle`, its log, its role.

    `entry` is what callers invoke: the function, or with SnapStart its published version.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        around: Surroundings,
        timeout_seconds: int,
        memory_mb: int = 256,
        environment: dict[str, str] | None = None,
        network: Network | None = None,
    ) -> None:
        super().__init__(scope, name.title())
        self.name = name
        self._around = around
        self.timeout = cdk.Duration.seconds(timeout_seconds)
        self.log_group = log_group(self, "Log", around.settings)
        self.role = self._role()
        snap_start = around.settings.snap_start
        if network is not None:
            self._enter_network()
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"Hooktrace {name}",
            code=around.code,
            handler=f"functions.{name}.handler.handle",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=memory_mb,
            timeout=self.timeout,
            role=self.role,
            environment=self._shared_environment() | (environment or {}),
            log_group=self.log_group,
            vpc=network.vpc if network else None,
            vpc_subnets=INSIDE if network else None,
            security_groups=[network.security_group] if network else None,
            logging_format=lambda_.LoggingFormat.JSON,
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            tracing=lambda_.Tracing.ACTIVE if around.settings.tracing else None,
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if snap_start else None,
        )
        self.entry: lambda_.IFunction = self._alias() if snap_start else self.function
        acknowledge(
            self.function,
            "AwsSolutions-L1",
            "Python 3.13 is the newest runtime that every pinned binary wheel is tested on",
        )

    def _enter_network(self) -> None:
        """Lambda makes a function's network interfaces with its role; they have no ARN before."""
        grant(self.role, IN_VPC, "*")
        acknowledge(
            self.role,
            "AwsSolutions-IAM5[Resource::*]",
            "network interfaces are made and described by Lambda, whatever their names",
        )

    def may_have_forgotten(self, query: Room) -> None:
        """This room calls query to have traces forgotten, and waits for it."""
        target = query.entry.function_arn
        grant(self.role, FORGET, target)
        self.function.add_environment("FORGET_FUNCTION", target)

    def _alias(self) -> lambda_.Alias:
        return lambda_.Alias(self, "Live", alias_name="live", version=self.function.current_version)

    def _shared_environment(self) -> dict[str, str]:
        storage = self._around.storage
        return {
            "LEDGER_TABLE": storage.ledger.table_name,
            "REGISTRY_TABLE": storage.registry.table_name,
            "BLOBS_BUCKET": storage.blobs.bucket_name,
            "STAGE": self._around.settings.stage,
        }

    def _role(self) -> iam.Role:
        """Nothing but the room's line in `infra.permissions`, on this stack's own resources."""
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        archives = self._around.settings.archive != "off"
        allowed = (ALL_ROOMS if archives else ROOMS)[self.name]
        storage, queues = self._around.storage, self._around.queues
        ledger = storage.ledger.table_arn
        grant(role, LOG, self.log_group.log_group_arn)
        grant(role, allowed.ledger, ledger)
        indexes = [f"{ledger}/index/{name}" for name in allowed.indexes]
        grant(role, ("dynamodb:Query",) if indexes else (), *indexes)
        grant(role, allowed.registry, storage.registry.table_arn)
        grant(role, SEND, *(getattr(queues, name).queue_arn for name in allowed.sends))
        grant(role, CONSUME, *(getattr(queues, name).queue_arn for name in allowed.consumes))
        grant(role, DRAIN, *(getattr(queues, name).queue_arn for name in allowed.drains))
        grant(role, allowed.secrets, self._around.secrets_key.key_arn)
        for prefix, actions in allowed.objects:
            grant(role, actions, storage.blobs.arn_for_objects(f"{prefix}*"))
            _accept_wildcard(role, storage.blobs, f"{prefix}*", "objects have keys of their own")
        grant(role, allowed.bucket_actions, storage.blobs.bucket_arn)
        if allowed.stream:
            assert storage.ledger.table_stream_arn is not None
            grant(role, STREAM, storage.ledger.table_stream_arn)
            grant(role, LIST_STREAMS, f"{ledger}/stream/*")
            _accept_wildcard(
                role, storage.ledger, "stream/*", "listing is asked of all streams of a table"
            )
        if self._around.settings.tracing:
            grant(role, TRACE, "*")
            acknowledge(role, "AwsSolutions-IAM5[Resource::*]", "X-Ray knows no resources")
        if allowed.archive:
            assert storage.archive is not None
            grant(role, (PUT_OBJECT,), storage.archive.arn_for_objects("*"))
            _accept_wildcard(role, storage.archive, "*", "objects have keys of their own")
        if allowed.bus:
            grant(role, PUT_EVENTS, self._around.bus.bus.event_bus_arn)
        return role


def _accept_wildcard(role: iam.Role, owner: Construct, below: str, reason: str) -> None:
    """cdk-nag names each wildcard by the owner's logical id; only this one is accepted."""
    resource = owner.node.default_child
    assert isinstance(resource, cdk.CfnElement)
    logical_id = cdk.Stack.of(owner).get_logical_id(resource)
    acknowledge(role, f"AwsSolutions-IAM5[Resource::<{logical_id}.Arn>/{below}]", reason)


def grant(role: iam.Role, actions: tuple[str, ...], *resources: str) -> None:
    """One statement, unless there is nothing to allow."""
    if actions and resources:
        role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))
