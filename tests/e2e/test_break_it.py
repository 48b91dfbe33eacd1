"""The exercises: each fires its alarm, and the trace and the log say why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from infra.saved_queries import QUERIES
from tools.break_it.__main__ import fires, told
from tools.break_it.exercises import (
    dead_endpoint,
    poisoned_message,
    stopped_sweep,
    throttled_table,
)
from tools.break_it.workbench import Finding, Workbench, workbench

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


@pytest.fixture
def bench(stack: dict[str, Any]) -> Iterator[Workbench]:
    with workbench(stack) as one:
        yield one


def _check(finding: Finding, alarm: str) -> None:
    assert finding.alarm.name == alarm
    assert fires(finding), finding
    assert finding.lines, finding
    assert finding.query in {query.name for query in QUERIES}
    assert f"{alarm} fires" in told(finding, "curl")


def test_a_dead_endpoint(bench: Workbench) -> None:
    finding = dead_endpoint(bench)
    _check(finding, "FailureRate")
    (delivery,) = finding.trace["deliveries"]
    assert (delivery["status"], delivery["reason"]) == ("failed", "attempts_exhausted")
    assert {(line["outcome"], line["http"]) for line in finding.lines} == {("http_error", 503)}


def test_a_poisoned_message(bench: Workbench) -> None:
    finding = poisoned_message(bench)
    _check(finding, "DeliverDeadLetters")
    (delivery,) = finding.trace["deliveries"]
    assert (delivery["status"], delivery["reason"]) == ("failed", "dead_letter_deliver")


def test_a_stopped_sweep(bench: Workbench) -> None:
    finding = stopped_sweep(bench)
    _check(finding, "SweepNotRunning")
    assert finding.trace["status"] == "accepted"
    assert finding.lines[0]["match_sent_again"] >= 1
    assert "succeeded" in finding.healed


def test_a_throttled_table(bench: Workbench) -> None:
    finding = throttled_table(bench)
    _check(finding, "LedgerThrottles")
    assert finding.trace["status"] == "accepted"
    assert finding.lines[0]["back"]
    assert "succeeded" in finding.healed
