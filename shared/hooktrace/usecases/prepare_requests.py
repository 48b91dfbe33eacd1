"""From a claimed attempt to its request: the payload, the signature, the trace context."""

from __future__ import annotations

from hooktrace.domain.attempts import OutgoingRequest
from hooktrace.domain.deliveries import DeliveryRecord
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.events import Payload
from hooktrace.domain.ids import EventId, ProjectId
from hooktrace.domain.outgoing import outgoing_request
from hooktrace.domain.registry import Endpoint
from hooktrace.domain.trace_context import child_traceparent
from hooktrace.endpoint_ports import Vault
from hooktrace.ports import Chance, Ledger, Payloads
from hooktrace.usecases.cached_projects import ProjectSource
from hooktrace.usecases.delivery_jobs import Job
from hooktrace.usecases.guard_endpoints import opened_endpoint


class PrepareRequests:
    """Reads what the message does not carry."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        payloads: Payloads,
        projects: ProjectSource,
        vault: Vault,
        chance: Chance,
    ) -> None:
        self._ledger = ledger
        self._payloads = payloads
        self._projects = projects
        self._vault = vault
        self._chance = chance

    def build(self, job: Job, record: DeliveryRecord, endpoint: Endpoint) -> OutgoingRequest:
        """The signed request of the last attempt of `record`. Raises Unavailable, InvalidInput."""
        task = job.task
        packed = task.packed or self._stored_payload(task.project_id, task.event_id)
        project = self._projects.get_project(task.project_id)
        return outgoing_request(
            delivery=record,
            attempt=record.attempts[-1],
            event_type=task.type,
            payload=Payload.unpack(packed),
            endpoint=opened_endpoint(endpoint, self._vault),
            allow_http=project.allow_http if project else False,
            traceparent=child_traceparent(task.traceparent, self._chance.entropy()),
            tracestate=task.tracestate,
        )

    def _stored_payload(self, project: ProjectId, event: EventId) -> bytes:
        record = self._ledger.events([(project, event)]).get(event)
        packed = record.packed if record else None
        packed = packed or self._payloads.payload(project, event)
        if packed is None:
            raise Unavailable(f"the payload of {event} is not stored")
        return packed
