"""The archive: nothing of it unless it is asked for, and then a room that keeps, no more."""

from __future__ import annotations

import json

import pytest

from infra.permissions import ALL_ROOMS, ROOMS, WITH_ARCHIVE
from infra.workers import EXPIRED_FILTER, LARGE_FILTER, STREAM_FILTER
from tests.infra.conftest import Template, synthesize
from tests.infra.test_rooms import _list, _owner, _statements

pytestmark = pytest.mark.xdist_group("templates")
MAPPING = "AWS::Lambda::EventSourceMapping"


@pytest.fixture(scope="module")
def archiving(tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = tmp_path_factory.mktemp("archiving")
    return synthesize(folder, nag=True, archive="traces", archive_days=730, alarms="all")


def test_without_the_setting_there_is_nothing_of_it(prod: Template) -> None:
    assert "rchive" not in json.dumps(prod.body)
    assert len(prod.of_type("AWS::S3::Bucket")) == 1


def test_with_it_a_room_a_bucket_and_a_queue_come_on_top(
    prod: Template, archiving: Template
) -> None:
    handlers = {
        f["Properties"]["Handler"] for f in archiving.of_type("AWS::Lambda::Function").values()
    }
    assert handlers == {f"functions.{room}.handler.handle" for room in (*ROOMS, "archive")}
    assert len(archiving.of_type("AWS::S3::Bucket")) == len(prod.of_type("AWS::S3::Bucket")) + 1
    assert archiving.one("AWS::SQS::Queue", "ArchiveDlq")["MessageRetentionPeriod"] == 14 * 86_400
    assert {"ArchiveBucket", "ArchiveDlqUrl", "ArchiveFunction"} <= set(archiving.body["Outputs"])


def test_it_reads_what_time_removed_and_nothing_that_was_deleted(archiving: Template) -> None:
    mapping = archiving.one(MAPPING, "WorkersExpired")
    (pattern,) = mapping["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == EXPIRED_FILTER
    assert EXPIRED_FILTER["userIdentity"] == {
        "type": ["Service"],
        "principalId": ["dynamodb.amazonaws.com"],
    }
    assert mapping["BatchSize"] == 1_000
    assert mapping["MaximumBatchingWindowInSeconds"] == 300


def test_what_it_could_not_keep_is_tried_for_most_of_a_day_then_said(archiving: Template) -> None:
    mapping = archiving.one(MAPPING, "WorkersExpired")
    assert "MaximumRetryAttempts" not in mapping  # until the record is too old
    assert mapping["MaximumRecordAgeInSeconds"] == 20 * 3_600
    queue = archiving.id_of("AWS::SQS::Queue", "ArchiveDlq")
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {
        "Fn::GetAtt": [queue, "Arn"]
    }


def test_the_stream_has_two_readers_and_no_more(archiving: Template) -> None:
    """DynamoDB throttles where more than two read a shard."""
    mappings = [m["Properties"] for m in archiving.of_type(MAPPING).values()]
    patterns = [
        json.loads(m["FilterCriteria"]["Filters"][0]["Pattern"])
        for m in mappings
        if "FilterCriteria" in m
    ]
    assert sorted(patterns, key=str) == sorted([EXPIRED_FILTER, STREAM_FILTER], key=str)


def test_its_role_reads_large_bodies_and_puts_into_the_archive_alone(archiving: Template) -> None:
    role = archiving.id_of("AWS::IAM::Role", "ArchiveRole")
    statements = _statements(archiving, role)
    actions = {action for statement in statements for action in _list(statement)}
    assert actions == WITH_ARCHIVE["archive"].actions
    bucket = archiving.id_of("AWS::S3::Bucket", "Archive")
    owners = {
        action: _owner(statement["Resource"])
        for statement in statements
        for action in _list(statement)
        if action.startswith("s3:")
    }
    assert owners["s3:PutObject"] == bucket
    assert owners["s3:GetObject"] == archiving.id_of("AWS::S3::Bucket", "Blobs")


def test_large_bodies_are_deleted_by_the_room_that_keeps_them_or_else_by_notify(
    prod: Template, archiving: Template
) -> None:
    """Deleted by both, one could come before the other has kept it."""
    for template, rooms, deletes in ((prod, ROOMS, "true"), (archiving, ALL_ROOMS, "false")):
        role = template.id_of("AWS::IAM::Role", "NotifyRole")
        found = {action for one in _statements(template, role) for action in _list(one)}
        assert found == rooms["notify"].actions
        assert ("s3:DeleteObjectVersion" in found) == (deletes == "true")
        variables = template.function("notify")["Environment"]["Variables"]
        assert variables["DELETES_BODIES"] == deletes
        mapping = template.one(MAPPING, "WorkersStream")
        patterns = [json.loads(one["Pattern"]) for one in mapping["FilterCriteria"]["Filters"]]
        assert (LARGE_FILTER in patterns) == (deletes == "true")
        assert patterns[0] == STREAM_FILTER
    assert "s3:DeleteObjectVersion" in WITH_ARCHIVE["archive"].actions


def test_no_other_role_reaches_the_archive(archiving: Template) -> None:
    bucket = archiving.id_of("AWS::S3::Bucket", "Archive")
    reaching = {
        name
        for name, policy in archiving.of_type("AWS::IAM::Policy").items()
        if bucket in json.dumps(policy)
    }
    assert len(reaching) == 1
    assert "ArchiveRole" in reaching.pop()


@pytest.mark.parametrize("keep", ["traces", "data"])
def test_the_setting_says_whether_data_is_kept(
    tmp_path_factory: pytest.TempPathFactory, keep: str
) -> None:
    template = synthesize(tmp_path_factory.mktemp(keep), archive=keep)
    variables = template.function("archive")["Environment"]["Variables"]
    assert variables["ARCHIVE_DATA"] == {"traces": "false", "data": "true"}[keep]
    assert variables["ARCHIVE_BUCKET"] == {"Ref": template.id_of("AWS::S3::Bucket", "Archive")}


def test_the_bucket_is_closed_and_keeps_what_it_has_for_as_long_as_is_set(
    archiving: Template, local: Template
) -> None:
    bucket = archiving.one("AWS::S3::Bucket", "Archive")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert _expirations(archiving) == [730]
    assert _expirations(local) == []
    (resource,) = (
        r for name, r in archiving.of_type("AWS::S3::Bucket").items() if "Archive" in name
    )
    assert resource["DeletionPolicy"] == "Retain"


def test_its_alarms_are_those_of_a_room_that_reads_the_stream(archiving: Template) -> None:
    alarms = " ".join(archiving.of_type("AWS::CloudWatch::Alarm"))
    for name in ("ArchiveErrors", "ArchiveThrottles", "ArchiveStreamAge", "ArchiveDeadLetters"):
        assert name in alarms


def _expirations(template: Template) -> list[int]:
    rules = template.one("AWS::S3::Bucket", "Archive")["LifecycleConfiguration"]["Rules"]
    return [rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule]
