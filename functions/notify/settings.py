"""What the notify room is told by its environment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Names of table, bucket and bus."""

    model_config = ConfigDict(frozen=True)

    ledger_table: str = Field(alias="LEDGER_TABLE")
    blobs_bucket: str = Field(alias="BLOBS_BUCKET")
    bus_name: str = Field(default="hooktrace", alias="BUS_NAME")
    statistics: bool = Field(default=True, alias="STATISTICS")
