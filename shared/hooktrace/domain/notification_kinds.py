"""The kinds of notifications, and what a project chooses of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FAILURE_KINDS: Final = (
    "event.discarded",
    "event.rejected",
    "event.partial",
    "event.failed",
    "delivery.failed",
    "delivery.recovered",
    "endpoint.warned",
    "endpoint.disabled",
    "endpoint.recovered",
    "operation.completed",
)
"""What needs attention, and its end: told unless a project chooses otherwise."""

SUCCESS_KINDS: Final = ("event.succeeded", "delivery.succeeded")
"""What went well at once: told only to projects that ask for it."""

KINDS: Final = (*FAILURE_KINDS, *SUCCESS_KINDS)

RESERVED: Final = "hooktrace"
"""The first word of the event types of operational webhooks: `hooktrace.delivery.failed`."""


def is_reserved(event_type: str) -> bool:
    """Whether an event type is one that only Hooktrace itself makes."""
    return event_type == RESERVED or event_type.startswith(f"{RESERVED}.")


@dataclass(frozen=True, slots=True)
class NotificationChoice:
    """Which kinds a project is told, and at which of its own endpoints besides the bus.

    `kinds` None means the default, `FAILURE_KINDS`, also those that are added later.
    """

    kinds: tuple[str, ...] | None = None
    endpoint_ids: tuple[str, ...] = ()

    @property
    def chosen(self) -> tuple[str, ...]:
        """The kinds that are told."""
        return FAILURE_KINDS if self.kinds is None else self.kinds

    def takes(self, kind: str) -> bool:
        """Whether this kind is told."""
        return kind in self.chosen

    def recipients(self, about: str) -> tuple[str, ...]:
        """The endpoints that get an operational webhook; an endpoint is never told of itself."""
        return tuple(one for one in self.endpoint_ids if one != about)


DEFAULT_CHOICE: Final = NotificationChoice()
