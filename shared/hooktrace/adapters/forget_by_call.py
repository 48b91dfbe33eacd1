"""Has traces forgotten by a call of the query room, which alone reaches the cache."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hooktrace.adapters.refusals import named
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.forget_traces import encode_forget
from hooktrace.domain.ids import EventId, ProjectId


class ForgetByCall:
    """Fulfils `TraceForgetter`: invokes the function and waits for it to be done."""

    def __init__(self, client: Any, function: str) -> None:
        self._client = client
        self._function = function

    def forget(self, refs: Iterable[tuple[ProjectId, EventId]]) -> None:
        message = encode_forget(refs)
        if not message["traces"]:
            return
        try:
            answer = self._client.invoke(
                FunctionName=self._function,
                InvocationType="RequestResponse",
                Payload=json.dumps(message, separators=(",", ":")).encode(),
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"the query room did not answer: {named(error)}") from error
        if "FunctionError" in answer:
            raise Unavailable("the query room could not forget")
