"""The demo: real sample events through the local stack, and the trace of each checked."""
