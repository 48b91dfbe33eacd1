"""Objects that are too large for a table, in S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from hooktrace.adapters.refusals import named
from hooktrace.domain.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client


class S3Blobs:
    """Fulfils `hooktrace.adapters.ledger.Blobs`; the client is made when first needed."""

    def __init__(self, client: Callable[[], S3Client], bucket: str) -> None:
        self._client: Callable[[], Any] = client
        self._bucket = bucket

    def put(self, name: str, content: bytes) -> None:
        try:
            self._client().put_object(Bucket=self._bucket, Key=name, Body=content)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"the object store did not take {name}: {named(error)}") from error

    def delete(self, name: str) -> None:
        """Deletes every version: on a bucket with versions a plain delete would keep them."""
        try:
            pages = self._client().get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=self._bucket, Prefix=name):
                for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    if one["Key"] == name:
                        self._client().delete_object(
                            Bucket=self._bucket, Key=name, VersionId=one["VersionId"]
                        )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"the object store did not delete {name}: {named(error)}") from error

    def get(self, name: str) -> bytes | None:
        """The content; None when it is not there.

        Raises Unavailable, also when it is refused: that does not say whether it is there. Roles
        that read may list the bucket, or S3 would refuse what is missing, too.
        """
        try:
            answer = self._client().get_object(Bucket=self._bucket, Key=name)
            content: bytes = answer["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                return None
            raise Unavailable(f"the object store did not give {name}: {named(error)}") from error
        except BotoCoreError as error:
            raise Unavailable(f"the object store did not give {name}: {named(error)}") from error
        return content
