"""CloudWatch alarms from the table of alarms, and the topic that they tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.acknowledge import acknowledge
from infra.alarm_table import LEVELS, Alarm, Series
from infra.settings import Settings

Dimensions = Mapping[str, Mapping[str, str]]
"""The owner of a series ("room:sweep") -> its dimension in CloudWatch."""


class Alarms(Construct):
    """One alarm for each row; each tells the topic when it fires and when it is over."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        settings: Settings,
        table: Sequence[Alarm],
        dimensions: Dimensions,
    ) -> None:
        super().__init__(scope, name)
        self._dimensions = dimensions
        self._runbook = settings.runbook_url
        self.topic = self._topic(settings)
        self._action = actions.SnsAction(self.topic)
        self.alarms = {
            row.name: self._alarm(row)
            for row in table
            if LEVELS.index(row.level) <= LEVELS.index(settings.alarms)
        }

    def _topic(self, settings: Settings) -> sns.ITopic:
        """The one that is given, or one of the stack's own."""
        if settings.alarm_topic_arn:
            return sns.Topic.from_topic_arn(self, "Topic", settings.alarm_topic_arn)
        topic = sns.Topic(self, "Topic", display_name="Hooktrace alarms", enforce_ssl=True)
        # A policy of its own replaces the default, by which CloudWatch might publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            )
        )
        if settings.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))
        acknowledge(
            topic,
            "AwsSolutions-SNS2",
            "alarms hold names and numbers; CloudWatch cannot publish under the key of the service"
            " and a key of its own costs more than all alarms that matter",
        )
        return topic

    def _alarm(self, row: Alarm) -> cloudwatch.Alarm:
        below = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
        above = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
        percentile = any(one.statistic.startswith("p") for one in row.series)
        alarm = cloudwatch.Alarm(
            self,
            row.name,
            alarm_description=f"{row.says} What to do: {self._runbook}#{row.section}",
            metric=metric_of(row, self._dimensions),
            threshold=row.at_least,
            comparison_operator=below if row.below else above,
            evaluation_periods=row.periods,
            datapoints_to_alarm=row.of,
            treat_missing_data=_MISSING[row.missing],
            evaluate_low_sample_count_percentile="ignore" if percentile else None,
        )
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
        return alarm


_MISSING = {
    "breaching": cloudwatch.TreatMissingData.BREACHING,
    "notBreaching": cloudwatch.TreatMissingData.NOT_BREACHING,
}


def metric_of(row: Alarm, dimensions: Dimensions) -> cloudwatch.IMetric:
    """What an alarm compares: a metric, or metric math over several."""
    period = cdk.Duration.seconds(row.seconds)
    metrics = [_metric(one, dimensions, period) for one in row.series]
    if row.expression is None:
        return metrics[0]
    return cloudwatch.MathExpression(
        expression=row.expression,
        label=row.name,
        period=period,
        using_metrics={f"m{number}": metric for number, metric in enumerate(metrics)},
    )


def _metric(one: Series, dimensions: Dimensions, period: cdk.Duration) -> cloudwatch.Metric:
    own = dimensions[one.owner] if one.owner else dict(one.dimensions)
    return cloudwatch.Metric(
        namespace=one.namespace,
        metric_name=one.name,
        statistic=one.statistic,
        dimensions_map=dict(own) or None,
        period=period,
    )
