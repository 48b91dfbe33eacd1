"""Metrics inside the log line: CloudWatch's embedded metric format, written by Powertools.

A room's wide line is also its metrics: CloudWatch Logs reads `_aws` and takes the named members
of the line as values, so nothing is called and nothing is sent. Only what is not zero is in it.
No id is ever a dimension: each name with each value of its dimension is billed by the month.
Rooms that emit nothing do not import this module, for Powertools takes 9 ms of a cold start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
    AmazonCloudWatchEMFProvider,
)

NAMESPACE: Final = "Hooktrace"
UNITS: Final[Mapping[str, str]] = {
    "Accepted": "Count",
    "Discarded": "Count",
    "Attempts": "Count",
    "Delivered": "Count",
    "Retries": "Count",
    "SlowAttempts": "Count",
    "TimeToFirstAttempt": "Milliseconds",
    "TimeToTerminal": "Milliseconds",
    "OldestWaiting": "Seconds",
    "SweepRepairs": "Count",
}
"""Every metric there is, with its unit; docs/metrics.md says what each means."""
DIMENSIONS: Final[Mapping[str, str]] = {
    "Discarded": "reason",
    "Attempts": "outcome",
    "TimeToTerminal": "outcome",
}
"""The dimension of those that have one. They are also kept in all, without it."""

Value = int | list[int]


def with_metrics(
    fields: Mapping[str, object], values: Mapping[str, Value | None]
) -> dict[str, object]:
    """The line of `fields` with the values of some metrics; a list holds at most 100 of them.

    Values that are None, 0 or an empty list are left out; a line without any is `fields` alone.
    The member that is the dimension of a metric must be among the fields.
    """
    kept = {name: value for name, value in values.items() if value}
    line = dict(fields)
    directives: list[Any] = []
    for dimension in dict.fromkeys(DIMENSIONS.get(name) for name in kept):
        group = {
            name: {"Unit": UNITS[name], "Value": value}
            for name, value in kept.items()
            if DIMENSIONS.get(name) == dimension
        }
        provider = AmazonCloudWatchEMFProvider(namespace=NAMESPACE)
        own = {} if dimension is None else {dimension: str(fields[dimension])}
        if own:
            provider.dimension_sets = [{}]  # beside the dimension, also without it
        blob: dict[str, Any] = dict(provider.serialize_metric_set(group, own, {}))
        head = blob.pop("_aws")
        directives += head["CloudWatchMetrics"]
        line |= blob | {"_aws": head | {"CloudWatchMetrics": directives}}
    return line
