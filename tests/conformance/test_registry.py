"""The registry's promises, kept alike by DynamoDB and by the shipped fake."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
from hooktrace.adapters.memory.registry import MemoryBlobs, MemoryRegistryTable
from hooktrace.adapters.registry.items import change_key
from hooktrace.adapters.registry.registry import Registry, registry_on
from hooktrace.adapters.registry.subscriptions import PURGE_SUBSCRIPTIONS
from hooktrace.adapters.registry.table import Check, Delete, Put, RegistryTable
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.domain.errors import NotFound
from hooktrace.domain.ids import ulid
from hooktrace.domain.keys import StoredKey
from hooktrace.domain.registry import (
    Changes,
    Endpoint,
    Project,
    SigningSecret,
    Subscription,
    VersionConflict,
)
from tests.emulator_fixtures import EmulatorTables

NOW_MS = 1_800_000_000_000


@dataclass
class Subject:
    """A registry under test, with a project of its own in it."""

    registry: Registry
    table: RegistryTable
    project: str

    def endpoint(self, **fields: Any) -> Endpoint:
        made = Endpoint(
            id=new_id("ep"),
            project_id=self.project,
            url="https://hooks.example.com/in",
            created_ms=NOW_MS,
            updated_ms=NOW_MS,
            secrets=(SigningSecret("whsec_AAAA"),),
            **fields,
        )
        self.registry.endpoints.create_endpoint(made)
        return made

    def subscription(self, endpoint: Endpoint, **fields: Any) -> Subscription:
        made = self.unsaved_subscription(endpoint, **fields)
        self.registry.subscriptions.create_subscription(made)
        return made

    def unsaved_subscription(self, endpoint: Endpoint, **fields: Any) -> Subscription:
        return Subscription(
            id=new_id("sub"),
            project_id=self.project,
            endpoint_id=endpoint.id,
            created_ms=NOW_MS,
            updated_ms=NOW_MS,
            **fields,
        )

    def changes(self, version: int) -> Changes:
        found = self.registry.matching.changes_since(self.project, version)
        assert found is not None
        return found

    def forget_change(self, version: int) -> None:
        """What the table's expiry does to the change log."""
        assert self.table.transact([Delete(change_key(self.project, version))]) is None


_numbers = iter(range(10**9))


def new_id(prefix: str) -> str:
    return f"{prefix}_{ulid(NOW_MS + next(_numbers), os.urandom(10))}"


def new_key(project_id: str) -> StoredKey:
    return StoredKey(
        key_id=new_id("key"),
        project_id=project_id,
        secret_sha256="0" * 64,
        scopes=frozenset({"read", "write"}),
        name="n",
        expires_at=NOW_MS + 1,
    )


def emulated(emulator: EmulatorTables) -> tuple[RegistryTable, Any]:
    s3 = emulator.client("s3")
    table = DynamoRegistryTable(emulator.client("dynamodb"), emulator.registry_table)
    return table, S3Blobs(lambda: s3, emulator.blobs_bucket)


@pytest.fixture(params=["memory", pytest.param("emulator", marks=pytest.mark.emulator)])
def subject(request: pytest.FixtureRequest) -> Subject:
    table: RegistryTable = MemoryRegistryTable()
    blobs: Any = MemoryBlobs()
    if request.param == "emulator":
        table, blobs = emulated(request.getfixturevalue("emulator"))
    registry = registry_on(table, blobs, lambda: NOW_MS)
    project = Project(id=new_id("prj"), name="conformance", created_ms=NOW_MS)
    registry.projects.create_project(project, [])
    return Subject(registry, table, project.id)


# Projects and keys


def test_a_project_comes_with_its_keys_and_is_listed(subject: Subject) -> None:
    project = Project(id=new_id("prj"), name="p", created_ms=NOW_MS, allow_http=True, shards=8)
    key = new_key(project.id)
    subject.registry.projects.create_project(project, [key])

    assert subject.registry.projects.get_project(project.id) == project
    assert project.id in subject.registry.projects.list_projects()
    assert subject.registry.keys.load_key(key.key_id) == key
    assert subject.registry.keys.list_keys(project.id) == [key]


def test_a_project_changes_only_from_the_version_that_was_read(subject: Subject) -> None:
    store = subject.registry.projects
    before = store.get_project(subject.project)
    assert before is not None
    after = store.replace_project(replace(before, retention_days=7), before=before)

    assert (after.version, after.retention_days) == (2, 7)
    assert store.get_project(subject.project) == after
    with pytest.raises(VersionConflict):
        store.replace_project(replace(before, name="late"), before=before)


def test_a_revoked_key_is_gone_everywhere(subject: Subject) -> None:
    keys = subject.registry.keys
    key = new_key(subject.project)
    keys.create_key(key)
    keys.revoke_key(subject.project, key.key_id)

    assert keys.load_key(key.key_id) is None
    assert keys.list_keys(subject.project) == []
    with pytest.raises(NotFound):
        keys.revoke_key(subject.project, key.key_id)


