"""The bench of memory runs: its processes have what the rooms need."""

from __future__ import annotations

import pytest

from bench.matching_memory import main


def test_each_part_of_the_bench_runs_and_prints_its_peak(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(200) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all("peak" in line and "within" in line for line in lines)
