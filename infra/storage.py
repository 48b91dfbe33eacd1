"""The two tables and the buckets."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.acknowledge import acknowledge
from infra.permissions import BODIES
from infra.settings import Settings
from infra.tables import LEDGER, REGISTRY, TTL_ATTRIBUTE, KeyType, TableShape

TYPES = {"S": dynamodb.AttributeType.STRING, "N": dynamodb.AttributeType.NUMBER}


class Storage(Construct):
    """Ledger (streamed), registry, the bucket of what is too large for an item, the archive."""

    def __init__(self, scope: Construct, name: str, *, settings: Settings) -> None:
        super().__init__(scope, name)
        self._settings = settings
        self.ledger = self._table("Ledger", LEDGER)
        self.registry = self._table("Registry", REGISTRY)
        self.blobs = self._blobs()
        self.archive = self._archive() if settings.archive != "off" else None

    @property
    def _removal(self) -> cdk.RemovalPolicy:
        keep = self._settings.keep_data
        return cdk.RemovalPolicy.RETAIN if keep else cdk.RemovalPolicy.DESTROY

    def _table(self, name: str, shape: TableShape) -> dynamodb.Table:
        """`Table`: the emulator replaces an unnamed `TableV2` when an index changes."""
        table = dynamodb.Table(
            self,
            name,
            partition_key=_attribute("PK", "S"),
            sort_key=_attribute("SK", "S"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute=TTL_ATTRIBUTE,
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if shape.streamed else None,
            deletion_protection=self._settings.keep_data,
            removal_policy=self._removal,
        )
        for index in shape.indexes:
            table.add_global_secondary_index(
                index_name=index.name,
                partition_key=_attribute(index.hash_key, "S"),
                sort_key=_attribute(index.range_key, index.range_type),
                projection_type=dynamodb.ProjectionType.KEYS_ONLY,
            )
        return table

    def _blobs(self) -> s3.Bucket:
        """Snapshots are replaced, never aged: only bodies expire, after their events have."""
        days = cdk.Duration.days(self._settings.object_retention_days)
        return self._bucket(
            "Blobs", s3.LifecycleRule(id="bodies-expire", prefix=BODIES, expiration=days)
        )

    def _archive(self) -> s3.Bucket:
        """What expired in the ledger; the setting says for how long, if not for ever."""
        days = self._settings.archive_days
        rules = []
        if days is not None:
            rules = [s3.LifecycleRule(id="archive-expires", expiration=cdk.Duration.days(days))]
        return self._bucket("Archive", *rules)

    def _bucket(self, name: str, *rules: s3.LifecycleRule) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=self._removal,
            lifecycle_rules=[
                *rules,
                s3.LifecycleRule(
                    id="uploads-end", abort_incomplete_multipart_upload_after=cdk.Duration.days(1)
                ),
            ],
        )
        acknowledge(
            bucket,
            "AwsSolutions-S1",
            "read and written by the rooms' roles alone; a log of each access would cost more"
            " than the objects, and CloudTrail data events can be switched on where asked for",
        )
        return bucket


def _attribute(name: str, kind: KeyType) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=TYPES[kind])
