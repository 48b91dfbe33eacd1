"""What the operate room is told by its environment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Names of tables, bucket and queues, and the pace of an operation."""

    model_config = ConfigDict(frozen=True)

    ledger_table: str = Field(alias="LEDGER_TABLE")
    registry_table: str = Field(alias="REGISTRY_TABLE")
    blobs_bucket: str = Field(alias="BLOBS_BUCKET")
    deliver_queue_url: str = Field(alias="DELIVER_QUEUE_URL")
    operate_queue_url: str = Field(alias="OPERATE_QUEUE_URL")
    items_per_second: int = Field(default=100, alias="OPERATE_ITEMS_PER_SECOND", gt=0)
