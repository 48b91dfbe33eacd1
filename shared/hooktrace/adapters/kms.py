"""Data keys from AWS KMS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hooktrace.adapters.refusals import named
from hooktrace.domain.errors import Unavailable

CONTEXT = "hooktrace:project"
"""The encryption context's name: CloudTrail shows for which project a data key was used."""


class KmsKeys:
    """Fulfils `hooktrace.adapters.vault.KeyService`; the client is made when first needed."""

    def __init__(self, client: Callable[[], Any], key_arn: str) -> None:
        self._client = client
        self._key_arn = key_arn

    def new_data_key(self, project_id: str) -> tuple[bytes, bytes]:
        try:
            made = self._client().generate_data_key(
                KeyId=self._key_arn, KeySpec="AES_256", EncryptionContext={CONTEXT: project_id}
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"KMS made no data key: {named(error)}") from error
        return made["Plaintext"], made["CiphertextBlob"]

    def unwrap(self, project_id: str, wrapped: bytes) -> bytes:
        try:
            found = self._client().decrypt(
                KeyId=self._key_arn,
                CiphertextBlob=wrapped,
                EncryptionContext={CONTEXT: project_id},
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"KMS did not unwrap a data key: {named(error)}") from error
        plaintext: bytes = found["Plaintext"]
        return plaintext
