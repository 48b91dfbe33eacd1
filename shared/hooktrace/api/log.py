"""One line of JSON for each unit of work, on standard output.

Lambda ships what a function prints; nothing else is needed, and a line costs microseconds. A line
holds names, numbers and ids. It never holds bodies, secrets or the text of foreign exceptions,
which may quote either.
"""

from __future__ import annotations

import itertools
import json
import traceback
from collections.abc import Callable, Mapping

from hooktrace.domain.errors import HooktraceError

LogLine = Callable[[Mapping[str, object]], None]

MAX_FRAMES = 12

_lines = itertools.count()


def print_line(fields: Mapping[str, object]) -> None:
    """Prints the fields that are not None as one line of JSON, at once.

    The first line of a process says `cold`: Lambda's own report, which would, is not kept.
    """
    kept = {name: value for name, value in fields.items() if value is not None}
    if next(_lines) == 0:
        kept["cold"] = True
    print(json.dumps(kept, separators=(",", ":"), default=str), flush=True)


def describe_error(error: BaseException) -> dict[str, object]:
    """The fields that describe an exception: its types, where it came from, our own text."""
    kinds: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(kinds) < MAX_FRAMES:
        own = isinstance(seen, HooktraceError)
        kinds.append(f"{type(seen).__name__}: {seen}" if own else type(seen).__name__)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}:{frame.name}" for frame in frames]
    return {"error": kinds, "at": where}
