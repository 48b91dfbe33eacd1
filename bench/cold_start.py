"""Cold start of ingest: process CPU of import and wiring, from the bundle with its `.pyc`.

The `host` bundle holds all dependencies, as the one for AWS does, compiled for this Python. The
process sees nothing else (`-I -S`). Budget: 700 ms.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from tools.bundle import build

ROUNDS = 7
BUDGET_MS = 700
PROGRAM = """
import sys, time
sys.path.insert(0, sys.argv[1])
from functions.ingest import handler, wiring
handler._handler()
wiring.wired()
print(time.process_time() * 1000)
"""


def main() -> int:
    bundle = str(build("host"))
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "LEDGER_TABLE": "ledger",
        "REGISTRY_TABLE": "registry",
        "BLOBS_BUCKET": "blobs",
        "MATCH_QUEUE_URL": "http://127.0.0.1:1/match",
    }
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, bundle]
    figures = [
        float(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
        for _ in range(ROUNDS)
    ]
    median = statistics.median(figures)
    sys.stdout.write(
        f"  {'ingest: import + wiring, CPU (ms), median':44s} {median:8.0f}  budget {BUDGET_MS}\n"
    )
    return int(median > BUDGET_MS)


if __name__ == "__main__":
    raise SystemExit(main())
