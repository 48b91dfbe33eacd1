"""`python -m tools.demo`: real events through the local stack, each traced to its outcome.

Starts the local stack if it does not run, unless `--state` names another.
Exit code 0 only if every event came to the outcome that is expected for it, and every request
that the receiver got has a valid signature and the exact bytes of the event's data.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.demo import report
from tools.demo.checks import ENDS, Made, check_received, difference, expected_status
from tools.demo.samples import FAILS, SUBSCRIPTIONS, WORKS, Sample, expected, load_samples, pick
from tools.demo.stack import DemoError, Stack, connect

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "node_modules/@octokit/webhooks-examples/api.github.com/index.json"
DEFAULT_PORT = "4566"
WAIT_SECONDS = 180.0
POLL_SECONDS = 0.5
ASKED_AT_ONCE = 24
SHOWN_DISCARDED = "github.release.prereleased"

Traces = Mapping[str, Mapping[str, Any]]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the demo; 0 when all is as expected, else 1 and one line that says what is not."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description=__doc__)
    parser.add_argument("--state", type=Path, help="file that describes the stack")
    parser.add_argument("--samples", type=Path, default=SAMPLES, help="the payloads' index.json")
    parser.add_argument("--all", action="store_true", help="send every payload of the file")
    parser.add_argument("--wait", type=float, default=WAIT_SECONDS, help="seconds for outcomes")
    options = parser.parse_args(argv)
    try:
        with connect(options.state or start_stack()) as stack:
            samples = _samples(options.samples)
            run(stack, samples if options.all else pick(samples), options.wait)
    except DemoError as error:
        print(f"demo: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def start_stack() -> Path:
    """Sees that the local stack runs; the file in which it describes itself. Raises DemoError."""
    _say("seeing that the local stack runs; starting it takes about a minute")
    command = [sys.executable, "-m", "tools.local_stack", "up"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DemoError(f"the local stack does not start: {done.stderr.strip()}")
    port = os.environ.get("HOOKTRACE_PORT", DEFAULT_PORT)
    return ROOT / ".hooktrace" / ("local.json" if port == DEFAULT_PORT else f"local-{port}.json")


def run(stack: Stack, samples: Sequence[Sample], wait_seconds: float) -> None:
    """The demo on a stack. Raises DemoError."""
    project = stack.post("/v1/projects", {"name": "demo", "allow_http": True})
    stack = stack.with_key(project["admin_key"]["token"])
    made = create(stack, project["id"])
    _say(f"stack         {stack.state['api_url']}")
    _say(f"project       {project['id']}")
    _say(f"endpoints     {WORKS} (answers 200), {FAILS} (answers 503)")
    _say(f"subscriptions {len(made.subscriptions)}")
    started = time.monotonic()
    ids = stack.post_events(sample.body() for sample in samples)
    kinds = len({sample.type for sample in samples})
    seconds = time.monotonic() - started
    _say(f"events        {len(ids)} of {kinds} types posted in {seconds:.1f} s, all answered 202")
    events = dict(zip(ids, samples, strict=True))
    traces = wait_for_outcomes(stack, events, made, wait_seconds)
    seconds = time.monotonic() - started
    _say(f"outcomes      {len(traces)} as expected, {seconds:.1f} s after the first post")
    requests = {name: stack.received(path) for name, path in made.paths.items()}
    verified = check_received(events, requests, made)
    bodies = {one.headers["webhook-id"]: len(one.body) for one in requests[WORKS]}
    _show(stack, events, traces, made, bodies)
    reader = stack.post("/v1/keys", {"name": "demo", "scopes": ["read"]})["token"]
    counts = Counter(trace["status"] for trace in traces.values())
    _say(
        f"\n{len(ids)} accepted: {counts['succeeded']} succeeded, {counts['discarded']} discarded, "
        f"{counts['delivering']} delivering; {verified} requests received, "
        f"{verified} signatures verified"
    )
    _say("\nThey are in a project of their own, which this key reads:")
    for path in (f"/v1/events/{ids[0]}", "/v1/events?status=discarded"):
        _say(f"  {stack.with_key(reader).curl(path)}")


def create(stack: Stack, project_id: str) -> Made:
    """The endpoints and subscriptions of the demo, in a new project."""
    # The receiver takes its behaviour from the path; the project's id keeps runs apart.
    paths = {WORKS: f"/demo/{project_id}", FAILS: f"/status/503/{project_id}"}
    endpoints = {
        name: stack.post("/v1/endpoints", {"url": stack.state["receiver_url"] + path})
        for name, path in paths.items()
    }
    ids = {name: endpoint["id"] for name, endpoint in endpoints.items()}
    subscriptions = {}
    for one in SUBSCRIPTIONS:
        body = {
            "endpoint_id": ids[one.endpoint],
            "event_types": one.event_types,
            "filter": one.filter,
            "description": one.name,
        }
        subscriptions[one.name] = stack.post("/v1/subscriptions", body)["id"]
    secrets = {name: endpoint["secret"] for name, endpoint in endpoints.items()}
    return Made(ids, secrets, paths, subscriptions)


def wait_for_outcomes(
    stack: Stack, events: Mapping[str, Sample], made: Made, wait_seconds: float
) -> dict[str, dict[str, Any]]:
    """The traces once all are as expected. Raises DemoError when one is not in time, or ended
    otherwise."""
    deadline = time.monotonic() + wait_seconds
    done: dict[str, dict[str, Any]] = {}
    while True:
        waiting = [one for one in events if one not in done]
        if not waiting:
            return {event_id: done[event_id] for event_id in events}
        wrong = {}
        for event_id, trace in _traces(stack, waiting[:ASKED_AT_ONCE]):
            text = difference(events[event_id], trace, made)
            if text is None:
                done[event_id] = trace
                continue
            wrong[event_id] = text
            if trace["status"] in ENDS:
                raise DemoError(f"{event_id} ({events[event_id].type}): {text}")
        if wrong and time.monotonic() > deadline:
            event_id, text = next(iter(wrong.items()))
            raise DemoError(
                f"{len(events) - len(done)} of {len(events)} events have no outcome after "
                f"{wait_seconds:g} s; "
                f"the first is {event_id} ({events[event_id].type}): {text}"
            )
        if wrong:
            time.sleep(POLL_SECONDS)


def _traces(stack: Stack, ids: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    return zip(ids, stack.traces(ids), strict=True)


def _show(
    stack: Stack,
    events: Mapping[str, Sample],
    traces: Traces,
    made: Made,
    bodies: Mapping[str, int],
) -> None:
    """One trace of each kind, where possible one that has much to show."""
    both = (i for i, s in events.items() if len(expected(s).get(WORKS, ())) == 2)
    good = _first(both, events, "succeeded")
    size = len(events[good].data)
    lines = report.delivered(traces[good], made, size, bodies[good])
    near = (i for i, s in events.items() if s.type == SHOWN_DISCARDED)
    lines += report.discarded(traces[_first(near, events, "discarded")], made)
    two = (i for i, s in events.items() if len(expected(s)) == 2)
    bad = _first(two, events, "delivering")
    # Read anew: since the outcomes were waited for, further attempts may have been made.
    lines += report.failing(stack.get(f"/v1/events/{bad}"), made, datetime.now(UTC))
    _say("\n".join(lines))


def _first(preferred: Iterable[str], events: Mapping[str, Sample], status: str) -> str:
    """The first event of that status, if possible a preferred one."""
    wanted = [i for i, sample in events.items() if expected_status(sample) == status]
    return next((i for i in preferred if i in wanted), wanted[0])


def _samples(file: Path) -> list[Sample]:
    try:
        return load_samples(file)
    except (OSError, ValueError) as error:
        raise DemoError(f"no sample payloads ({error}); run `make setup`") from error


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
