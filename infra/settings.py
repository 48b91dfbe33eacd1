"""What may differ from one deployment to another, read from the CDK context.

`cdk deploy -c stage=prod -c throttle_rate=500`: any field below is a context key. The stage
chooses the defaults; the local stage is for the emulator and never for an account.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Stage = Literal["prod", "local"]

ROOT = Path(__file__).resolve().parent.parent

LEAST_SECOND_AUDIT_SECONDS = 1_620
"""Beyond the 25 minutes from which on a retry has a time of its own in `due`, and its lateness."""

LOCAL_DEFAULTS: dict[str, Any] = {
    "allow_loopback": True,
    "deliver_timeout_seconds": 40,
    "visibility_multiplier": 1,
    "audit_first_seconds": 20,
    "audit_second_seconds": 60,
    "log_retention_days": 1,
    "keep_data": False,
    "alarms": "all",
    "dashboard": True,
    "archive": "data",
}


class Settings(BaseModel):
    """Settings of one deployment; durations carry their unit in their name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: Stage = "prod"
    bundle: Path = Field(description="folder of the Lambda asset, made by tools/bundle.py")
    allow_loopback: bool = Field(
        default=False, description="endpoints on this machine; for the local stack alone"
    )
    extra_ca_file: str | None = Field(
        default=None, description="path in the asset of further CA certificates for deliveries"
    )
    max_body_bytes: int = Field(
        default=1_048_576,
        gt=0,
        le=4_194_304,
        description="unpacked; Lambda takes 6 MB, in which a body is escaped or in base64",
    )
    max_waiters: int = Field(
        default=20, ge=0, le=100, description="calls of a project that may wait at once"
    )
    matching_memory_mb: int = Field(
        default=512,
        ge=256,
        le=10_240,
        description="memory of match, sweep and operate, which hold a project's subscriptions",
    )
    deliver_timeout_seconds: int = Field(default=60, ge=35, le=900)
    visibility_multiplier: int = Field(
        default=6, ge=1, description="queue visibility over function timeout; AWS advises six"
    )
    audit_first_seconds: int = Field(default=180, gt=0)
    audit_second_seconds: int = Field(default=1_800, gt=0)
    operation_items_per_second: int = Field(
        default=100, gt=0, le=10_000, description="pace of one bulk operation"
    )
    throttle_rate: int = Field(default=1_000, gt=0, description="API requests a second")
    throttle_burst: int = Field(default=2_000, gt=0)
    log_retention_days: int = Field(default=30, gt=0)
    object_retention_days: int = Field(
        default=400, gt=0, description="large bodies; at least the longest project retention"
    )
    archive: Literal["off", "traces", "data"] = Field(
        default="off", description="what expires is kept in S3: traces alone, or with their data"
    )
    archive_days: int | None = Field(
        default=None, gt=0, description="how long the archive keeps it; without, for ever"
    )
    statistics: bool = Field(
        default=True, description="count what happens, for GET /v1/stats; costs writes"
    )
    keep_data: bool = Field(
        default=True, description="deletion protection, and data outlives the stack"
    )
    trace_cache: bool = Field(
        default=False, description="ended traces in ElastiCache; query then runs in a VPC"
    )
    snap_start: bool = Field(default=False, description="Lambda SnapStart for every room")
    cli_credentials: bool = Field(
        default=False, description="deploy with the caller's credentials, not the bootstrap's roles"
    )
    secrets_key_arn: str | None = Field(
        default=None, description="KMS key for endpoint secrets, instead of one of the stack's own"
    )
    alarms: Literal["essential", "standard", "all"] = Field(
        default="standard", description="essential: the pipeline as a whole; all: throttled rooms"
    )
    alarm_topic_arn: str | None = Field(
        default=None, description="SNS topic that alarms are sent to, in place of the stack's own"
    )
    alarm_email: str | None = Field(
        default=None, description="address that the stack's own alarm topic writes to"
    )
    alarm_delivered_seconds: int = Field(default=300, gt=0)
    alarm_discard_percent: int = Field(default=50, gt=0, le=101)
    alarm_failure_percent: int = Field(default=50, gt=0, le=101)
    runbook_url: str = Field(
        default="docs/runbook.md", description="where alarms say that the runbook is"
    )
    dashboard: bool = Field(default=False, description="the pipeline on one CloudWatch page")
    saved_queries: bool = Field(default=True, description="questions for Logs Insights")
    tracing: bool = Field(default=False, description="X-Ray for every room")

    @model_validator(mode="after")
    def _audits_reach_retries(self) -> Settings:
        """Deliveries of younger events carry no time in `due`: only the audit finds them."""
        if self.stage == "prod" and self.audit_second_seconds < LEAST_SECOND_AUDIT_SECONDS:
            raise ValueError(f"audit_second_seconds is at least {LEAST_SECOND_AUDIT_SECONDS}")
        if self.audit_first_seconds >= self.audit_second_seconds:
            raise ValueError("audit_first_seconds is less than audit_second_seconds")
        return self

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Settings:
        """Defaults of the stage, overridden by what is given. Raises pydantic.ValidationError."""
        stage = given.get("stage", "prod")
        defaults: dict[str, Any] = LOCAL_DEFAULTS if stage == "local" else {}
        return cls.model_validate({**defaults, **given})
