"""What deliveries do to their endpoint: an answer of 410 disables it."""

from __future__ import annotations

from typing import Protocol

from hooktrace.domain.errors import Unavailable
from hooktrace.domain.registry import DisabledReason, Endpoint, NotFound, VersionConflict

TRIES = 5


class EndpointControl(Protocol):
    """Reading endpoints strongly consistent, and changing one by its version."""

    def get_endpoint(self, project_id: str, endpoint_id: str) -> Endpoint | None: ...

    def replace_endpoint(self, endpoint: Endpoint, *, before: Endpoint) -> Endpoint: ...


def disable_endpoint(
    store: EndpointControl, project_id: str, endpoint_id: str, reason: DisabledReason, now_ms: int
) -> bool:
    """Disables the endpoint; False when it is gone or disabled already.

    One conditional write, decided anew when somebody else changed the endpoint meanwhile. Its
    pending deliveries are cancelled when they come up. Raises Unavailable.
    """
    for _ in range(TRIES):
        endpoint = store.get_endpoint(project_id, endpoint_id)
        if endpoint is None or endpoint.state == "disabled":
            return False
        try:
            store.replace_endpoint(endpoint.disabled(reason, now_ms), before=endpoint)
        except VersionConflict:
            continue
        except NotFound:
            return False
        return True
    raise Unavailable(f"{endpoint_id} keeps changing; could not disable it")
