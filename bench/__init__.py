"""Speed, cost and memory, measured: `python -m bench [name ...]`. Nothing here is a timed test."""
