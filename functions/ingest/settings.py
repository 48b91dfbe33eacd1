"""What the ingest room is told by its environment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Names of tables, bucket and queue, how large a body may be (bytes, unpacked), and how many
    calls of a project may wait at once."""

    model_config = ConfigDict(frozen=True)

    ledger_table: str = Field(alias="LEDGER_TABLE")
    registry_table: str = Field(alias="REGISTRY_TABLE")
    blobs_bucket: str = Field(alias="BLOBS_BUCKET")
    match_queue_url: str = Field(alias="MATCH_QUEUE_URL")
    max_body_bytes: int = Field(default=1_048_576, alias="MAX_BODY_BYTES", gt=0)
    max_waiters: int = Field(default=20, alias="MAX_WAITERS", ge=0, le=100)
