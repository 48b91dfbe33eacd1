"""Hooktrace: a webhook gateway in which every event can be traced to its outcome."""
