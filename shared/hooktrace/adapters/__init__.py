"""The outside world: DynamoDB, SQS, S3, HTTP, and the shipped in-memory fakes."""
