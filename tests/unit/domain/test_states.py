"""Every change that exists, and none besides."""

from __future__ import annotations

import itertools

import pytest

from hooktrace.domain.errors import IllegalTransition
from hooktrace.domain.states import (
    DELIVERY_CHANGES,
    EVENT_CHANGES,
    DeliveryStatus,
    EventStatus,
    check_delivery,
    check_event,
    roll_up,
)

D, E = DeliveryStatus, EventStatus


def test_every_pair_of_states_is_decided() -> None:
    for before, after in itertools.product(E, E):
        if after in EVENT_CHANGES[before]:
            assert check_event(before, after) is after
        else:
            with pytest.raises(IllegalTransition):
                check_event(before, after)
    for one, other in itertools.product(D, D):
        if other in DELIVERY_CHANGES[one]:
            assert check_delivery(one, other) is other
        else:
            with pytest.raises(IllegalTransition):
                check_delivery(one, other)


@pytest.mark.parametrize("after", [D.RETRYING, D.FAILED, D.CANCELLED, D.PENDING])
def test_nothing_but_a_retry_by_hand_leaves_succeeded(after: DeliveryStatus) -> None:
    with pytest.raises(IllegalTransition):
        check_delivery(D.SUCCEEDED, after)
    assert check_delivery(D.SUCCEEDED, D.DELIVERING) is D.DELIVERING


@pytest.mark.parametrize(
    ("latest", "status"),
    [
        ([D.SUCCEEDED], E.SUCCEEDED),
        ([D.SUCCEEDED, D.SUCCEEDED], E.SUCCEEDED),
        ([D.SUCCEEDED, D.FAILED], E.PARTIAL),
        ([D.CANCELLED, D.SUCCEEDED], E.PARTIAL),
        ([D.FAILED], E.FAILED),
        ([D.CANCELLED], E.FAILED),
        ([D.FAILED, D.CANCELLED], E.FAILED),
        ([D.SUCCEEDED, D.PENDING], E.DELIVERING),
        ([D.RETRYING], E.DELIVERING),
        ([D.FAILED, D.DELIVERING], E.DELIVERING),
    ],
)
def test_an_event_follows_from_its_deliveries(
    latest: list[DeliveryStatus], status: EventStatus
) -> None:
    assert roll_up(latest) is status


def test_an_event_without_deliveries_cannot_be_rolled_up() -> None:
    with pytest.raises(IllegalTransition):
        roll_up([])
