"""What is told has the schema that the document publishes."""

from __future__ import annotations

from typing import get_args

import pytest

from functions.manage.contract import NotificationKind
from hooktrace.api.openapi import build_document
from hooktrace.api.webhooks import MODELS, WHEN
from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.endpoint_health import EndpointHealth, Failure, HealthState
from hooktrace.domain.ids import DeliveryId, EndpointId, EventId, OperationId, ProjectId
from hooktrace.domain.listing import Filters
from hooktrace.domain.notification_kinds import KINDS
from hooktrace.domain.notifications import (
    EVENT_KINDS,
    HealthChange,
    Notification,
    StatusChange,
    health_notification,
    notification_of,
    operation_notification,
)
from hooktrace.domain.operations import Operation, OperationState

NOW = 1_790_000_000_000
PROJECT, ENDPOINT, EVENT = ProjectId("prj_1"), EndpointId("ep_1"), EventId("evt_1")


def _told() -> list[Notification | None]:
    events = [
        StatusChange(PROJECT, EVENT, before, status, 3, NOW, event_type="a.b", reason=reason)
        for status in EVENT_KINDS
        for before, reason in (("delivering", None), (None, "dead_letter_match"))
    ]
    deliveries = [
        StatusChange(
            PROJECT,
            EVENT,
            "delivering",
            status,
            3,
            NOW,
            delivery_id=DeliveryId("dlv_1"),
            endpoint_id=ENDPOINT,
            attempts=attempts,
            reason=reason,
            outcome="http_error" if attempts > 2 else None,
            response_status=503 if attempts > 2 else None,
        )
        for status, attempts, reason in (
            ("failed", 3, "attempts_exhausted"),
            ("succeeded", 1, None),
            ("succeeded", 2, None),
        )
    ]
    failure = Failure(NOW, AttemptOutcome.HTTP_ERROR, 500)
    known = {"failing_since_ms": NOW, "failure": failure, "updated_ms": NOW}
    failing = EndpointHealth(PROJECT, ENDPOINT, 1, HealthState.FAILING, **known)
    warned = EndpointHealth(
        PROJECT, ENDPOINT, 2, HealthState.WARNED, owes_recovery=True, warned_ms=NOW, **known
    )
    disabled = EndpointHealth(
        PROJECT, ENDPOINT, 3, HealthState.DISABLED, disabled_reason="failing", **known
    )
    working = EndpointHealth(PROJECT, ENDPOINT, 4, HealthState.WORKING, updated_ms=NOW)
    healths = [(failing, warned), (warned, disabled), (warned, working)]
    operation = Operation(
        id=OperationId("op_1"),
        project_id=PROJECT,
        action="retry",
        state=OperationState.FAILED,
        version=4,
        requested_by="key_1",
        created_ms=NOW,
        updated_ms=NOW,
        filters=Filters("deliveries"),
        given={},
        low_ms=0,
        high_ms=NOW,
        reason="dead_letter_operate",
    )
    return [
        operation_notification("running", operation),
        *map(notification_of, events + deliveries),
        *(health_notification(HealthChange(before, after)) for before, after in healths),
    ]


def test_each_notification_has_the_schema_of_its_kind() -> None:
    told = [one for one in _told() if one is not None]
    for one in told:
        model = MODELS[one.kind.partition(".")[0]]
        assert model.model_validate(one.detail).model_dump(exclude_none=True) == one.detail
    assert {one.kind for one in told} == set(KINDS)


def test_every_kind_is_documented_and_can_be_chosen() -> None:
    assert set(get_args(NotificationKind)) == set(KINDS) == set(WHEN)
    document = build_document([], version="1")
    assert set(document["webhooks"]) == {f"hooktrace.{kind}" for kind in KINDS}
    schemas = document["components"]["schemas"]
    assert {"EventNotification", "DeliveryNotification", "EndpointNotification"} <= set(schemas)


@pytest.mark.parametrize("before", ["accepted", "delivering"])
def test_nothing_is_told_of_an_operational_webhook(before: str) -> None:
    event = StatusChange(PROJECT, EVENT, before, "failed", 3, NOW, is_operational=True)
    assert notification_of(event) is None
