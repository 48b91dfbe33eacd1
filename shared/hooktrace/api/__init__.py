"""The edge of the rooms behind the HTTP API. Rooms import `hooktrace.api.http`."""
