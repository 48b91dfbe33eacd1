"""Environment → adapters → use case, once, at the first call."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from functions.archive.settings import Settings
from hooktrace.adapters.archive import expired, stretch_of
from hooktrace.adapters.aws import client
from hooktrace.adapters.large_payloads import BucketLargePayloads
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.usecases.archive_expired import Archived, ArchiveExpired


@cache
def _archive_expired() -> ArchiveExpired:
    settings = Settings.model_validate(dict(os.environ))
    return ArchiveExpired(
        archive=S3Blobs(lambda: client("s3"), settings.archive_bucket),
        payloads=BucketLargePayloads(S3Blobs(lambda: client("s3"), settings.blobs_bucket)),
        with_data=settings.archive_data,
    )


def archive(event: Mapping[str, Any]) -> Archived:
    """Keeps what a stream batch says has expired. Raises Unavailable."""
    return _archive_expired().run(list(expired(event)), stretch_of(event))
