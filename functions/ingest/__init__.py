"""Ingest: an event is accepted when ledger and queue both hold it."""
