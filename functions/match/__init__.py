"""Match: which subscriptions want an event, and why the others do not."""
