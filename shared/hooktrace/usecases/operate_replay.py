"""Replay the events of a bulk operation: matched again against today's subscriptions, once each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hooktrace.domain.event_types import name_type
from hooktrace.domain.events import EventRecord, Payload
from hooktrace.domain.ids import EventId
from hooktrace.domain.notification_kinds import is_reserved
from hooktrace.domain.operations import Operation, OperationItem
from hooktrace.domain.states import EventStatus
from hooktrace.ports import Clock, Ledger, Payloads
from hooktrace.usecases.match_events import planned
from hooktrace.usecases.replay_event import ReplayEvent

ROUNDS = 6
NOT_REPLAYED = {EventStatus.ACCEPTED: "not_matched_yet", EventStatus.REJECTED: "rejected"}


class ReplayItems:
    """Fulfils `Act` of the operate room for `replay` and `rematch`; see `run`."""

    def __init__(
        self, *, replays: ReplayEvent, ledger: Ledger, payloads: Payloads, clock: Clock
    ) -> None:
        self._replays = replays
        self._ledger = ledger
        self._payloads = payloads
        self._clock = clock

    def run(self, operation: Operation, items: Sequence[OperationItem]) -> list[OperationItem]:
        """Plans a new round of deliveries for each event that may still be replayed.

        The parts are those of a single replay, event by event. A repetition finds its id in the
        event's plan and adds nothing; messages that a crash swallowed are sent by sweep, from the
        event's `due` entry. An event that matched nothing keeps no trace of the operation: it is
        matched once more. Operational webhooks are left out unless their type was asked for.
        Raises Unavailable.
        """
        refs = [(operation.project_id, EventId(item.id)) for item in items]
        events = self._ledger.events(refs)
        return [self._replay(operation, item, events.get(EventId(item.id))) for item in items]

    def _replay(
        self, operation: Operation, item: OperationItem, event: EventRecord | None
    ) -> OperationItem:
        for _ in range(ROUNDS):
            if event is not None and self._is_replayed_by(event, operation):
                return replace(item, result="succeeded")
            why = self._reason_to_skip(operation, event)
            payload = None if why or event is None else self._payload(event)
            if event is None or payload is None:
                return replace(item, result="skipped", reason=why or "data_expired")
            done = self._replays.once(
                event,
                payload,
                requested_by=operation.requested_by,
                operation=operation.id,
                only_endpoint=operation.only_endpoint,
            )
            if done is not None:
                return replace(item, result="succeeded") if done.added else _matched_nothing(item)
            event = self._ledger.events([(operation.project_id, event.id)]).get(event.id)
        return replace(item, result="failed", reason="busy")

    def _is_replayed_by(self, event: EventRecord, operation: Operation) -> bool:
        plan = planned(event, self._payloads)
        return any(one.operation_id == operation.id for one in plan)

    def _reason_to_skip(self, operation: Operation, event: EventRecord | None) -> str:
        if event is None:
            return "expired"
        if event.expires_s is not None and event.expires_s * 1000 <= self._clock.now_ms():
            return "expired"
        if event.expunged_ms is not None:
            return "data_expunged"
        if is_reserved(event.type) and not name_type(operation.filters.type, event.type):
            return "operational"
        if event.status in NOT_REPLAYED:
            return NOT_REPLAYED[event.status]
        if operation.filters.status and event.status not in operation.filters.status:
            return "status_changed"
        only = operation.only_endpoint
        if only is not None:
            plan = planned(event, self._payloads)
            return "delivered_already" if any(one.endpoint_id == only for one in plan) else ""
        return ""

    def _payload(self, event: EventRecord) -> Payload | None:
        packed = event.packed or self._payloads.payload(event.project_id, event.id)
        return Payload.unpack(packed) if packed is not None else None


def _matched_nothing(item: OperationItem) -> OperationItem:
    return replace(item, result="skipped", reason="no_match")
