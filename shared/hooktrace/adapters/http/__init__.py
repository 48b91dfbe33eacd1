"""The outgoing side: one request to an endpoint, and what came of it."""

from hooktrace.adapters.http.sender import HttpSender

__all__ = ["HttpSender"]
