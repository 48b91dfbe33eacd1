"""What the registry promises to matchers: the change log, the whole set, snapshots."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from hooktrace.adapters.registry.endpoints import PURGE_SUBSCRIPTIONS
from hooktrace.domain.errors import NotFound
from hooktrace.domain.registry import Changes, VersionConflict
from tests.conformance.registry_subject import NOW_MS, Subject, subject

__all__ = ["subject"]


# Subscriptions and the change log


def test_every_field_of_a_subscription_comes_back(subject: Subject) -> None:
    endpoint = subject.endpoint()
    made = subject.subscription(
        endpoint,
        event_types=("order.*", "invoice.paid"),
        filter_text='{"data":{"a":1e0}}',
        event_pattern_text='{"detail":{"a":[1]}}',
        state="disabled",
        description="d",
    )
    assert subject.registry.subscriptions.get_subscription(subject.project, made.id) == made
    assert subject.registry.subscriptions.get_subscription("prj_other", made.id) is None


def test_a_subscription_needs_a_living_endpoint_of_its_project(subject: Subject) -> None:
    endpoint = subject.endpoint()
    subject.registry.endpoints.delete_endpoint(endpoint)
    version = subject.changes(0).version

    with pytest.raises(NotFound):
        subject.registry.subscriptions.create_subscription(subject.unsaved_subscription(endpoint))
    assert subject.changes(0).version == version


def test_each_change_of_matching_is_one_step_of_the_log(subject: Subject) -> None:
    registry = subject.registry
    assert subject.changes(0) == Changes(version=0)
    endpoint = subject.endpoint()
    assert subject.changes(0) == Changes(version=0)

    made = subject.subscription(endpoint, event_types=("a",))
    assert subject.changes(0) == Changes(version=1, upserts=(made.match_row(),))
    changed = registry.subscriptions.replace_subscription(
        replace(made, filter_text='{"data":{"x":1}}'), before=made
    )
    assert subject.changes(1) == Changes(version=2, upserts=(changed.match_row(),))
    disabled = registry.endpoints.replace_endpoint(
        endpoint.disabled("manual", NOW_MS), before=endpoint
    )
    assert subject.changes(2) == Changes(version=3, endpoints_disabled=(endpoint.id,))
    registry.endpoints.replace_endpoint(disabled.enabled(NOW_MS), before=disabled)
    assert subject.changes(3) == Changes(version=4, endpoints_enabled=(endpoint.id,))
    registry.subscriptions.delete_subscription(changed)
    assert subject.changes(4) == Changes(version=5, removed=(made.id,))
    assert subject.changes(0) == Changes(
        version=5, removed=(made.id,), endpoints_enabled=(endpoint.id,)
    )


def test_what_does_not_alter_matching_is_not_in_the_log(subject: Subject) -> None:
    endpoint = subject.endpoint()
    made = subject.subscription(endpoint)
    subject.registry.subscriptions.replace_subscription(replace(made, description="d"), before=made)
    subject.registry.endpoints.replace_endpoint(replace(endpoint, description="d"), before=endpoint)
    assert subject.changes(1) == Changes(version=1)


def test_a_reader_older_than_the_log_must_load_again(subject: Subject) -> None:
    endpoint = subject.endpoint()
    for _ in range(3):
        subject.subscription(endpoint)
    subject.forget_change(1)
    subject.forget_change(2)

    matching = subject.registry.matching
    assert matching.changes_since(subject.project, 0) is None
    assert matching.changes_since(subject.project, 1) is None
    assert len(subject.changes(2).upserts) == 1
    subject.forget_change(3)
    assert matching.changes_since(subject.project, 2) is None
    assert subject.changes(3) == Changes(version=3)
    assert matching.changes_since(subject.project, 4) is None
    assert matching.changes_since("prj_none", 0) is None


def test_writers_side_by_side_leave_no_gap(subject: Subject) -> None:
    endpoint = subject.endpoint()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: subject.subscription(endpoint), range(24)))

    changes = subject.changes(0)
    assert changes.version == 24
    assert {row.subscription_id for row in changes.upserts} == {each.id for each in made}


def test_the_whole_set_is_what_the_changes_add_up_to(subject: Subject) -> None:
    endpoints = [subject.endpoint() for _ in range(3)]
    made = [subject.subscription(each, event_types=("a.*",)) for each in endpoints]
    subject.registry.endpoints.replace_endpoint(
        endpoints[0].disabled("failing", NOW_MS), before=endpoints[0]
    )
    subject.registry.endpoints.delete_endpoint(endpoints[2])

    whole = subject.registry.matching.load_matching_set(subject.project)
    assert whole.version == 5
    assert whole.rows == (made[0].match_row(), made[1].match_row())
    assert whole.disabled_endpoints == {endpoints[0].id}


def test_subscriptions_of_one_endpoint_are_listed_apart(subject: Subject) -> None:
    one, two = subject.endpoint(), subject.endpoint()
    mine = [subject.subscription(one).id for _ in range(3)]
    others = [subject.subscription(two).id for _ in range(2)]
    store = subject.registry.subscriptions

    first = store.list_subscriptions(subject.project, limit=2, after=None, endpoint_id=one.id)
    rest = store.list_subscriptions(
        subject.project, limit=2, after=first.next_after, endpoint_id=one.id
    )
    assert [each.id for each in (*first.items, *rest.items)] == mine
    assert rest.next_after is None
    whole = store.list_subscriptions(subject.project, limit=9, after=None, endpoint_id=None)
    assert [each.id for each in whole.items] == mine + others
    foreign = store.list_subscriptions("prj_other", limit=9, after=None, endpoint_id=one.id)
    assert foreign.items == ()


# Deleting an endpoint


def test_a_deleted_endpoint_stops_at_once_and_is_to_be_purged(subject: Subject) -> None:
    endpoint = subject.endpoint()
    made = subject.subscription(endpoint)
    store = subject.registry.endpoints
    purges = subject.registry.endpoints
    store.delete_endpoint(endpoint)

    assert store.get_endpoint(subject.project, endpoint.id) is None
    assert store.get_endpoints(subject.project, [endpoint.id]) == {}
    assert subject.changes(1) == Changes(version=2, endpoints_disabled=(endpoint.id,))
    assert (subject.project, endpoint.id) in purges.pending_purges()
    with pytest.raises(VersionConflict):
        store.delete_endpoint(endpoint)

    assert purges.purge_subscriptions(subject.project, endpoint.id)
    assert subject.changes(2) == Changes(version=3, removed=(made.id,))
    assert (subject.project, endpoint.id) not in purges.pending_purges()
    assert subject.registry.subscriptions.get_subscription(subject.project, made.id) is None


def test_many_subscriptions_go_in_pieces(subject: Subject) -> None:
    endpoint = subject.endpoint()
    made = [subject.subscription(endpoint).id for _ in range(PURGE_SUBSCRIPTIONS + 5)]
    purges = subject.registry.endpoints
    subject.registry.endpoints.delete_endpoint(endpoint)

    assert not purges.purge_subscriptions(subject.project, endpoint.id)
    assert (subject.project, endpoint.id) in purges.pending_purges()
    assert purges.purge_subscriptions(subject.project, endpoint.id)
    assert set(subject.changes(0).removed) == set(made)
    assert purges.purge_subscriptions(subject.project, endpoint.id)


# Snapshots


@pytest.mark.parametrize("size", [0, 1_000, 300_000, 300_001, 900_000])
def test_a_snapshot_comes_back_whatever_its_size(subject: Subject, size: int) -> None:
    data = os.urandom(size)
    matching = subject.registry.matching
    assert matching.read_snapshot(subject.project) is None
    matching.write_snapshot(subject.project, 3, data)
    assert matching.read_snapshot(subject.project) == (3, data)


def test_an_older_snapshot_never_replaces_a_newer_one(subject: Subject) -> None:
    matching = subject.registry.matching
    matching.write_snapshot(subject.project, 5, b"x" * 300_001)
    matching.write_snapshot(subject.project, 4, b"older")
    matching.write_snapshot(subject.project, 5, b"same")
    assert matching.read_snapshot(subject.project) == (5, b"x" * 300_001)
    matching.write_snapshot(subject.project, 6, b"y" * 300_001)
    assert matching.read_snapshot(subject.project) == (6, b"y" * 300_001)
    matching.write_snapshot(subject.project, 7, b"newer")
    assert matching.read_snapshot(subject.project) == (7, b"newer")
