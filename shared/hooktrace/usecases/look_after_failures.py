"""After failures: what became of their endpoints while the requests were under way."""

from __future__ import annotations

from collections.abc import Mapping

from hooktrace.domain.attempts import SendResult
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import EndpointId
from hooktrace.domain.registry import Endpoint
from hooktrace.domain.retry import GONE_STATUS
from hooktrace.usecases.delivery_jobs import Job, stop_reason
from hooktrace.usecases.endpoint_life import EndpointLife
from hooktrace.usecases.open_batches import Endpoints


class LookAfterFailures:
    """Finds out whether anything may follow a failure; see `run`."""

    def __init__(self, *, endpoints: Endpoints, life: EndpointLife) -> None:
        self._endpoints = endpoints
        self._life = life

    def run(self, failed: Mapping[int, tuple[Job, SendResult]]) -> dict[int, str | None]:
        """Why nothing may follow each failure, None where the schedule goes on.

        One read for each project. An answer of 410 disables its endpoint, unless that was given
        another URL while the old one was asked. What cannot be found out, or not be disabled,
        is left to the next attempt: its claim looks at the endpoint first, and until then
        nothing that was answered is final.
        """
        wanted: dict[str, set[str]] = {}
        for job, _ in failed.values():
            wanted.setdefault(job.task.project_id, set()).add(job.task.endpoint_id)
        found: dict[str, dict[str, Endpoint] | None] = {}
        for project, identifiers in wanted.items():
            try:
                found[project] = self._endpoints.get_endpoints(project, identifiers)
            except Unavailable:
                found[project] = None
        return {
            position: self._after(job, result, found[job.task.project_id])
            for position, (job, result) in failed.items()
        }

    def _after(
        self, job: Job, result: SendResult, known: Mapping[str, Endpoint] | None
    ) -> str | None:
        if known is None:
            job.may_have_moved = True
            return None
        now = known.get(job.task.endpoint_id)
        asked = job.endpoint.url if job.endpoint else None
        job.may_have_moved = now is not None and now.url != asked
        if result.status == GONE_STATUS and not job.may_have_moved:
            self._disable(job)
            return None
        stop = stop_reason(now)
        return None if stop == "endpoint_disabled" and job.record.forced else stop

    def _disable(self, job: Job) -> None:
        try:
            self._life.disable(job.task.project_id, EndpointId(job.task.endpoint_id), "gone")
        except Unavailable:
            job.may_have_moved = True
