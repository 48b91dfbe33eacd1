"""The alarms that say a promise is at risk. Few: each costs, and each must be worth waking for."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.function import Room
from infra.queues import Queues
from infra.settings import Settings


class Observability(Construct):
    """A message in any dead-letter queue, and a sweep that keeps failing."""

    def __init__(
        self, scope: Construct, name: str, *, settings: Settings, queues: Queues, sweep: Room
    ) -> None:
        super().__init__(scope, name)
        topic = settings.alarm_topic_arn
        self._action = (
            actions.SnsAction(sns.Topic.from_topic_arn(self, "Topic", topic)) if topic else None
        )
        for lane, queue in queues.dead_letters.items():
            self._alarm(
                f"{lane.title()}DeadLetters",
                f"Work of {lane} ended in its dead-letter queue",
                queue.metric_approximate_number_of_messages_visible(
                    period=cdk.Duration.minutes(1), statistic="Maximum"
                ),
                minutes=1,
            )
        self._alarm(
            "SweepErrors",
            "The sweep fails: retries that are due later than 15 minutes are waiting",
            sweep.function.metric_errors(period=cdk.Duration.minutes(1)),
            minutes=3,
        )

    def _alarm(self, name: str, says: str, metric: cloudwatch.IMetric, *, minutes: int) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_description=says,
            metric=metric,
            threshold=1,
            evaluation_periods=minutes,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        if self._action is not None:
            alarm.add_alarm_action(self._action)
