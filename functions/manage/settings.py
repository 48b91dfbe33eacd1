"""What the manage room is told by its environment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Names of tables, bucket and queue.

    `allow_loopback` is the local stack's exception: endpoints on this machine, in projects that
    allow http.
    """

    model_config = ConfigDict(frozen=True)

    registry_table: str = Field(alias="REGISTRY_TABLE")
    ledger_table: str = Field(alias="LEDGER_TABLE")
    blobs_bucket: str = Field(alias="BLOBS_BUCKET")
    deliver_queue_url: str = Field(alias="DELIVER_QUEUE_URL")
    operate_queue_url: str = Field(alias="OPERATE_QUEUE_URL")
    secrets_key_arn: str = Field(alias="SECRETS_KEY_ARN")
    allow_loopback: bool = Field(default=False, alias="ALLOW_LOOPBACK")
    max_body_bytes: int = Field(default=1_100_000, alias="MAX_BODY_BYTES")
    """A little more than the largest event, for trying a subscription on one."""
    forget_function: str | None = Field(default=None, alias="FORGET_FUNCTION")
