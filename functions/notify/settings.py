"""What the notify room is told by its environment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Names of tables, bucket, bus and queue."""

    model_config = ConfigDict(frozen=True)

    ledger_table: str = Field(alias="LEDGER_TABLE")
    registry_table: str = Field(alias="REGISTRY_TABLE")
    blobs_bucket: str = Field(alias="BLOBS_BUCKET")
    deliver_queue_url: str = Field(alias="DELIVER_QUEUE_URL")
    bus_name: str = Field(default="hooktrace", alias="BUS_NAME")
    deletes_bodies: bool = Field(default=False, alias="DELETES_BODIES")
    """Whether large bodies of what expires are deleted here: an archive does it itself."""
    notify_dlq_url: str | None = Field(default=None, alias="NOTIFY_DLQ_URL")
    """Where records are named that cannot be read."""
    statistics: bool = Field(default=True, alias="STATISTICS")
    forget_function: str | None = Field(default=None, alias="FORGET_FUNCTION")