def test_a_key_is_revoked_by_its_own_project_only(subject: Subject) -> None:
    other = Project(id=new_id("prj"), name="other", created_ms=NOW_MS)
    key = new_key(other.id)
    subject.registry.projects.create_project(other, [key])

    with pytest.raises(NotFound):
        subject.registry.keys.revoke_key(subject.project, key.key_id)
    assert subject.registry.keys.load_key(key.key_id) == key


# Endpoints


def test_every_field_of_an_endpoint_comes_back(subject: Subject) -> None:
    full = subject.endpoint(
        state="disabled",
        disabled_reason="gone",
        disabled_ms=NOW_MS,
        description="päyments",
        retry_schedule=(),
        timeout_seconds=3,
        rate_limit_per_second=7,
        concurrency=2,
        permanent_statuses=(404, 422),
        headers=(("X-One", "1"), ("X-Two", "")),
        payload="data",
        metadata={"team": "a"},
    )
    bare = subject.endpoint()

    found = subject.registry.endpoints.get_endpoints(
        subject.project, [full.id, bare.id, full.id, "ep_none"]
    )
    assert found == {full.id: full, bare.id: bare}


def test_both_secrets_of_a_rotation_come_back(subject: Subject) -> None:
    before = subject.endpoint()
    after = subject.registry.endpoints.replace_endpoint(
        before.rotated("whsec_BBBB", NOW_MS), before=before
    )
    assert subject.registry.endpoints.get_endpoint(subject.project, before.id) == after
    assert after.signing_secrets(NOW_MS) == ("whsec_BBBB", "whsec_AAAA")


def test_more_endpoints_than_one_batch_holds(subject: Subject) -> None:
    made = {endpoint.id: endpoint for endpoint in (subject.endpoint() for _ in range(130))}
    assert subject.registry.endpoints.get_endpoints(subject.project, made) == made


def test_endpoints_of_another_project_are_not_there(subject: Subject) -> None:
    endpoint = subject.endpoint()
    assert subject.registry.endpoints.get_endpoint("prj_other", endpoint.id) is None
    assert not subject.registry.endpoints.is_deleted("prj_other", endpoint.id)


def test_lists_walk_in_order_of_creation(subject: Subject) -> None:
    made = [subject.endpoint().id for _ in range(5)]
    seen: list[str] = []
    after = None
    while True:
        page = subject.registry.endpoints.list_endpoints(subject.project, limit=2, after=after)
        seen += [endpoint.id for endpoint in page.items]
        if (after := page.next_after) is None:
            break
    assert seen == made


def test_fifty_writers_on_one_version_have_one_winner(subject: Subject) -> None:
    before = subject.endpoint()
    start = threading.Barrier(50)

    def write(number: int) -> bool:
        start.wait()
        try:
            subject.registry.endpoints.replace_endpoint(
                replace(before, description=str(number)), before=before
            )
        except VersionConflict:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        wins = list(pool.map(write, range(50)))
    assert wins.count(True) == 1
    stored = subject.registry.endpoints.get_endpoint(subject.project, before.id)
    assert stored == replace(before, description=str(wins.index(True)), version=2)


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


def test_a_deleted_endpoint_stops_at_once_and_leaves_a_tombstone(subject: Subject) -> None:
    endpoint = subject.endpoint()
    made = subject.subscription(endpoint)
    store = subject.registry.endpoints
    purges = subject.registry.subscriptions
    store.delete_endpoint(endpoint)

    assert store.get_endpoint(subject.project, endpoint.id) is None
    assert store.is_deleted(subject.project, endpoint.id)
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
    purges = subject.registry.subscriptions
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


# The table itself


def test_a_transaction_is_all_or_nothing_and_says_which(subject: Subject) -> None:
    pk = f"T#{subject.project}"
    one = {"PK": {"S": pk}, "SK": {"S": "1"}, "v": {"N": "1"}}
    two = {"PK": {"S": pk}, "SK": {"S": "2"}, "v": {"N": "1"}}
    assert subject.table.transact([Put(one, over="nothing")]) is None

    assert subject.table.transact([Put(two), Put(one, over="nothing")]) == [None, "condition"]
    assert subject.table.transact([Put(two), Delete((pk, "1"), version=2)]) == [None, "condition"]
    assert subject.table.transact([Put(two), Check((pk, "3"))]) == [None, "condition"]
    assert subject.table.get([(pk, "2")]) == {}
    assert subject.table.transact([Put(two), Delete((pk, "1"), version=1)]) is None
    assert subject.table.get([(pk, "1"), (pk, "2")]) == {(pk, "2"): two}


def test_a_range_is_inclusive_ordered_and_limited(subject: Subject) -> None:
    pk = f"T#{subject.project}"
    for sk in ("c", "a", "d", "b"):
        subject.table.transact([Put({"PK": {"S": pk}, "SK": {"S": sk}})])

    def names(low: str, high: str, limit: int | None = None) -> list[str]:
        return [item["SK"]["S"] for item in subject.table.query(pk, low, high, limit=limit)]

    assert names("a", "c") == ["a", "b", "c"]
    assert names("", "~") == ["a", "b", "c", "d"]
    assert names("a ", "~", 2) == ["b", "c"]
    assert names("x", "~") == []
