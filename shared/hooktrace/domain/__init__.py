"""The pure part: words, states, filters, schedules. No clock, no random numbers, no I/O."""
