"""What of our own brake holds deliveries to an endpoint, for whoever asks."""

from __future__ import annotations

from dataclasses import dataclass

from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.registry import Endpoint
from hooktrace.endpoint_ports import EndpointTraffic
from hooktrace.ports import Clock


@dataclass(frozen=True, slots=True)
class BrakeReport:
    """The lane of an endpoint, and how much of its limits is used; None where it sets none.

    `next_turn_ms` (Unix) is when a delivery that came up now would have its turn.
    """

    slow: bool
    under_way: int | None
    next_turn_ms: int | None


class ReadBrake:
    """The use case; see `of`."""

    def __init__(self, *, traffic: EndpointTraffic, clock: Clock) -> None:
        self._traffic = traffic
        self._clock = clock

    def of(self, endpoint: Endpoint) -> BrakeReport:
        """The lane and the brake of an endpoint, by one read. Raises Unavailable."""
        key = ProjectId(endpoint.project_id), EndpointId(endpoint.id)
        traffic, now_ms = self._traffic.read([key])[key], self._clock.now_ms()
        rate = endpoint.rate_limit
        return BrakeReport(
            slow=traffic.is_slow(now_ms),
            under_way=None if endpoint.concurrency is None else traffic.in_flight(now_ms),
            next_turn_ms=None if rate is None else traffic.next_slot_ms(rate, now_ms),
        )
