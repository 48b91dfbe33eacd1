"""Give back the turn of the rate limit of a delivery that will not use it."""

from __future__ import annotations

from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.traffic import return_turns
from hooktrace.endpoint_ports import TrafficStore
from hooktrace.ports import Chance, Clock

ROUNDS = 3


class ReturnTurns:
    """See `of`. One read and one conditional write, and only for what had a turn."""

    def __init__(self, *, traffic: TrafficStore, clock: Clock, chance: Chance) -> None:
        self._traffic = traffic
        self._clock = clock
        self._chance = chance

    def of(self, record: DeliveryRecord) -> None:
        """Gives back the turn that `record` had, as it stood before it was cancelled.

        When it fails, or others write first each time, the turn passes unused, as if it had been
        kept: nobody waits for longer than he was told.
        """
        if record.waiting_for != "rate_limit" or record.next_attempt_ms is None:
            return
        key = ProjectId(record.project_id), EndpointId(record.endpoint_id)
        turn = record.next_attempt_ms, record.updated_ms
        try:
            before = self._traffic.read([key])[key]
            for _ in range(ROUNDS):
                now_ms = self._clock.now_ms()
                after = return_turns(before, [turn], now_ms)
                if after == before:
                    return
                written = after.written(now_ms=now_ms, token=self._chance.token())
                current = self._traffic.replace(key, written, before=before)
                if current is None:
                    return
                before = current
        except Unavailable:
            return
