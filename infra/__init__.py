"""The CDK app: one construct per concern."""
