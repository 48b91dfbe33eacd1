"""DynamoDB by its low-level client: batched, conditional, metered."""
