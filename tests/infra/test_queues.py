"""Queues, their dead letters, and what is read from them."""

from __future__ import annotations

import json

import pytest

from hooktrace.domain.retry import RETURN_SECONDS
from infra.queues import MATCH_TIMEOUT_SECONDS, OPERATE_TIMEOUT_SECONDS
from infra.settings import Settings
from tests.infra.conftest import Template

QUEUE = "AWS::SQS::Queue"
MAPPING = "AWS::Lambda::EventSourceMapping"
DAY = 86_400


@pytest.mark.parametrize(
    ("lane", "on_aws", "locally"),
    [("Match", 360, 60), ("Deliver", 360, 40), ("Slow", 360, 40), ("Operate", 360, 60)],
)
def test_visibility_follows_the_functions_timeout(
    prod: Template, local: Template, lane: str, on_aws: int, locally: int
) -> None:
    for template, seconds in ((prod, on_aws), (local, locally)):
        main = template.of_type(QUEUE)[_queue_id(template, lane)]["Properties"]
        assert main["VisibilityTimeout"] == seconds


def test_what_comes_back_never_comes_later_than_its_queue_shows_it() -> None:
    """The shortest time that the settings allow is that of one function time-out."""
    (shortest,) = (
        bound.ge
        for bound in Settings.model_fields["deliver_timeout_seconds"].metadata
        if hasattr(bound, "ge")
    )
    assert max(RETURN_SECONDS) < min(shortest, MATCH_TIMEOUT_SECONDS, OPERATE_TIMEOUT_SECONDS)


@pytest.mark.parametrize("lane", ["Match", "Deliver", "Slow", "Operate"])
def test_each_queue_has_dead_letters_of_its_own(prod: Template, lane: str) -> None:
    redrive = prod.of_type(QUEUE)[_queue_id(prod, lane)]["Properties"]["RedrivePolicy"]
    assert redrive["maxReceiveCount"] == 5
    assert redrive["deadLetterTargetArn"] == _arn(prod.id_of(QUEUE, f"{lane}Dlq"))


@pytest.mark.parametrize("lane", ["Match", "Deliver", "Slow", "Operate", "Notify"])
def test_dead_letters_are_kept_for_a_fortnight(prod: Template, lane: str) -> None:
    assert prod.one(QUEUE, f"{lane}Dlq")["MessageRetentionPeriod"] == 14 * DAY


def test_every_queue_is_encrypted_and_refuses_plain_http(prod: Template) -> None:
    queues = prod.of_type(QUEUE)
    assert len(queues) == 9
    assert all(q["Properties"]["SqsManagedSseEnabled"] is True for q in queues.values())
    denied = set()
    for policy in prod.of_type("AWS::SQS::QueuePolicy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}:
                assert statement["Effect"] == "Deny"
                denied.add(statement["Resource"]["Fn::GetAtt"][0])
    assert denied == set(queues)


@pytest.mark.parametrize(
    ("lane", "room", "batch", "window", "concurrency"),
    [
        ("Match", "match", 10, 0, 50),
        ("Deliver", "deliver", 10, 0, 50),
        ("Slow", "deliver", 100, 1, 20),
        ("Operate", "operate", 1, 0, 2),
    ],
)
def test_queues_are_read_in_batches_that_fail_by_item(
    prod: Template, lane: str, room: str, batch: int, window: int, concurrency: int
) -> None:
    mapping = prod.one(MAPPING, f"Workers{lane}")
    function = prod.id_of("AWS::Lambda::Function", f"{room.title()}Function")
    assert mapping["EventSourceArn"] == _arn(_queue_id(prod, lane))
    assert mapping["FunctionName"] == {"Ref": function}
    assert mapping["BatchSize"] == batch
    assert mapping["MaximumBatchingWindowInSeconds"] == window
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": concurrency}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_stream_gives_up_on_a_record_after_20_hours_and_says_so(prod: Template) -> None:
    mapping = prod.one(MAPPING, "WorkersStream")
    assert mapping["BisectBatchOnFunctionError"] is True
    assert "MaximumRetryAttempts" not in mapping  # without end, until the record's age
    assert mapping["MaximumRecordAgeInSeconds"] == 20 * 3_600
    assert mapping["BatchSize"] == 100
    destination = mapping["DestinationConfig"]["OnFailure"]["Destination"]
    assert destination == _arn(prod.id_of(QUEUE, "NotifyDlq"))


def test_the_stream_leaves_out_other_items_and_removals_but_of_events_with_large_bodies(
    prod: Template,
) -> None:
    changes, removals = (
        json.loads(one["Pattern"])
        for one in prod.one(MAPPING, "WorkersStream")["FilterCriteria"]["Filters"]
    )
    assert changes == {
        "eventName": ["INSERT", "MODIFY"],
        "dynamodb": {"Keys": {"SK": {"S": [{"prefix": f"{kind}#"} for kind in "EDHO"]}}},
    }
    assert removals == {
        "eventName": ["REMOVE"],
        "userIdentity": {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]},
        "dynamodb": {"Keys": {"SK": {"S": [{"prefix": "E#"}]}}, "OldImage": {"p": {"S": ["s3"]}}},
    }


def _queue_id(template: Template, lane: str) -> str:
    (found,) = [
        name for name in template.of_type(QUEUE) if f"Queues{lane}" in name and "Dlq" not in name
    ]
    return found


def _arn(logical_id: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}
