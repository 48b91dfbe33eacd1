"""The pipeline in memory, with the lines that its rooms would log."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from functions.deliver.lines import deliver_lines
from functions.match.lines import match_lines
from functions.sweep.lines import sweep_line
from hooktrace.domain.messages import MatchTaskV1
from hooktrace.usecases.delivery_jobs import Attempted, PutBack
from hooktrace.usecases.match_events import Matched
from tests.world import World

LOG_LINE_OVERHEAD = 26  # bytes that CloudWatch Logs adds to each line it bills


@dataclass(frozen=True, slots=True)
class Datum:
    """One value that CloudWatch takes from a line: namespace, name, dimension values, value."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str
    values: tuple[float, ...]


class LoggedWorld(World):
    """A world whose match, deliver and sweep log into `lines`. `slow`: deliver is the slow lane."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.lines: list[dict[str, Any]] = []
        self.slow = False
        super().__init__(*args, **kwargs)

    def _work(self, queue: Any, messages: Any, kind: Any, run: Any, back: type) -> list[Any]:
        seen: list[Any] = []

        def watched(tasks: list[Any]) -> list[Any]:
            seen.extend(tasks)
            return list(run(tasks))

        answers = super()._work(queue, messages, kind, watched, back)
        if kind is MatchTaskV1:
            done = [
                (task.event_id, one)
                for task, one in zip(seen, answers, strict=True)
                if isinstance(one, Matched)
            ]
            self._log(match_lines(done, []))
        else:
            attempted = [one for one in answers if isinstance(one, Attempted)]
            put_back = [f"{a.delivery_id}: {a.why}" for a in answers if isinstance(a, PutBack)]
            over = len(answers) - len(attempted) - len(put_back)
            self._log(deliver_lines(attempted, over=over, back=put_back, slow=self.slow))
        return answers

    def sweep(self) -> Any:
        counts = super().sweep()
        self._log([sweep_line(counts)])
        return counts

    def _log(self, lines: Iterable[dict[str, Any]]) -> None:
        """As it arrives in CloudWatch: through JSON."""
        self.lines += [
            json.loads(json.dumps({k: v for k, v in line.items() if v is not None}, default=str))
            for line in lines
        ]

    def bytes(self) -> int:
        """What CloudWatch Logs would bill for these lines."""
        dumped = (json.dumps(line, separators=(",", ":")) for line in self.lines)
        return sum(len(line.encode()) + LOG_LINE_OVERHEAD for line in dumped)

    def data(self, name: str | None = None) -> list[Datum]:
        """Every value in the lines so far, or those of one name."""
        return [d for line in self.lines for d in data_of(line) if name in {None, d.name}]

    def total(self, name: str, **dimensions: str) -> float:
        """The sum of a metric over the lines so far, in exactly these dimensions."""
        wanted = tuple(sorted(dimensions.items()))
        return sum(sum(d.values) for d in self.data(name) if d.dimensions == wanted)


def data_of(line: dict[str, Any]) -> list[Datum]:
    """What CloudWatch takes from a line, by the specification of the embedded metric format."""
    found = []
    for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
        for names in directive["Dimensions"]:
            dimensions = tuple(sorted((name, line[name]) for name in names))
            for metric in directive["Metrics"]:
                value = line[metric["Name"]]
                values = tuple(value) if isinstance(value, list) else (value,)
                datum = Datum(
                    directive["Namespace"], metric["Name"], dimensions, metric["Unit"], values
                )
                found.append(datum)
    return found
