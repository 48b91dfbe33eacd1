"""Questions to the logs, saved in CloudWatch Logs Insights under "Hooktrace/".

They are kept as data: a test holds each field they name to the lines that the code writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_logs as logs
from constructs import Construct


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query over the logs of some rooms; without any, over those of all."""

    name: str
    text: tuple[str, ...]
    rooms: tuple[str, ...] = ()


QUERIES: Final = (
    SavedQuery(
        "Why was this event not delivered",
        (
            "# Put the event's id without its prefix `evt_` in place of EVENT.",
            "fields @timestamp, room, status, code, outcome, http, reason, back, @message",
            "filter @message like /EVENT/",
            "sort @timestamp asc",
            "limit 100",
        ),
    ),
    SavedQuery(
        "Failed attempts by outcome and status",
        (
            'filter room = "deliver" and ispresent(outcome) and outcome != "success"',
            "stats sum(Attempts) as attempts by outcome, http",
            "sort attempts desc",
        ),
        ("deliver",),
    ),
    SavedQuery(
        "Slowest endpoints",
        (
            'filter room = "deliver" and ispresent(slowest)',
            "stats max(slowest_ms) as worst_ms, avg(slowest_ms) as mean_ms, count(*) as lines"
            " by slowest",
            "sort worst_ms desc",
            "limit 50",
        ),
        ("deliver",),
    ),
    SavedQuery(
        "Discarded events by reason",
        (
            "filter Discarded > 0",
            "stats sum(Discarded) as events by reason, bin(1h)",
            "sort events desc",
        ),
        ("match",),
    ),
    SavedQuery(
        "Messages put back",
        (
            "fields @timestamp, room, back.0, back.1, back.2",
            "filter ispresent(back.0)",
            "sort @timestamp desc",
            "limit 100",
        ),
        ("match", "deliver"),
    ),
    SavedQuery(
        "What sweep repaired",
        (
            "fields @timestamp, SweepRepairs, match_sent_again, deliver_sent_again, rolled_up,"
            " dead_written_back, dead_unreadable, OldestWaiting",
            "filter SweepRepairs > 0 or OldestWaiting > 0 or dead_unreadable > 0",
            "sort @timestamp desc",
            "limit 100",
        ),
        ("sweep",),
    ),
    SavedQuery(
        "Errors of ours",
        (
            "fields @timestamp, room, route, code, request_id, error.0, at.0, @message",
            'filter level = "error" or level = "ERROR"',
            "sort @timestamp desc",
            "limit 100",
        ),
    ),
    SavedQuery(
        "Refused calls by code",
        (
            "filter status >= 400",
            "stats count(*) as calls by room, route, status, code",
            "sort calls desc",
        ),
        ("ingest", "query", "manage"),
    ),
    SavedQuery(
        "Slow calls",
        (
            "filter ispresent(route)",
            "stats pct(ms, 50) as p50, pct(ms, 99) as p99, count(*) as calls by room, route",
            "sort p99 desc",
        ),
        ("ingest", "query", "manage"),
    ),
    SavedQuery(
        "Cold starts",
        ("filter cold = 1", "stats count(*) as starts by room, bin(1h)", "sort starts desc"),
    ),
)


class SavedQueries(Construct):
    """A query definition for each; they cost nothing until they are run."""

    def __init__(
        self, scope: Construct, name: str, *, log_groups: Mapping[str, logs.ILogGroup]
    ) -> None:
        super().__init__(scope, name)
        for query in QUERIES:
            groups: Sequence[logs.ILogGroup] = [
                log_groups[room] for room in (query.rooms or log_groups) if room in log_groups
            ]
            logs.CfnQueryDefinition(
                self,
                query.name.title().replace(" ", ""),
                name=f"Hooktrace/{query.name}",
                query_string=_text(query.text),
                log_group_names=[group.log_group_name for group in groups],
            )


def _text(lines: Sequence[str]) -> str:
    """Comments on lines of their own, commands joined by pipes."""
    comments = [line for line in lines if line.startswith("#")]
    commands = [line for line in lines if not line.startswith("#")]
    return "\n".join([*comments, "\n| ".join(commands)])
