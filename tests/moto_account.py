"""An AWS account of moto's, for what moto is faithful in: S3, SQS, CloudFormation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto import mock_aws

from hooktrace.adapters import aws

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def moto_account(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], *caches: Any
) -> Iterator[None]:
    """A room's environment in an empty account; `caches` are what its wiring made and keeps."""
    for name, value in (CREDENTIALS | environment).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    made = (aws.session, aws.client, *caches)
    with mock_aws():
        for one in made:
            one.cache_clear()
        yield
    for one in made:
        one.cache_clear()
