"""Breaks the local stack on purpose, and shows the alarm, the trace and the log line of each."""
