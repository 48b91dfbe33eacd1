"""In-memory fakes that behave like the real adapters and pass the same suites."""
