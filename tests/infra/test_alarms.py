"""Alarms: each with its metric, threshold, missing-data rule, action and section of the runbook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from infra.alarm_table import LEAST, Alarm, Series
from infra.permissions import ALL_ROOMS, ROOMS
from tests.infra.conftest import Template, synthesize
from tests.unit.test_docs import HEADING, page, slug

ALARM = "AWS::CloudWatch::Alarm"
OWN = "Hooktrace"
MATH_SHARE = f"IF(FILL(m1, 0) >= {LEAST}, 100 * FILL(m0, 0) / m1, 0)"
MATH_SHORTFALL = f"IF(FILL(m1, 0) >= {LEAST}, 100 * (m1 - FILL(m0, 0)) / m1, 0)"
MATH_SUM = "FILL(m0, 0) + FILL(m1, 0)"
AT_LEAST, BELOW = "GreaterThanOrEqualToThreshold", "LessThanThreshold"

DEPTH = ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum")
TAKEN = ("AWS/SQS", "NumberOfMessagesReceived", "Sum")
AGE = ("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum")

# Metrics, expression, threshold, period, periods (datapoints), missing data, comparison.
FIXED: dict[str, tuple[Any, ...]] = {
    "FirstAttemptSlow": (
        [(OWN, "TimeToFirstAttempt", "p99")], None, 30_000, 300, (3, None), "notBreaching", AT_LEAST
    ),
    "DeliveredSlow": (
        [(OWN, "TimeToTerminal", "p99")], None, 300_000, 300, (3, None), "notBreaching", AT_LEAST
    ),
    "DiscardRate": (
        [(OWN, "Discarded", "Sum"), (OWN, "Accepted", "Sum")],
        MATH_SHARE, 50, 300, (3, None), "notBreaching", AT_LEAST,
    ),
    "FailureRate": (
        [(OWN, "Delivered", "Sum"), (OWN, "Attempts", "Sum")],
        MATH_SHORTFALL, 50, 300, (3, None), "notBreaching", AT_LEAST,
    ),
    "SweepNotRunning": (
        [("AWS/Lambda", "Invocations", "Sum")], None, 1, 60, (5, None), "breaching", BELOW
    ),
    "OldestWaiting": (
        [(OWN, "OldestWaiting", "Maximum")], None, 900, 300, (1, None), "notBreaching", AT_LEAST
    ),
    "Api5xx": (
        [("AWS/ApiGateway", "5xx", "Sum")], None, 5, 300, (1, None), "notBreaching", AT_LEAST
    ),
}  # fmt: skip


def _expected(template: Template) -> dict[str, tuple[Any, ...]]:
    """The fixed ones, and those of each queue, room, stream and table of the template."""
    found = dict(FIXED)
    drained = {name.replace("_", "") for room in ROOMS.values() for name in room.drains}
    for name in _queues(template):
        if name.endswith("Dlq"):
            taken = name.lower() in drained
            found[f"{name[:-3]}DeadLetters"] = (
                [DEPTH, TAKEN] if taken else [DEPTH],
                MATH_SUM if taken else None,
                1, 60, (1, None), "notBreaching", AT_LEAST,
            )  # fmt: skip
        else:
            limit = 300 if name == "Match" else 1_800
            found[f"{name}QueueAge"] = ([AGE], None, limit, 60, (5, 3), "notBreaching", AT_LEAST)
    deployed = str(template.of_type("AWS::Lambda::Function"))
    rooms = {r: one for r, one in ALL_ROOMS.items() if f"functions.{r}.handler" in deployed}
    for room, allowed in rooms.items():
        for metric, limit in (("Errors", 3), ("Throttles", 5)):
            series = [("AWS/Lambda", metric, "Sum")]
            found[f"{room.title()}{metric}"] = (
                series, None, limit, 300, (1, None), "notBreaching", AT_LEAST,
            )  # fmt: skip
        if allowed.stream:
            series = [("AWS/Lambda", "IteratorAge", "Maximum")]
            found[f"{room.title()}StreamAge"] = (
                series, None, 300_000, 60, (5, 3), "notBreaching", AT_LEAST,
            )  # fmt: skip
    for table in ("Ledger", "Registry"):
        series = [("AWS/DynamoDB", f"{kind}ThrottleEvents", "Sum") for kind in ("Read", "Write")]
        found[f"{table}Throttles"] = (
            series, MATH_SUM, 10, 60, (3, 2), "notBreaching", AT_LEAST,
        )  # fmt: skip
    return found


def _queues(template: Template) -> set[str]:
    names = template.of_type("AWS::SQS::Queue")
    return {re.sub(r"^Queues|[0-9A-F]{8}$", "", name) for name in names}


def _alarms(template: Template) -> dict[str, dict[str, Any]]:
    """By name; a logical id is the path, then a hash of 8."""
    found = template.of_type(ALARM)
    return {
        re.sub(r"^ObservabilityAlarms|[0-9A-F]{8}$", "", name): one["Properties"]
        for name, one in found.items()
    }


def _series(alarm: dict[str, Any]) -> list[tuple[str, str, str]]:
    if "MetricName" in alarm:
        statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
        return [(alarm["Namespace"], alarm["MetricName"], statistic)]
    stats = [one["MetricStat"] for one in alarm["Metrics"] if "MetricStat" in one]
    return [(s["Metric"]["Namespace"], s["Metric"]["MetricName"], s["Stat"]) for s in stats]


def _period(alarm: dict[str, Any]) -> int:
    if "Period" in alarm:
        return int(alarm["Period"])
    (seconds,) = {one["MetricStat"]["Period"] for one in alarm["Metrics"] if "MetricStat" in one}
    return int(seconds)


def _expression(alarm: dict[str, Any]) -> str | None:
    return next((m["Expression"] for m in alarm.get("Metrics", []) if "Expression" in m), None)


def _seen(alarm: dict[str, Any]) -> tuple[Any, ...]:
    return (
        _series(alarm),
        _expression(alarm),
        alarm["Threshold"],
        _period(alarm),
        (alarm["EvaluationPeriods"], alarm.get("DatapointsToAlarm")),
        alarm["TreatMissingData"],
        alarm["ComparisonOperator"],
    )


def test_each_alarm_has_its_metric_threshold_and_missing_data_rule(prod: Template) -> None:
    seen = {name: _seen(alarm) for name, alarm in _alarms(prod).items()}
    throttled_rooms = {f"{room.title()}Throttles" for room in ROOMS}
    assert seen == {k: v for k, v in _expected(prod).items() if k not in throttled_rooms}


def test_all_alarms_are_those_of_the_local_stack(local: Template) -> None:
    assert {name: _seen(alarm) for name, alarm in _alarms(local).items()} == _expected(local)


def test_each_alarm_tells_the_topic_when_it_fires_and_when_it_is_over(prod: Template) -> None:
    topic = {"Ref": prod.id_of("AWS::SNS::Topic", "Topic")}
    for name, alarm in _alarms(prod).items():
        assert alarm["AlarmActions"] == [topic], name
        assert alarm["OKActions"] == [topic], name


def test_each_description_leads_to_a_section_of_the_runbook(prod: Template) -> None:
    sections = {slug(head) for head in HEADING.findall(page("docs/runbook.md"))}
    for name, alarm in _alarms(prod).items():
        said = re.fullmatch(r"(.+\.) What to do: docs/runbook\.md#(\S+)", alarm["AlarmDescription"])
        assert said is not None, name
        assert said[2] in sections, name


def test_dimensions_name_the_resources_of_this_stack(prod: Template) -> None:
    owners: dict[str, set[str]] = {}
    for name, alarm in _alarms(prod).items():
        found = alarm.get("Dimensions") or [
            dimension
            for one in alarm.get("Metrics", [])
            for dimension in one.get("MetricStat", {}).get("Metric", {}).get("Dimensions", [])
        ]
        for one in found:
            owners.setdefault(one["Name"], set()).add(str(one["Value"]))
            if isinstance(one["Value"], dict):
                (target,) = one["Value"].values()
                target = target if isinstance(target, str) else target[0]
                assert target in prod.body["Resources"], name
    assert len(owners["QueueName"]) == len(prod.of_type("AWS::SQS::Queue"))
    assert len(owners["FunctionName"]) == len(prod.of_type("AWS::Lambda::Function"))
    assert len(owners["TableName"]) == len(prod.of_type("AWS::DynamoDB::Table"))
    assert owners["outcome"] == {"success"}


def test_cloudwatch_may_publish_to_the_topic_and_only_over_tls(prod: Template) -> None:
    policy = prod.one("AWS::SNS::TopicPolicy", "Topic")["PolicyDocument"]["Statement"]
    allowed = [s for s in policy if s["Effect"] == "Allow"]
    assert [s["Principal"] for s in allowed] == [{"Service": "cloudwatch.amazonaws.com"}]
    assert allowed[0]["Action"] == "sns:Publish"
    assert allowed[0]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }
    (denied,) = [s for s in policy if s["Effect"] == "Deny"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_what_a_deployment_may_set(tmp_path: Path) -> None:
    given = {
        "alarms": "essential",
        "alarm_email": "ops@example.com",
        "alarm_delivered_seconds": 60,
        "alarm_discard_percent": 90,
        "alarm_failure_percent": 20,
        "runbook_url": "https://example.com/runbook",
        "saved_queries": False,
        "tracing": True,
    }
    template = synthesize(tmp_path, nag=True, **given)
    alarms = _alarms(template)
    assert not [n for n in alarms if n.endswith(("Errors", "Throttles"))]
    assert alarms["DeliveredSlow"]["Threshold"] == 60_000
    assert alarms["DiscardRate"]["Threshold"] == 90
    assert alarms["FailureRate"]["Threshold"] == 20
    assert (
        "https://example.com/runbook#sweep-not-running"
        in (alarms["SweepNotRunning"]["AlarmDescription"])
    )
    subscription = template.one("AWS::SNS::Subscription", "Topic")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ops@example.com")
    assert template.of_type("AWS::Logs::QueryDefinition") == {}
    for room in ROOMS:
        assert template.function(room)["TracingConfig"] == {"Mode": "Active"}
        assert _trace_statements(template, room) == [
            {
                "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
                "Effect": "Allow",
                "Resource": "*",
            }
        ]


def test_rooms_are_not_traced_unless_it_is_set(prod: Template) -> None:
    for room in ROOMS:
        assert "TracingConfig" not in prod.function(room)
        assert _trace_statements(prod, room) == []


def _trace_statements(template: Template, room: str) -> list[Any]:
    role = template.id_of("AWS::IAM::Role", f"{room.title()}Role")
    return [
        statement
        for policy in template.of_type("AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Properties"]["Roles"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "xray" in str(statement["Action"])
    ]


def test_a_topic_that_is_given_is_used(tmp_path: Path) -> None:
    arn = "arn:aws:sns:eu-west-1:123456789012:ops"
    template = synthesize(tmp_path, alarm_topic_arn=arn)
    assert template.of_type("AWS::SNS::Topic") == {}
    assert {tuple(a["AlarmActions"]) for a in _alarms(template).values()} == {(arn,)}


# Dollars a month; us-east-1 list prices, no free tier.
ALARM_SERIES, DASHBOARD, KMS_KEY, POLLED_QUEUE, SECRET = 0.10, 3.00, 1.00, 0.26, 0.40
SWEEP = 0.15
"""Its runs, the reads of one project's audit, and looking into three dead-letter queues."""
IDLE_BUDGET = 6.00


