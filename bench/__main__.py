"""Runs the benches named on the command line, or all of them."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import bench


def main(names: list[str]) -> int:
    known = sorted(m.name for m in pkgutil.iter_modules(bench.__path__) if m.name != "__main__")
    unknown = set(names) - set(known)
    if unknown:
        sys.stderr.write(f"no bench {', '.join(sorted(unknown))}; there are: {', '.join(known)}\n")
        return 2
    failed = 0
    for name in names or known:
        sys.stdout.write(f"\n== {name}\n")
        missed = importlib.import_module(f"bench.{name}").main()
        failed += missed if isinstance(missed, int) else 0  # how many budgets were missed
    return min(failed, 1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
