#!/usr/bin/env bash
# Compile requirements/*.in to locks with versions and hashes that serve Python 3.11 to 3.13.
# Addresses and machine paths stay out of them. `--upgrade` takes newer versions.
set -euo pipefail
cd "$(dirname "$0")/.."
for name in uv runtime dev emulator; do
  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-header --no-annotate "$@" \
    --output-file "requirements/$name.txt" "requirements/$name.in"
done
