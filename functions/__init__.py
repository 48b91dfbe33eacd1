"""The rooms: one folder a Lambda. They meet in the messages, never in code."""
