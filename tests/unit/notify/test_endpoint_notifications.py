"""What is told about endpoints: a warning, a disabling and why, and that one works again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hooktrace.adapters.endpoint_healths import TableHealths, health_item, health_record
from hooktrace.adapters.memory.table import MemoryTable
from hooktrace.adapters.records import health_changes, status_changes
from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.endpoint_health import DAY_MS, EndpointHealth, Failure, HealthState
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.notifications import Notification, health_notification
from hooktrace.domain.times import rfc3339

NOW_MS = 1_790_000_000_000
FAILURE = Failure(NOW_MS, AttemptOutcome.HTTP_ERROR, 503)
FAILING = EndpointHealth(
    ProjectId("prj_01M3250V00YPRPA8JAB2VS3WER"),
    EndpointId("ep_01M3250V00YPRPA8JAB2VS3WER"),
    version=1,
    state=HealthState.FAILING,
    updated_ms=NOW_MS,
    failing_since_ms=NOW_MS,
    failure=FAILURE,
    write_token="a",
)
WARNED = replace(
    FAILING,
    version=2,
    state=HealthState.WARNED,
    updated_ms=NOW_MS + 4 * DAY_MS,
    warned_ms=NOW_MS + 4 * DAY_MS,
    owes_recovery=True,
    write_token="b",
)
DISABLED = replace(
    WARNED,
    version=3,
    state=HealthState.DISABLED,
    updated_ms=NOW_MS + 5 * DAY_MS,
    disabled_ms=NOW_MS + 5 * DAY_MS,
    disabled_reason="failing",
    endpoint_version=7,
    write_token="c",
)
AGAIN = replace(DISABLED, version=4, state=HealthState.FAILING, write_token="d")
WORKING = replace(
    AGAIN,
    version=5,
    state=HealthState.WORKING,
    failing_since_ms=None,
    owes_recovery=False,
    last_success_ms=NOW_MS + 6 * DAY_MS,
    write_token="e",
)
EVERYTHING = replace(DISABLED, last_success_ms=NOW_MS - 1, expires_s=7)


def told(*states: EndpointHealth) -> list[Notification]:
    """What notify tells of an endpoint that went through these states."""
    table = MemoryTable()
    healths = TableHealths(table)
    before = EndpointHealth(states[0].project_id, states[0].endpoint_id)
    for after in states:
        assert healths.write_health(after, before) is None
        before = after
    batch = {"Records": table.stream}
    assert status_changes(batch) == []
    found = map(health_notification, health_changes(batch))
    return [one for one in found if one is not None]


def test_each_change_that_matters_is_told_once() -> None:
    warned, disabled, recovered = told(FAILING, WARNED, DISABLED, AGAIN, WORKING)
    assert [warned.kind, disabled.kind, recovered.kind] == [
        "endpoint.warned",
        "endpoint.disabled",
        "endpoint.recovered",
    ]
    assert {one.about for one in (warned, disabled, recovered)} == {FAILING.endpoint_id}
    assert warned.detail == {
        "version": 1,
        "id": f"endpoint.warned:{FAILING.endpoint_id}:2",
        "kind": "endpoint.warned",
        "time": rfc3339(NOW_MS + 4 * DAY_MS),
        "project_id": FAILING.project_id,
        "endpoint_id": FAILING.endpoint_id,
        "status": "warned",
        "previous_status": "failing",
        "failing_since": rfc3339(NOW_MS),
        "disables_at": rfc3339(NOW_MS + 5 * DAY_MS),
        "outcome": "http_error",
        "response_status": 503,
    }
    assert disabled.detail["reason"] == "failing"
    assert "disables_at" not in disabled.detail
    assert recovered.detail["status"] == "working"
    assert "outcome" not in recovered.detail


def test_short_failures_are_not_told() -> None:
    working = replace(FAILING, version=2, state=HealthState.WORKING, failing_since_ms=None)
    assert told(FAILING, replace(working, write_token="x")) == []


def test_an_endpoint_that_never_failed_is_disabled_by_hand_without_an_outcome() -> None:
    by_hand = replace(
        DISABLED,
        version=1,
        disabled_reason="manual",
        failing_since_ms=None,
        failure=FAILURE,
        warned_ms=None,
    )
    (one,) = told(by_hand)
    assert (one.kind, one.detail["reason"]) == ("endpoint.disabled", "manual")
    assert "outcome" not in one.detail
    assert "previous_status" not in one.detail


def test_a_change_of_a_disabled_one_tells_nothing_again_but_another_disabling_does() -> None:
    expiring = replace(DISABLED, version=4, expires_s=9, write_token="x")
    assert [one.id for one in told(DISABLED, expiring)] == [
        f"endpoint.disabled:{FAILING.endpoint_id}:3"
    ]
    later = replace(DISABLED, version=5, disabled_ms=NOW_MS + 9 * DAY_MS, write_token="y")
    assert [one.id[-1] for one in told(DISABLED, expiring, later)] == ["3", "5"]


@pytest.mark.parametrize("health", [FAILING, WARNED, DISABLED, WORKING, EVERYTHING])
def test_health_comes_back_from_its_item(health: EndpointHealth) -> None:
    assert health_record(health_item(health)) == health


def test_the_loser_of_a_write_sees_the_winner_and_a_repeated_write_is_ones_own() -> None:
    healths = TableHealths(MemoryTable())
    nothing = EndpointHealth(FAILING.project_id, FAILING.endpoint_id)
    assert healths.write_health(FAILING, nothing) is None
    assert healths.write_health(FAILING, nothing) is None
    assert healths.write_health(replace(FAILING, write_token="z"), nothing) == FAILING
    refs = [(FAILING.project_id, FAILING.endpoint_id)]
    assert healths.healths(refs) == {FAILING.endpoint_id: FAILING}
    other = [(ProjectId("prj_other"), FAILING.endpoint_id)]
    assert healths.healths(other) == {}
