"""What the sweep room is told by its environment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Names of tables, bucket and queues, and the ages at which the audit looks at an event."""

    model_config = ConfigDict(frozen=True)

    ledger_table: str = Field(alias="LEDGER_TABLE")
    registry_table: str = Field(alias="REGISTRY_TABLE")
    blobs_bucket: str = Field(alias="BLOBS_BUCKET")
    match_queue_url: str = Field(alias="MATCH_QUEUE_URL")
    deliver_queue_url: str = Field(alias="DELIVER_QUEUE_URL")
    match_dlq_url: str = Field(alias="MATCH_DLQ_URL")
    deliver_dlq_url: str = Field(alias="DELIVER_DLQ_URL")
    slow_dlq_url: str = Field(alias="SLOW_DLQ_URL")
    operate_queue_url: str = Field(alias="OPERATE_QUEUE_URL")
    operate_dlq_url: str = Field(alias="OPERATE_DLQ_URL")
    audit_first_seconds: int = Field(default=180, alias="AUDIT_FIRST_SECONDS")
    audit_second_seconds: int = Field(default=1_800, alias="AUDIT_SECOND_SECONDS")
