"""Every alarm as data: what it watches, when it fires, and where the runbook speaks of it.

The stack builds CloudWatch alarms from this table, `tools.break_it` judges what it observed by it,
and tests hold both to it. It is made from the lists of rooms and queues, so a new room or queue
has its alarms without a line here. Billed: $0.10 a month for each series of an alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

OWN, LAMBDA, SQS = "Hooktrace", "AWS/Lambda", "AWS/SQS"
API, TABLE = "AWS/ApiGateway", "AWS/DynamoDB"

Level = Literal["essential", "standard", "all"]
LEVELS: tuple[Level, ...] = ("essential", "standard", "all")
"""Each has the alarms of those before it: errors of rooms and throttled tables from `standard` on,
throttled rooms in `all` alone. A throttled room shows elsewhere too: as the age of its queue or
stream, as 5xx of the API, as a sweep that does not run."""
Missing = Literal["breaching", "notBreaching"]
Math = Literal["", "sum", "share", "shortfall"]

LEAST = 20
"""A share of fewer events or attempts than this in a period says nothing."""
QUEUE_AGE_SECONDS: Mapping[str, int] = {"Match": 300}
OTHER_QUEUE_AGE_SECONDS = 1_800
"""A retry may wait 15 minutes in its queue, and be hidden for 6 more when its worker died."""


@dataclass(frozen=True, slots=True)
class Series:
    """A metric. `owner` names the resource whose dimension it has: "room:sweep", "table:Ledger"."""

    namespace: str
    name: str
    statistic: str
    owner: str | None = None
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Alarm:
    """Fires when `at_least` (or with `below`, less than that) is seen in `of` of `periods` periods.

    With several series `math` says what is compared: their sum, the first as a share of the second
    in percent, or what the first is short of the second, in percent.
    """

    name: str
    section: str
    says: str
    series: tuple[Series, ...]
    at_least: float
    seconds: int = 60
    periods: int = 1
    of: int | None = None
    math: Math = ""
    below: bool = False
    missing: Missing = "notBreaching"
    level: Level = "essential"

    @property
    def expression(self) -> str | None:
        """The series, called m0, m1, in CloudWatch's metric math; None for a single one."""
        if self.math == "":
            return None
        if self.math == "sum":
            return " + ".join(f"FILL(m{n}, 0)" for n in range(len(self.series)))
        part = "FILL(m0, 0)" if self.math == "share" else "(m1 - FILL(m0, 0))"
        return f"IF(FILL(m1, 0) >= {LEAST}, 100 * {part} / m1, 0)"

    def value(self, seen: Iterable[float | None]) -> float | None:
        """What is compared, from the values of one period; None when there is nothing to go by."""
        values = list(seen)
        if self.math == "":
            return values[0]
        if self.math == "sum":
            return None if set(values) == {None} else sum(v or 0 for v in values)
        part, whole = values
        if whole is None:
            return None
        if whole < LEAST:
            return 0
        return 100 * ((part or 0) if self.math == "share" else whole - (part or 0)) / whole

    def fires(self, seen: Iterable[float | None]) -> bool:
        """Whether a period with these values breaches."""
        value = self.value(seen)
        if value is None:
            return self.missing == "breaching"
        return value < self.at_least if self.below else value >= self.at_least


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a deployment may set."""

    delivered_seconds: int = 300
    discard_percent: int = 50
    failure_percent: int = 50


def alarm_table(
    *,
    rooms: Iterable[str],
    queues: Iterable[str],
    drained: Iterable[str],
    streams: Iterable[str],
    tables: Iterable[str],
    thresholds: Thresholds,
) -> list[Alarm]:
    """The alarms of a deployment.

    `queues` are named as in the stack, dead-letter queues end in "Dlq"; `drained` are those that
    sweep reads; `streams` are the rooms that read the ledger's stream.
    """
    names = list(queues)
    table = [_dead_letters(name, set(drained)) for name in names if name.endswith("Dlq")]
    table += [_age(name) for name in names if not name.endswith("Dlq")]
    table += _outcomes(thresholds)
    table += _sweep()
    table += [_stream(room) for room in streams]
    table.append(
        Alarm(
            name="Api5xx",
            section="api-5xx",
            says="The API answers with 5xx.",
            series=(Series(API, "5xx", "Sum", "api"),),
            at_least=5,
            seconds=300,
        )
    )
    for room in rooms:
        table += _room(room)
    table += [_throttles(name) for name in tables]
    return table


def _dead_letters(name: str, drained: set[str]) -> Alarm:
    """Sweep empties its dead-letter queues within the minute: what it took out counts too."""
    depth = Series(SQS, "ApproximateNumberOfMessagesVisible", "Maximum", f"queue:{name}")
    taken = Series(SQS, "NumberOfMessagesReceived", "Sum", f"queue:{name}")
    is_drained = name in drained
    return Alarm(
        name=f"{name.removesuffix('Dlq')}DeadLetters",
        section="dead-letters",
        says=f"Work of {name.removesuffix('Dlq').lower()} ended in its dead-letter queue.",
        series=(depth, taken) if is_drained else (depth,),
        math="sum" if is_drained else "",
        at_least=1,
    )


def _age(name: str) -> Alarm:
    return Alarm(
        name=f"{name}QueueAge",
        section="queue-age",
        says=f"Messages wait too long in the {name.lower()} queue.",
        series=(Series(SQS, "ApproximateAgeOfOldestMessage", "Maximum", f"queue:{name}"),),
        at_least=QUEUE_AGE_SECONDS.get(name, OTHER_QUEUE_AGE_SECONDS),
        periods=5,
        of=3,
    )


def _outcomes(limits: Thresholds) -> list[Alarm]:
    accepted, attempts = Series(OWN, "Accepted", "Sum"), Series(OWN, "Attempts", "Sum")
    return [
        Alarm(
            name="FirstAttemptSlow",
            section="first-attempt-slow",
            says="One event in a hundred waits half a minute for its first attempt.",
            series=(Series(OWN, "TimeToFirstAttempt", "p99"),),
            at_least=30_000,
            seconds=300,
            periods=3,
        ),
        Alarm(
            name="DeliveredSlow",
            section="delivered-slow",
            says="The slowest hundredth of deliveries takes too long from accepted to delivered.",
            series=(Series(OWN, "TimeToTerminal", "p99", dimensions=(("outcome", "success"),)),),
            at_least=limits.delivered_seconds * 1_000,
            seconds=300,
            periods=3,
        ),
        Alarm(
            name="DiscardRate",
            section="discard-rate",
            says="An unusual share of events matches no subscription.",
            series=(Series(OWN, "Discarded", "Sum"), accepted),
            math="share",
            at_least=limits.discard_percent,
            seconds=300,
            periods=3,
        ),
        Alarm(
            name="FailureRate",
            section="failure-rate",
            says="An unusual share of attempts fails.",
            series=(Series(OWN, "Delivered", "Sum"), attempts),
            math="shortfall",
            at_least=limits.failure_percent,
            seconds=300,
            periods=3,
        ),
    ]


def _sweep() -> list[Alarm]:
    return [
        Alarm(
            name="SweepNotRunning",
            section="sweep-not-running",
            says="The sweep does not run: nothing heals, and late retries are not sent.",
            series=(Series(LAMBDA, "Invocations", "Sum", "room:sweep"),),
            at_least=1,
            below=True,
            periods=5,
            missing="breaching",
        ),
        Alarm(
            name="OldestWaiting",
            section="oldest-waiting",
            says="Sweep finds work that has waited for more than a quarter of an hour.",
            series=(Series(OWN, "OldestWaiting", "Maximum"),),
            at_least=900,
            seconds=300,
        ),
    ]


def _stream(room: str) -> Alarm:
    return Alarm(
        name=f"{room.title()}StreamAge",
        section="stream-age",
        says=f"The {room} room falls behind the ledger's stream.",
        series=(Series(LAMBDA, "IteratorAge", "Maximum", f"room:{room}"),),
        at_least=300_000,
        periods=5,
        of=3,
    )


def _room(room: str) -> list[Alarm]:
    return [
        Alarm(
            name=f"{room.title()}Errors",
            section="room-errors",
            says=f"Runs of the {room} room crash or run out of time.",
            series=(Series(LAMBDA, "Errors", "Sum", f"room:{room}"),),
            at_least=3,
            seconds=300,
            level="standard",
        ),
        Alarm(
            name=f"{room.title()}Throttles",
            section="room-throttles",
            says=f"Lambda refuses to start the {room} room: no concurrency is left.",
            series=(Series(LAMBDA, "Throttles", "Sum", f"room:{room}"),),
            at_least=5,
            seconds=300,
            level="all",
        ),
    ]


def _throttles(table: str) -> Alarm:
    series = tuple(
        Series(TABLE, f"{kind}ThrottleEvents", "Sum", f"table:{table}")
        for kind in ("Read", "Write")
    )
    return Alarm(
        name=f"{table}Throttles",
        section="table-throttles",
        says=f"DynamoDB throttles the {table.lower()} table.",
        series=series,
        math="sum",
        at_least=10,
        periods=3,
        of=2,
        level="standard",
    )
