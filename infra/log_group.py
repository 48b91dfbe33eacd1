"""A log group that forgets after the deployment's own time."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.settings import Settings


def log_group(scope: Construct, name: str, settings: Settings) -> logs.LogGroup:
    """Any retention that CloudWatch knows, in days; its own name is left to CloudFormation."""
    keep = settings.keep_data
    group = logs.LogGroup(
        scope,
        name,
        removal_policy=cdk.RemovalPolicy.RETAIN if keep else cdk.RemovalPolicy.DESTROY,
    )
    resource = group.node.default_child
    assert isinstance(resource, logs.CfnLogGroup)
    resource.retention_in_days = settings.log_retention_days
    return group
