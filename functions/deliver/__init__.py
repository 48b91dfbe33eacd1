"""Deliver: claim, send, record."""
