"""The registry's promises, kept alike by DynamoDB and by the shipped fake."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from hooktrace.adapters.registry.table import Check, Delete, Put
from hooktrace.domain.audit import AuditRecord
from hooktrace.domain.errors import NotFound
from hooktrace.domain.ids import ulid
from hooktrace.domain.registry import Project, RateLimit, SigningSecret, VersionConflict
from tests.conformance.registry_subject import NOW_MS, Subject, new_id, new_key, subject

__all__ = ["subject"]


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
        rate_limit=RateLimit(7, 60),
        concurrency=2,
        permanent_statuses=(404, 422),
        headers=(("X-One", "1"), ("X-Two", "")),
        payload="data",
        metadata={"team": "a"},
        signatures=("v1", "v1a"),
    )
    bare = subject.endpoint()

    found = subject.registry.endpoints.get_endpoints(
        subject.project, [full.id, bare.id, full.id, "ep_none"]
    )
    assert found == {full.id: full, bare.id: bare}


def test_both_secrets_of_a_rotation_come_back(subject: Subject) -> None:
    before = subject.endpoint()
    after = subject.registry.endpoints.replace_endpoint(
        before.rotated([SigningSecret("whsec_BBBB")], NOW_MS), before=before
    )
    assert subject.registry.endpoints.get_endpoint(subject.project, before.id) == after
    assert after.signing_secrets(NOW_MS) == ("whsec_BBBB", "whsec_AAAA")


def test_a_private_key_comes_back_with_its_public_half(subject: Subject) -> None:
    before = subject.endpoint(signatures=("v1a",))
    key = SigningSecret("whsk_AAAA", public_key="whpk_AAAA")
    after = subject.registry.endpoints.replace_endpoint(
        before.rotated([key], NOW_MS), before=before
    )
    assert subject.registry.endpoints.get_endpoint(subject.project, before.id) == after
    assert after.signing_secrets(NOW_MS) == ("whsk_AAAA",)


def test_more_endpoints_than_one_batch_holds(subject: Subject) -> None:
    made = {endpoint.id: endpoint for endpoint in (subject.endpoint() for _ in range(130))}
    assert subject.registry.endpoints.get_endpoints(subject.project, made) == made


def test_endpoints_of_another_project_are_not_there(subject: Subject) -> None:
    endpoint = subject.endpoint()
    assert subject.registry.endpoints.get_endpoint("prj_other", endpoint.id) is None


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
    assert names("d", "b") == []


# The audit trail


def test_audit_records_are_read_in_both_orders_and_completed_in_place(subject: Subject) -> None:
    audit = subject.registry.audit
    made = [
        AuditRecord(
            id=f"aud_{ulid(NOW_MS + number, bytes(10))}",
            project_id=subject.project,
            at_ms=NOW_MS + number,
            key_id="key_x",
            action="updateEndpoint",
            request_id=f"r{number}",
            members=("url",) if number else (),
        )
        for number in range(5)
    ]
    for record in made:
        audit.put_audit(record)
    done = replace(made[2], status=200, target="ep_x")
    audit.put_audit(done)
    made[2] = done

    def read(
        low: int, high: int, *, limit: int = 10, descending: bool = False
    ) -> list[AuditRecord]:
        bounds = (made[low].id[4:], made[high].id[4:])
        return audit.read_audit(subject.project, *bounds, limit=limit, descending=descending)

    assert read(0, 4) == made
    assert read(1, 3) == made[1:4]
    assert read(1, 3, descending=True) == made[3:0:-1]
    assert read(0, 4, limit=2, descending=True) == [made[4], made[3]]
    assert audit.read_audit(new_id("prj"), "0", "Z", limit=9, descending=False) == []


def test_a_range_whose_ends_are_swapped_is_empty(subject: Subject) -> None:
    subject.endpoint()
    for descending in (False, True):
        assert (
            subject.table.query(f"PROJECT#{subject.project}", "F", "D", descending=descending) == []
        )
