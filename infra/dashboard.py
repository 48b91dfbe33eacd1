"""The pipeline on one page, from left to right: accepted, matched, attempted, ended, healed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.alarm_table import API, LAMBDA, OWN, SQS, TABLE
from infra.alarms import Dimensions

PERIOD = cdk.Duration.minutes(5)
WIDTH = 6  # four columns
OUTCOMES = ("success", "http_error", "timeout", "connection_error", "tls_error", "dns_error")
REASONS = ("filter", "type", "disabled", "no_subscriptions")


class Dashboard(Construct):
    """Rows: the flow of events; the time they take; queues; rooms and stores; alarms on top."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        dimensions: Dimensions,
        alarms: Mapping[str, cloudwatch.IAlarm],
    ) -> None:
        super().__init__(scope, name)
        self._dimensions = dimensions
        self.dashboard = cloudwatch.Dashboard(
            self, "Dashboard", default_interval=cdk.Duration.hours(3)
        )
        self.dashboard.add_widgets(
            cloudwatch.AlarmStatusWidget(
                title="Alarms", alarms=list(alarms.values()), width=4 * WIDTH, height=4
            )
        )
        self.dashboard.add_widgets(*self._flow())
        self.dashboard.add_widgets(*self._times())
        self.dashboard.add_widgets(*self._queues())
        self.dashboard.add_widgets(*self._rooms())

    def _flow(self) -> list[cloudwatch.IWidget]:
        calls = [_metric(API, name, "Sum", self._dimensions["api"]) for name in ("Count", "5xx")]
        discarded = [_metric(OWN, "Discarded", "Sum", {"reason": reason}) for reason in REASONS]
        attempts = [_metric(OWN, "Attempts", "Sum", {"outcome": one}) for one in OUTCOMES]
        return [
            _graph("1 API calls", calls),
            _graph("2 Events accepted, discarded", [_metric(OWN, "Accepted", "Sum"), *discarded]),
            _graph("3 Attempts by outcome", attempts),
            _graph(
                "4 Delivered, retried, slow lane",
                [_metric(OWN, name, "Sum") for name in ("Delivered", "Retries", "SlowAttempts")],
            ),
        ]

    def _times(self) -> list[cloudwatch.IWidget]:
        delivered = {"outcome": "success"}
        return [
            _graph(
                "API latency (ms)",
                [_metric(API, "Latency", s, self._dimensions["api"]) for s in ("p50", "p99")],
            ),
            _graph(
                "Accepted to first attempt (ms)",
                [_metric(OWN, "TimeToFirstAttempt", statistic) for statistic in ("p50", "p99")],
            ),
            _graph(
                "Accepted to delivered (ms)",
                [_metric(OWN, "TimeToTerminal", s, delivered) for s in ("p50", "p90", "p99")],
            ),
            _graph(
                "Sweep: repairs, oldest waiting (s)",
                [
                    _metric(OWN, "SweepRepairs", "Sum"),
                    _metric(OWN, "OldestWaiting", "Maximum"),
                ],
            ),
        ]

    def _queues(self) -> list[cloudwatch.IWidget]:
        queues = [n for n in self._dimensions if n.startswith("queue:") and not n.endswith("Dlq")]
        dead = [n for n in self._dimensions if n.startswith("queue:") and n.endswith("Dlq")]
        visible, age = "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"
        return [
            _graph("Messages waiting", self._each(SQS, visible, "Maximum", queues)),
            _graph("Oldest message (s)", self._each(SQS, age, "Maximum", queues)),
            _graph("Dead letters", self._each(SQS, visible, "Maximum", dead)),
            _graph("Stream age (ms)", self._each(LAMBDA, "IteratorAge", "Maximum", _NOTIFY)),
        ]

    def _rooms(self) -> list[cloudwatch.IWidget]:
        rooms = [name for name in self._dimensions if name.startswith("room:")]
        tables = [name for name in self._dimensions if name.startswith("table:")]
        throttled = [
            metric
            for kind in ("Read", "Write")
            for metric in self._each(TABLE, f"{kind}ThrottleEvents", "Sum", tables)
        ]
        return [
            _graph("Errors", self._each(LAMBDA, "Errors", "Sum", rooms)),
            _graph("Throttles", self._each(LAMBDA, "Throttles", "Sum", rooms)),
            _graph("Concurrent runs", self._each(LAMBDA, "ConcurrentExecutions", "Maximum", rooms)),
            _graph("Table throttles", throttled),
        ]

    def _each(
        self, namespace: str, name: str, statistic: str, owners: Sequence[str]
    ) -> list[cloudwatch.IMetric]:
        return [
            _metric(namespace, name, statistic, self._dimensions[owner], owner.partition(":")[2])
            for owner in owners
        ]


_NOTIFY = ("room:notify",)


def _metric(
    namespace: str,
    name: str,
    statistic: str,
    dimensions: Mapping[str, str] | None = None,
    label: str | None = None,
) -> cloudwatch.IMetric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        statistic=statistic,
        dimensions_map=dict(dimensions) if dimensions else None,
        label=label,
        period=PERIOD,
    )


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.IWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=WIDTH, height=6)
