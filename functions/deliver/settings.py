"""What the deliver room is told by its environment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Names of tables, bucket and queue, and how requests may go out."""

    model_config = ConfigDict(frozen=True)

    ledger_table: str = Field(alias="LEDGER_TABLE")
    registry_table: str = Field(alias="REGISTRY_TABLE")
    blobs_bucket: str = Field(alias="BLOBS_BUCKET")
    deliver_queue_url: str = Field(alias="DELIVER_QUEUE_URL")
    slow_queue_url: str = Field(alias="SLOW_QUEUE_URL")
    secrets_key_arn: str = Field(alias="SECRETS_KEY_ARN")
    allow_loopback: bool = Field(default=False, alias="ALLOW_LOOPBACK")
    extra_ca_file: str | None = Field(default=None, alias="EXTRA_CA_FILE")
