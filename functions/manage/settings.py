"""The environment of the manage room."""

from __future__ import annotations

from pydantic import AliasChoices, BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Read once, from the environment's variables.

    `allow_loopback` is the local stack's exception: endpoints on this machine, in projects that
    allow http. `ledger_table` lets `/v1/subscriptions/test` take the id of a stored event.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    registry_table: str = Field(validation_alias=AliasChoices("REGISTRY_TABLE"))
    ledger_table: str | None = Field(default=None, validation_alias=AliasChoices("LEDGER_TABLE"))
    blobs_bucket: str = Field(validation_alias=AliasChoices("BLOBS_BUCKET"))
    allow_loopback: bool = Field(default=False, validation_alias=AliasChoices("ALLOW_LOOPBACK"))
