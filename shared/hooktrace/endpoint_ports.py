"""What is known of endpoints beside their settings: how they fare, their traffic, their secrets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from hooktrace.domain.confidential import Sealed
from hooktrace.domain.endpoint_health import EndpointHealth
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.traffic import Traffic


class EndpointHealths(Protocol):
    """How endpoints fare. Both methods raise Unavailable when the store does not answer."""

    def healths(
        self, refs: Iterable[tuple[ProjectId, EndpointId]]
    ) -> dict[EndpointId, EndpointHealth]:
        """Those that are kept, read strongly consistent."""
        ...

    def write_health(self, after: EndpointHealth, before: EndpointHealth) -> EndpointHealth | None:
        """Puts `after` in the place of `before` (version 0: nothing is there yet).

        None when done. Otherwise what stands there, version 0 when nothing does.
        """
        ...


EndpointKey = tuple[ProjectId, EndpointId]


class EndpointTraffic(Protocol):
    """What is known about the traffic to endpoints: slots, permits, lane. Raises Unavailable."""

    def read(self, keys: Iterable[EndpointKey]) -> dict[EndpointKey, Traffic]:
        """Of all of the endpoints, strongly consistent; version 0 where nothing is stored."""
        ...


class TrafficStore(EndpointTraffic, Protocol):
    """The same, with conditional writes."""

    def replace(self, key: EndpointKey, after: Traffic, *, before: Traffic) -> Traffic | None:
        """Stores `after` if `before` still stands; None when it did (or this write was made
        already), else what stands there now."""
        ...


class Vault(Protocol):
    """Seals confidential texts and opens them. Both methods raise Unavailable.

    `place` says what a text is for; it opens in the project and the place that it was sealed for.
    """

    def seal(self, project_id: str, place: str, text: str) -> Sealed: ...

    def open(self, project_id: str, place: str, sealed: Sealed) -> str: ...
