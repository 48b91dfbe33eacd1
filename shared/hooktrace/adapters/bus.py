"""Notifications on an EventBridge bus: ten to a call, refused entries told apart and sent again."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from hooktrace.adapters.refusals import named
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.notifications import Notification

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "hooktrace"
ENTRIES = 10
TRIES = 5
BASE_SECONDS = 0.05


class EventBus:
    """Publishes in order per event or endpoint: of one, one notification to a call."""

    def __init__(
        self, client: EventBridgeClient, name: str, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._client: Any = client
        self._name = name
        self._pause = pause

    def publish(self, notifications: Sequence[Notification]) -> None:
        """Raises Unavailable when the bus did not take them all; a repetition has the same ids."""
        waiting = list(notifications)
        while waiting:
            call: list[Notification] = []
            for one in waiting:
                if len(call) < ENTRIES and all(one.about != o.about for o in call):
                    call.append(one)
            self._put(call)
            taken = {id(one) for one in call}
            waiting = [one for one in waiting if id(one) not in taken]

    def _put(self, call: list[Notification]) -> None:
        for number in range(TRIES):
            entries = [self._entry(one) for one in call]
            try:
                answer = self._client.put_events(Entries=entries)
            except (ClientError, BotoCoreError) as error:
                raise Unavailable(f"the bus did not answer: {named(error)}") from error
            results = zip(call, answer["Entries"], strict=True)
            call = [one for one, result in results if "ErrorCode" in result]
            if not call:
                return
            self._pause(random.uniform(0, BASE_SECONDS * 2**number))  # noqa: S311 - jitter
        raise Unavailable(f"the bus refused {len(call)} notifications")

    def _entry(self, one: Notification) -> dict[str, Any]:
        return {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": one.kind,
            "Time": datetime.fromtimestamp(one.at_ms / 1000, UTC),
            "Detail": json.dumps(one.detail, separators=(",", ":")),
        }
