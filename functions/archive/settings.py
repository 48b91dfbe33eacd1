"""What the archive room is told by its environment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Names of buckets, and whether data is kept with the traces."""

    model_config = ConfigDict(frozen=True)

    blobs_bucket: str = Field(alias="BLOBS_BUCKET")
    archive_bucket: str = Field(alias="ARCHIVE_BUCKET")
    archive_data: bool = Field(default=False, alias="ARCHIVE_DATA")
