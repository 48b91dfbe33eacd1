"""The EventBridge bus on which notify tells what became of events."""

from __future__ import annotations

from aws_cdk import aws_events as events
from constructs import Construct


class Bus(Construct):
    """A bus of the stack's own: rules on it see Hooktrace's notifications and nothing else."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        self.bus = events.EventBus(self, "Bus", description="Hooktrace notifications")
