"""Query: the trace of an event, lists, and the documentation of the API."""
