"""What the match room is told by its environment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Names of tables, bucket and queue."""

    model_config = ConfigDict(frozen=True)

    ledger_table: str = Field(alias="LEDGER_TABLE")
    registry_table: str = Field(alias="REGISTRY_TABLE")
    blobs_bucket: str = Field(alias="BLOBS_BUCKET")
    match_queue_url: str = Field(alias="MATCH_QUEUE_URL")
    deliver_queue_url: str = Field(alias="DELIVER_QUEUE_URL")
