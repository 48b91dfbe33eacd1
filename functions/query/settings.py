"""What the query room is told by its environment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Names of tables and bucket, and how many calls of a project may wait at once."""

    model_config = ConfigDict(frozen=True)

    ledger_table: str = Field(alias="LEDGER_TABLE")
    registry_table: str = Field(alias="REGISTRY_TABLE")
    blobs_bucket: str = Field(alias="BLOBS_BUCKET")
    statistics: bool = Field(default=True, alias="STATISTICS")
    max_waiters: int = Field(default=20, alias="MAX_WAITERS", ge=0, le=100)
    trace_cache_url: str | None = Field(default=None, alias="TRACE_CACHE_URL")
