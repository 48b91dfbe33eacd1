"""What fulfils `hooktrace.ports.TraceCache`: nothing at all, or a Valkey (or Redis) server."""