def idle_dollars(template: Template) -> float:
    """A month in which no event comes. Metrics that nothing writes are not billed."""
    series = sum(len(_series(alarm)) for alarm in _alarms(template).values())
    polled = [
        m
        for m in template.of_type("AWS::Lambda::EventSourceMapping").values()
        if "MaximumBatchingWindowInSeconds" in m["Properties"]
    ]
    return (
        series * ALARM_SERIES
        + len(polled) * POLLED_QUEUE
        + len(template.of_type("AWS::CloudWatch::Dashboard")) * DASHBOARD
        + len(template.of_type("AWS::KMS::Key")) * KMS_KEY
        + len(template.of_type("AWS::SecretsManager::Secret")) * SECRET
        + SWEEP
    )


def test_an_idle_stack_stays_within_its_budget(prod: Template) -> None:
    assert 3 <= idle_dollars(prod) <= IDLE_BUDGET


def test_a_dashboard_shows_the_pipeline_from_left_to_right(prod: Template, local: Template) -> None:
    assert prod.of_type("AWS::CloudWatch::Dashboard") == {}
    (board,) = local.of_type("AWS::CloudWatch::Dashboard").values()
    body = "".join(
        part if isinstance(part, str) else "X"
        for part in board["Properties"]["DashboardBody"]["Fn::Join"][1]
    )
    titles = re.findall(r'"title":"([1-4] [^"]+)"', body)
    assert titles == sorted(titles)
    assert len(titles) == 4


@pytest.mark.parametrize(
    ("math", "seen", "value"),
    [
        ("", [3.0], 3.0),
        ("", [None], None),
        ("sum", [None, None], None),
        ("sum", [None, 2.0], 2.0),
        ("share", [10.0, 40.0], 25.0),
        ("share", [None, 40.0], 0.0),
        ("share", [10.0, 10.0], 0.0),  # too few to say
        ("shortfall", [10.0, 40.0], 75.0),
        ("shortfall", [None, 40.0], 100.0),
        ("shortfall", [None, None], None),
    ],
)
def test_values_are_what_the_expressions_mean(math: Any, seen: Any, value: float | None) -> None:
    series = tuple(Series(OWN, str(n), "Sum") for n in range(len(seen)))
    alarm = Alarm("A", "a", "A.", series, at_least=50, math=math)
    assert alarm.value(seen) == value
    assert alarm.fires(seen) is (value is not None and value >= 50)
