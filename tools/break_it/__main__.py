"""Breaks the local stack, one thing at a time, and shows how one learns of it.

    python -m tools.break_it [dead_endpoint|poisoned_message|stopped_sweep|throttled_table ...]

Needs a running local stack (`make up`). For each exercise: the alarm that fires, judged by the row
of the table that the template's alarms are made from; the trace of an event that suffered; the
lines of the log that the saved query finds; what heals it. Exit code 1 when an alarm would stay
quiet.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from tools.break_it.exercises import EXERCISES
from tools.break_it.workbench import Finding, NotSeen, workbench
from tools.demo.stack import DemoError
from tools.local_stack import LocalStack


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the exercises that are named, or all."""
    names = list(sys.argv[1:] if argv is None else argv)
    known = {exercise.__name__: exercise for exercise in EXERCISES}
    if set(names) - set(known):
        sys.stderr.write(f"break_it: there are {', '.join(known)}\n")
        return 2
    state_file = LocalStack(int(os.environ.get("HOOKTRACE_PORT", "4566"))).state_file
    if not state_file.exists():
        sys.stderr.write("break_it: no local stack runs; start one with `make up`\n")
        return 2
    quiet = 0
    for name in names or known:
        try:
            with workbench(json.loads(state_file.read_text())) as bench:
                finding = known[name](bench)
        except (NotSeen, DemoError) as error:
            sys.stderr.write(f"break_it: {name}: {error}\n")
            return 1
        sys.stdout.write(told(finding, bench.api.curl(f"/v1/events/{finding.trace['id']}")))
        quiet += not fires(finding)
    return min(quiet, 1)


def fires(finding: Finding) -> bool:
    """Whether the alarm of an exercise fires by what was observed."""
    alarm, value = finding.alarm, finding.value
    if value is None:
        return alarm.missing == "breaching"
    return value < alarm.at_least if alarm.below else value >= alarm.at_least


def told(finding: Finding, reads: str) -> str:
    """An exercise as text. `reads`: the command that shows its trace."""
    alarm, trace = finding.alarm, finding.trace
    value = "no data" if finding.value is None else f"{finding.value:g}"
    rule = f"{'below' if alarm.below else 'from'} {alarm.at_least:g}"
    deliveries = [f"{one['status']} ({one['reason']})" for one in trace["deliveries"]]
    kept = [{k: v for k, v in line.items() if k != "_aws"} for line in finding.lines]
    rows = [
        ("alarm", f"{alarm.name} {'fires' if fires(finding) else 'STAYS QUIET'}"),
        ("", f"{alarm.says} Seen {value}; it fires {rule}"),
        ("runbook", f"docs/runbook.md#{alarm.section}"),
        ("trace", f"{trace['id']} {trace['status']} {'; '.join(deliveries)}".rstrip()),
        ("reads", reads),
        ("query", f"Hooktrace/{finding.query}"),
        *(("log", json.dumps(line)) for line in kept),
        ("mends", finding.healed),
        ("pretended", finding.simulated),
    ]
    text = "".join(f"  {name:10s} {said}\n" for name, said in rows)
    return f"{finding.broke.upper()}\n{text}\n"


if __name__ == "__main__":
    sys.exit(main())
