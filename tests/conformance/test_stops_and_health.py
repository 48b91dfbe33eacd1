"""The notes of stopped endpoints and the health of endpoints: on the fakes and on DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.endpoint_healths import TableHealths
from hooktrace.adapters.memory.table import MemoryTable
from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.endpoint_health import EndpointHealth, Failure, HealthState
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.registry_ports import Stop
from tests.conformance.registry_subject import NOW_MS, Subject, new_id, subject

__all__ = ["subject"]


def stops(subject: Subject) -> list[Stop]:
    """Those of the subject's project; others use the same table."""
    found = subject.registry.endpoints.pending_stops()
    return [stop for stop in found if stop.project_id == subject.project]


def test_disabling_and_deleting_leave_a_note_and_nothing_else_does(subject: Subject) -> None:
    endpoints = subject.registry.endpoints
    made = subject.endpoint()
    changed = endpoints.replace_endpoint(replace(made, description="x"), before=made)
    assert stops(subject) == []
    disabled = endpoints.replace_endpoint(changed.disabled("gone", NOW_MS), before=changed)
    assert stops(subject) == [Stop(subject.project, made.id, NOW_MS, disabled.version)]
    patched = endpoints.replace_endpoint(replace(disabled, description="y"), before=disabled)
    endpoints.replace_endpoint(patched.enabled(NOW_MS), before=patched)
    assert [stop.version for stop in stops(subject)] == [disabled.version]

    other = subject.endpoint()
    endpoints.delete_endpoint(other)
    assert Stop(subject.project, other.id, NOW_MS, other.version + 1) in stops(subject)


def test_a_note_keeps_its_progress_and_goes_unless_a_later_one_took_its_place(
    subject: Subject,
) -> None:
    endpoints = subject.registry.endpoints
    made = subject.endpoint()
    disabled = endpoints.replace_endpoint(made.disabled("manual", NOW_MS), before=made)
    (first,) = stops(subject)
    moved = replace(first, walk_ms=NOW_MS + 1, at="2:01ABC")
    endpoints.keep_stop(moved)
    assert stops(subject) == [moved]

    endpoints.delete_endpoint(disabled)
    (second,) = stops(subject)
    assert second.version > first.version
    endpoints.keep_stop(replace(first, at="3:"))
    endpoints.clear_stop(first)
    assert stops(subject) == [second]
    endpoints.clear_stop(second)
    assert stops(subject) == []
    endpoints.keep_stop(second)
    endpoints.clear_stop(second)
    assert stops(subject) == []


@pytest.fixture(params=["memory", pytest.param("emulator", marks=pytest.mark.emulator)])
def healths(request: pytest.FixtureRequest) -> Iterator[TableHealths]:
    if request.param == "memory":
        yield TableHealths(MemoryTable())
    else:
        emulator: Any = request.getfixturevalue("emulator")
        yield TableHealths(DynamoTable(emulator.client("dynamodb"), emulator.ledger_table))


def test_health_is_written_from_the_version_that_was_read(healths: TableHealths) -> None:
    project, endpoint = ProjectId(new_id("prj")), EndpointId(new_id("ep"))
    nothing = EndpointHealth(project, endpoint)
    failing = replace(
        nothing,
        version=1,
        state=HealthState.FAILING,
        updated_ms=NOW_MS,
        failing_since_ms=NOW_MS,
        failure=Failure(NOW_MS, AttemptOutcome.TIMEOUT),
        write_token="a",
    )
    assert healths.write_health(failing, nothing) is None
    assert healths.write_health(failing, nothing) is None  # its own, repeated
    assert healths.write_health(replace(failing, write_token="z"), nothing) == failing
    working = replace(
        failing,
        version=2,
        state=HealthState.WORKING,
        failing_since_ms=None,
        last_success_ms=NOW_MS + 1,
        write_token="b",
    )
    assert healths.write_health(working, failing) is None
    late = replace(failing, version=2, write_token="c")
    assert healths.write_health(late, failing) == working
    other = EndpointId(new_id("ep"))
    found = healths.healths([(project, endpoint), (project, other)])
    assert found == {endpoint: working}
    gone = EndpointHealth(project, other)
    moved = replace(working, endpoint_id=other, version=3, write_token="d")
    assert healths.write_health(moved, replace(moved, version=2)) == gone
