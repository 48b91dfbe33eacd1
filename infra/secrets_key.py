"""The KMS key that wraps the projects' data keys."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.settings import Settings


def secrets_key(scope: Construct, settings: Settings) -> kms.IKey:
    """A key of the stack's own, turned over every year, or the one that the settings name.

    Its policy leaves it to IAM who may use it: the roles of `infra.permissions`. Without the key
    nothing that is sealed can be read, so it outlives the stack as the tables do.
    """
    if settings.secrets_key_arn:
        return kms.Key.from_key_arn(scope, "SecretsKey", settings.secrets_key_arn)
    return kms.Key(
        scope,
        "SecretsKey",
        alias=f"alias/{cdk.Aws.STACK_NAME}-secrets",
        description="Hooktrace: wraps the data keys of endpoint secrets",
        enable_key_rotation=True,
        removal_policy=(
            cdk.RemovalPolicy.RETAIN if settings.keep_data else cdk.RemovalPolicy.DESTROY
        ),
    )
