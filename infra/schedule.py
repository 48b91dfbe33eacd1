"""The clock of sweep."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra.function import Room


class Schedule(Construct):
    """Once a minute. A minute that fails is not repeated: the next one does its work."""

    def __init__(self, scope: Construct, name: str, *, sweep: Room) -> None:
        super().__init__(scope, name)
        self.rule = events.Rule(
            self,
            "EveryMinute",
            description="Hooktrace sweep",
            schedule=events.Schedule.rate(cdk.Duration.minutes(1)),
            targets=[
                targets.LambdaFunction(
                    sweep.entry, retry_attempts=0, max_event_age=cdk.Duration.minutes(1)
                )
            ],
        )
